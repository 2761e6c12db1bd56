package hooks

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// Several processes that take our part out at once are not in each other's way: none says
// of the others' half of the work that somebody else changed the hook.
func TestUninstallAtOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "pre-push")
	if err := os.WriteFile(path, []byte("#!/usr/bin/env python3\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if s, err := Install(path, Part{Hook: "pre-push"}); err != nil || s.How != Beside {
			t.Fatal(s, err)
		}
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				if _, err := Uninstall(path, "pre-push"); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
}
