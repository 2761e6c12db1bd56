package hooks_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/hooks"
)

// Beside a hook of somebody's own, and out again.
func Example() {
	dir, err := os.MkdirTemp("", "hooks")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "pre-push")
	if err := os.WriteFile(path, []byte("#!/bin/sh\nmake test\n"), 0o755); err != nil {
		log.Fatal(err)
	}

	status, err := hooks.Install(path, hooks.Part{Hook: hooks.PrePush})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(status.Hook, status.State, status.How)
	taken, err := hooks.Uninstall(path, hooks.PrePush)
	if err != nil {
		log.Fatal(err)
	}
	left, err := os.ReadFile(path)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%t %q\n", taken, left)
	// Output:
	// pre-push installed chained
	// true "#!/bin/sh\nmake test\n"
}

// What git tells a pre-push hook: a branch that the remote has not, and a deletion.
func ExampleReadPushes() {
	zero, id := strings.Repeat("0", 40), strings.Repeat("a", 40)
	pushes, err := hooks.ReadPushes(strings.NewReader(
		"refs/heads/main "+id+" refs/heads/main "+zero+"\n"+
			"(delete) "+zero+" refs/heads/old "+id+"\n"), "sha1")
	if err != nil {
		log.Fatal(err)
	}
	for _, p := range pushes {
		fmt.Printf("%s from %q to %q\n", p.Ref, p.Old.Short(), p.New.Short())
	}
	// Output:
	// refs/heads/main from "" to "aaaaaaaaaa"
	// refs/heads/old from "aaaaaaaaaa" to ""
}
