package lockfile

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

func TestNoChangeIsLost(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "new", "list")
	const writers = 40
	var wait sync.WaitGroup
	for n := range writers {
		wait.Go(func() {
			err := Update(path, func(old []byte) ([]byte, error) {
				return append(bytes.Clone(old), strconv.Itoa(n)+"\n"...), nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	b, err := Read(path)
	if err != nil || strings.Count(string(b), "\n") != writers {
		t.Errorf("%d lines, %v", strings.Count(string(b), "\n"), err)
	}
	if left, _ := filepath.Glob(path + ".*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestWhatChangesNothingWritesNothing(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "list")
	if err := os.WriteFile(path, []byte("one\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	refused := errors.New("refused")
	for _, c := range []struct {
		edit func([]byte) ([]byte, error)
		err  error
	}{
		{func([]byte) ([]byte, error) { return nil, nil }, nil},
		{func(old []byte) ([]byte, error) { return old, nil }, nil},
		{func([]byte) ([]byte, error) { return []byte("two\n"), refused }, refused},
	} {
		if err := Update(path, c.edit); !errors.Is(err, c.err) {
			t.Error(err)
		}
	}
	after, err := os.Stat(path)
	if err != nil || !os.SameFile(before, after) {
		t.Errorf("the file is another one: %v", err)
	}
	if _, err := os.Stat(path + ".lock"); err == nil {
		t.Error("a lock was left")
	}
}

func TestPlacesThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	edit := func([]byte) ([]byte, error) { return []byte("x"), nil }
	if err := Update(filepath.Join(file, "below"), edit); !fault.Has(err, fault.ReadOnly) {
		t.Errorf("below a file: %v", err)
	}
	if err := Update(dir, edit); !fault.Has(err, fault.ReadFailed) {
		t.Errorf("a folder: %v", err)
	}
	locked := filepath.Join(dir, "locked")
	if err := os.WriteFile(locked+".lock", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Update(locked, edit); !fault.Has(err, fault.ReadOnly) || !strings.Contains(fault.From(err).Cause.Error(), "locked.lock") {
		t.Errorf("with a lock that stays: %v", err)
	}
}
