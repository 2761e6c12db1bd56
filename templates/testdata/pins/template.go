package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/VaultSovereign/git-vaultmesh/templates"
)

// service is what the products are named here.
const service = "orders"

// A tree is a template's files, some of which are replaced.
type tree struct {
	sources []templates.Source
	// combos are all combinations of options, the one without any first.
	combos []map[string]string
	axes   []axis
}

// An axis is an option with all that can be chosen, "" first.
type axis struct {
	option  string
	choices []string
}

func read(folder string) (*tree, error) {
	t := new(tree)
	root := os.DirFS(folder)
	err := fs.WalkDir(root, ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := fs.ReadFile(root, path)
		t.sources = append(t.sources, templates.Source{Path: path, Data: text})
		return err
	})
	if err != nil {
		return nil, err
	}
	made, err := templates.New(t.sources)
	if err != nil {
		return nil, err
	}
	t.axes = axesOf(made)
	t.combos = combinations(t.axes)
	return t, nil
}

func axesOf(made *templates.Template) []axis {
	var axes []axis
	for _, o := range made.Options {
		switch {
		case len(o.Choices) > 0:
			axes = append(axes, axis{o.Name, append([]string{""}, o.Choices...)})
		case o.IsSwitch() && o.Refused["on"] == "":
			axes = append(axes, axis{o.Name, []string{"", "on"}})
		}
	}
	return axes
}

func combinations(axes []axis) []map[string]string {
	combos := []map[string]string{{}}
	for _, a := range axes {
		var longer []map[string]string
		for _, c := range combos {
			for _, choice := range a.choices {
				with := map[string]string{a.option: choice}
				for k, v := range c {
					with[k] = v
				}
				longer = append(longer, with)
			}
		}
		combos = longer
	}
	return combos
}

func (t *tree) has(path string) bool {
	return t.index(path) >= 0
}

func (t *tree) index(path string) int {
	return slices.IndexFunc(t.sources, func(s templates.Source) bool { return s.Path == path })
}

func (t *tree) text(path string) (string, error) {
	i := t.index(path)
	if i < 0 {
		return "", fmt.Errorf("it has no %s", path)
	}
	return string(t.sources[i].Data), nil
}

// with is the template with other files.
func (t *tree) with(files map[string]string) *tree {
	other := *t
	other.sources = slices.Clone(t.sources)
	for path, text := range files {
		replaced := templates.Source{Path: path, Data: []byte(text)}
		if i := t.index(path); i >= 0 {
			other.sources[i] = replaced
		} else {
			other.sources = append(other.sources, replaced)
		}
	}
	return &other
}

// make returns what the template makes of one combination, by path.
func (t *tree) make(combo map[string]string) (map[string]string, error) {
	made, err := templates.New(t.sources)
	if err != nil {
		return nil, err
	}
	with := make(map[string]string)
	for option, choice := range combo {
		if choice != "" {
			with[option] = choice
		}
	}
	plan, err := made.Plan(templates.Request{Name: service, Year: 2026, With: with})
	if err != nil {
		return nil, err
	}
	files := make(map[string]string)
	for _, f := range plan.Files {
		files[f.Path] = string(f.Content)
	}
	return files, nil
}

func write(folder string, files map[string]string) error {
	for path, text := range files {
		path = filepath.Join(folder, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}
