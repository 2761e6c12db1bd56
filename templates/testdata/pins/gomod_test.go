package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/VaultSovereign/git-vaultmesh/templates"
)

func TestVersionsInOrder(t *testing.T) {
	ordered := []string{"v0.0.0-20240606120523-5a60cdf6a761", "v0.0.0-20240606120524-0a60cdf6a761", "v0.9.0", "v0.10.0-rc.2", "v0.10.0-rc.10", "v0.10.0", "v1.2.3", "v2.0.0+incompatible"}
	for i := range ordered {
		for j := range ordered {
			if got, want := compareVersions(ordered[i], ordered[j]), min(1, max(-1, i-j)); got != want {
				t.Errorf("%s to %s: %d", ordered[i], ordered[j], got)
			}
		}
	}
}

func TestSumsInOrder(t *testing.T) {
	ordered := []string{"a.example/x v1.2.0 h1:b", "a.example/x v1.2.0/go.mod h1:a", "a.example/x v1.10.0/go.mod h1:a", "b.example/x v0.1.0 h1:a"}
	got := slices.SortedFunc(slices.Values([]string{ordered[2], ordered[0], ordered[3], ordered[1]}), compareSums)
	if !slices.Equal(got, ordered) {
		t.Errorf("got %q", got)
	}
}

// small is a template of one option.
func small(t *testing.T) *tree {
	manifest := "id = \"x\"\ntitle = \"x\"\nversion = 1\n[[question]]\nname = \"go_module\"\nask = \"?\"\ntype = \"string\"\npattern = '[a-z./]+'\ndefault = \"example.com/x\"\n[[option]]\nname = \"mcp\"\nhelp = \"x\"\n"
	sources := []templates.Source{{Path: "template.toml", Data: []byte(manifest)}, {Path: "README.md", Data: []byte("x\n")}}
	made, err := templates.New(sources)
	if err != nil {
		t.Fatal(err)
	}
	axes := axesOf(made)
	return &tree{sources: sources, axes: axes, combos: combinations(axes)}
}

// What the go command writes with none, one and several requirements comes out of the template again.
func TestGoModComesOutAgain(t *testing.T) {
	const header = "module example.com/x\n\ngo 1.26.0\n"
	for name, mods := range map[string][2]string{
		"none, one":      {header, header + "\nrequire a.example v1.0.0\n"},
		"one, two":       {header + "\nrequire b.example v1.0.0\n", header + "\nrequire (\n\ta.example v1.0.0\n\tb.example v1.0.0\n)\n"},
		"two, three":     {header + "\nrequire (\n\tb.example v1.0.0\n\tc.example v1.0.0\n)\n", header + "\nrequire (\n\ta.example v1.0.0\n\tb.example v1.0.0\n\tc.example v1.0.0\n)\n"},
		"one, another":   {header + "\nrequire b.example v1.0.0\n", header + "\nrequire a.example v1.0.0\n"},
		"direct or not":  {header + "\nrequire a.example v1.0.0\n", header + "\nrequire b.example v1.0.0\n\nrequire a.example v1.0.0 // indirect\n"},
		"no longer any":  {header + "\nrequire a.example v1.0.0\n", header},
		"several, other": {header + "\nrequire (\n\ta.example v1.0.0\n\tb.example v1.0.0\n)\n\nrequire (\n\tc.example v1.0.0 // indirect\n\td.example v1.0.0 // indirect\n)\n", header},
	} {
		t.Run(name, func(t *testing.T) {
			tr := small(t)
			pins := make(map[string]string)
			var all []needs
			for _, mod := range mods {
				folder := t.TempDir()
				if err := write(folder, map[string]string{"go.mod": mod, "go.sum": "a.example v1.0.0 h1:a\n"}); err != nil {
					t.Fatal(err)
				}
				n, err := readNeeds(folder)
				if err != nil {
					t.Fatal(err)
				}
				for module, version := range n.versions {
					pins[module] = version
				}
				all = append(all, n)
			}
			made := tr.with(map[string]string{"go.mod.tmpl": goMod(tr, "1.26.0", pins, all), "go.sum.tmpl": goSum(tr, all)})
			if err := confirmGo(made, all); err != nil {
				t.Error(err)
			}
			all[0].files["go.sum"] += "b.example v1.0.0 h1:b\n"
			if err := confirmGo(made, all); err == nil || !strings.Contains(err.Error(), "go.sum") {
				t.Errorf("another go.sum is not seen: %v", err)
			}
		})
	}
}

func TestWantedModuleMustHold(t *testing.T) {
	all := []needs{{versions: map[string]string{"a.example": "v1.1.0"}}}
	pins := map[string]string{"a.example": "v1.1.0", "b.example": "v1.0.0"}
	if err := heldGo(all, pins, []string{"a.example@v1.1.0"}); err != nil {
		t.Error(err)
	}
	for _, wanted := range []string{"a.example@v1.0.0", "b.example@v1.0.0", "a.example"} {
		if err := heldGo(all, pins, []string{wanted}); err == nil {
			t.Errorf("%s holds", wanted)
		}
	}
}
