package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const smallManifest = `{
  "name": "{{.name}}",
  "version": "0.1.0",
  "license": "MIT",
  "engines": {
    "node": ">=20"
  },
  "dependencies": {
{{- if .with.mcp}}
    "b": "^1.0.0",
{{- end}}
    "a": "^1.0.0"
  },
  "devDependencies": {
    "d": "^1.0.0"
  }
}
`

func packages(t *testing.T, texts map[string]string) map[string]json.RawMessage {
	found := make(map[string]json.RawMessage)
	for path, text := range texts {
		if !json.Valid([]byte(text)) {
			t.Fatalf("%s: not JSON", path)
		}
		found[path] = json.RawMessage(text)
	}
	return found
}

// smallLocks are what npm locks without and with the option: b needs c, which tests need otherwise.
func smallLocks(t *testing.T) []lock {
	root := `{"name":"orders","version":"0.1.0","license":"MIT","dependencies":{BOTH"a":"^1.0.0"},"devDependencies":{"d":"^1.0.0"},"engines":{"node":">=20"}}`
	common := map[string]string{"node_modules/a": `{"version":"1.0.1"}`, "node_modules/d": `{"version":"1.0.0","dev":true}`}
	off := map[string]string{"": strings.Replace(root, "BOTH", "", 1), "node_modules/c": `{"version":"1.0.0","dev":true}`}
	on := map[string]string{"": strings.Replace(root, "BOTH", `"b":"^1.0.0",`, 1), "node_modules/c": `{"version":"1.0.0"}`, "node_modules/b": `{"version":"1.1.0","dependencies":{"c":"^1.0.0"}}`}
	for path, text := range common {
		off[path], on[path] = text, text
	}
	return []lock{{LockfileVersion: 3, Packages: packages(t, off)}, {LockfileVersion: 3, Packages: packages(t, on)}}
}

func TestLockComesOutAgain(t *testing.T) {
	tr := small(t).with(map[string]string{"package.json.tmpl": smallManifest})
	locks := smallLocks(t)
	text, err := lockTemplate(tr, locks)
	if err != nil {
		t.Fatal(err)
	}
	made := tr.with(map[string]string{lockName + ".tmpl": text})
	if err := confirmNode(made, locks); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	for path, other := range map[string]string{"node_modules/a": `{"version":"1.0.2"}`, "node_modules/e": `{"version":"1.0.0"}`, "": `{}`} {
		changed := smallLocks(t)
		changed[1].Packages[path] = json.RawMessage(other)
		if err := confirmNode(made, changed); err == nil {
			t.Errorf("another %q is not seen", path)
		}
	}
	manifests, seed, err := pinnedNode(made)
	if err != nil || len(manifests) != 2 || len(seed.Packages) != 5 {
		t.Errorf("read %d manifests and %d packages of it: %v", len(manifests), len(seed.Packages), err)
	}
}

func TestUnionNeedsAll(t *testing.T) {
	tr := small(t).with(map[string]string{"package.json.tmpl": smallManifest})
	manifests, _, err := pinnedNode(tr)
	if err != nil {
		t.Fatal(err)
	}
	all, _ := union(manifests)["dependencies"].(map[string]any)
	if len(all) != 2 || all["a"] != "^1.0.0" || all["b"] != "^1.0.0" {
		t.Errorf("it needs %v", all)
	}
}

func TestWantedVersionMustHold(t *testing.T) {
	l := lock{Packages: packages(t, map[string]string{"node_modules/@x/a": `{"version":"1.0.1"}`})}
	if err := holds(l, "@x/a@1.0.1"); err != nil {
		t.Error(err)
	}
	for _, wanted := range []string{"@x/a@1.0.2", "b@1.0.1", "@x/a", "a@"} {
		if err := holds(l, wanted); err == nil {
			t.Errorf("%s holds", wanted)
		}
	}
}

func TestSettle(t *testing.T) {
	path := filepath.Join(t.TempDir(), "go.mod.tmpl")
	if err := settle(path, "new", true); err == nil {
		t.Error("a file that is not there is what it should be")
	}
	if err := settle(path, "new", false); err != nil {
		t.Fatal(err)
	}
	if err := settle(path, "new", true); err != nil {
		t.Error(err)
	}
	if err := settle(path, "newer", true); err == nil {
		t.Error("another text is not seen")
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "new" {
		t.Errorf("checking wrote %q, %v", text, err)
	}
}
