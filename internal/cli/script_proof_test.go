package cli

import (
	"bytes"
	"os"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/VaultSovereign/git-vaultmesh/internal/bundle"
)

// repack IN OUT CHANGE… writes a proof anew, in its one spelling, with other files
// in it: drop=PREFIX leaves files out, add=NAME:FILE puts one in, and
// swap=PREFIX:OLD:NEW changes text in files.
func cmdRepack(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: repack IN OUT CHANGE…")
	}
	files, err := bundle.Read([]byte(ts.ReadFile(args[0])))
	ts.Check(err)
	for _, change := range args[2:] {
		how, what, _ := strings.Cut(change, "=")
		words := strings.Split(what, ":")
		switch how {
		case "drop":
			files = slices.DeleteFunc(files, func(f bundle.File) bool { return strings.HasPrefix(f.Name, words[0]) })
		case "add":
			files = append(files, bundle.File{Name: words[0], Data: []byte(ts.ReadFile(words[1]))})
		case "swap":
			for i, f := range files {
				if strings.HasPrefix(f.Name, words[0]) {
					files[i].Data = bytes.ReplaceAll(f.Data, []byte(words[1]), []byte(words[2]))
				}
			}
		default:
			ts.Fatalf("no change is called %s", how)
		}
	}
	b, err := bundle.Write(files)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), b, 0o644))
}
