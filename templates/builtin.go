package templates

import (
	"embed"
	"io/fs"
	"slices"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// trees are the templates of the program, a folder each.
//
//go:embed all:api all:infra all:service all:tool all:web all:worker
var trees embed.FS

// Types lists the folders with templates in a file system, sorted.
func Types(fsys fs.FS) ([]string, error) {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return nil, bad("the templates cannot be read").Because(err)
	}
	var types []string
	for _, e := range entries {
		if _, err := fs.Stat(fsys, e.Name()+"/"+ManifestName); e.IsDir() && err == nil {
			types = append(types, e.Name())
		}
	}
	slices.Sort(types)
	return types, nil
}

// Builtin is the file system of the templates that the program brings: a folder for each type.
func Builtin() fs.FS { return trees }

// Find loads the template of a type. The fault is NoTemplate (VM803), besides those of [Load].
func Find(fsys fs.FS, name string) (*Template, error) {
	types, err := Types(fsys)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(types, name) {
		return nil, fault.New(fault.NoTemplate, "there is no template %.80q: there are %s", name, strings.Join(types, ", "))
	}
	sub, err := fs.Sub(fsys, name)
	if err != nil {
		return nil, bad("the template %s cannot be read", name).Because(err)
	}
	t, err := Load(sub)
	if err == nil && t.ID != name {
		return nil, bad("the template in the folder %s calls itself %s", name, t.ID)
	}
	return t, err
}
