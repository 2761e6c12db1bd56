package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

const lockName = "package-lock.json"

// A lock is what stands in package-lock.json.
type lock struct {
	Name            string                     `json:"name"`
	Version         string                     `json:"version"`
	LockfileVersion int                        `json:"lockfileVersion"`
	Requires        bool                       `json:"requires"`
	Packages        map[string]json.RawMessage `json:"packages"`
}

// pinNode has npm lock all packages of all combinations at once, so that they agree, and then takes from that what each
// combination needs.
func pinNode(t *tree, scratch string, fresh bool, wanted []string) (map[string]string, error) {
	manifests, seed, err := pinnedNode(t)
	if err != nil {
		return nil, err
	}
	if fresh {
		seed.Packages = nil
	}
	together, err := lockTogether(filepath.Join(scratch, "together"), manifests, seed, wanted)
	if err != nil {
		return nil, err
	}
	var locks []lock
	for i, manifest := range manifests {
		l, err := npmLock(filepath.Join(scratch, strconv.Itoa(i)), manifest, together)
		if err != nil {
			return nil, fmt.Errorf("with %v: %w", t.combos[i], err)
		}
		locks = append(locks, l)
	}
	text, err := lockTemplate(t, locks)
	if err != nil {
		return nil, err
	}
	files := map[string]string{lockName + ".tmpl": text}
	return files, confirmNode(t.with(files), locks)
}

// pinnedNode reads package.json of each combination, and what they lock together now.
func pinnedNode(t *tree) (manifests []map[string]any, seed lock, err error) {
	seed = lock{Packages: make(map[string]json.RawMessage)}
	for _, combo := range t.combos {
		files, err := t.make(combo)
		if err != nil {
			return nil, lock{}, err
		}
		var manifest map[string]any
		if err := json.Unmarshal([]byte(files["package.json"]), &manifest); err != nil {
			return nil, lock{}, err
		}
		manifests = append(manifests, manifest)
		var l lock
		if text, ok := files[lockName]; ok {
			if err := json.Unmarshal([]byte(text), &l); err != nil {
				return nil, lock{}, err
			}
		}
		seed.Name, seed.Version, seed.LockfileVersion, seed.Requires = l.Name, l.Version, l.LockfileVersion, l.Requires
		maps.Copy(seed.Packages, l.Packages)
	}
	return manifests, seed, nil
}

// lockTogether locks a package that needs what any combination needs, with those that are wanted in the version that is
// wanted.
func lockTogether(folder string, manifests []map[string]any, seed lock, wanted []string) (lock, error) {
	manifest := union(manifests)
	delete(seed.Packages, "")
	if len(wanted) > 0 {
		// npm keeps a version that its range allows, so that it is enough to have had it for once.
		var err error
		if seed, err = npmLock(folder, manifest, seed, wanted...); err != nil {
			return lock{}, err
		}
	}
	together, err := npmLock(folder, manifest, seed)
	if err != nil {
		return lock{}, err
	}
	for _, text := range wanted {
		if err := holds(together, text); err != nil {
			return lock{}, err
		}
	}
	return together, nil
}

func holds(l lock, wanted string) error {
	name, version, err := nameAndVersion(wanted)
	if err != nil {
		return err
	}
	var locked struct {
		Version string `json:"version"`
	}
	if text, ok := l.Packages["node_modules/"+name]; ok {
		if err := json.Unmarshal(text, &locked); err != nil {
			return err
		}
	}
	if locked.Version != version {
		return fmt.Errorf("%s becomes %q, not %s: do the ranges in package.json.tmpl allow it?", name, locked.Version, version)
	}
	return nil
}

// union is a package that needs all that these need.
func union(manifests []map[string]any) map[string]any {
	all := maps.Clone(manifests[0])
	for _, kind := range []string{"dependencies", "devDependencies"} {
		needed := make(map[string]any)
		for _, m := range manifests {
			ranges, _ := m[kind].(map[string]any)
			maps.Copy(needed, ranges)
		}
		all[kind] = needed
	}
	return all
}

// npmLock has npm lock a package, beginning with what is locked already.
func npmLock(folder string, manifest map[string]any, seed lock, wanted ...string) (lock, error) {
	files := make(map[string]string)
	text, err := json.MarshalIndent(manifest, "", "  ")
	if err != nil {
		return lock{}, err
	}
	files["package.json"] = string(text)
	if len(seed.Packages) > 0 {
		text, err := json.MarshalIndent(seed, "", "  ")
		if err != nil {
			return lock{}, err
		}
		files[lockName] = string(text)
	}
	if err := os.RemoveAll(folder); err != nil {
		return lock{}, err
	}
	if err := write(folder, files); err != nil {
		return lock{}, err
	}
	args := []string{"install", "--package-lock-only", "--ignore-scripts", "--no-audit", "--no-fund", "--omit-lockfile-registry-resolved"}
	c := exec.Command("npm", append(args, wanted...)...)
	c.Dir = folder
	if out, err := c.CombinedOutput(); err != nil {
		return lock{}, fmt.Errorf("npm install: %w\n%s", err, out)
	}
	made, err := os.ReadFile(filepath.Join(folder, lockName))
	if err != nil {
		return lock{}, err
	}
	if bytes.Contains(made, []byte(`"resolved"`)) {
		return lock{}, errors.New("npm wrote where it downloads from: is it older than 9?")
	}
	var l lock
	return l, json.Unmarshal(made, &l)
}

// lockTemplate writes what all combinations lock, with conditions. One package may stand there twice, such as one that
// only tests need where an option is off.
func lockTemplate(t *tree, locks []lock) (string, error) {
	type entry struct{ path, text string }
	where := make(map[entry]set)
	for i, l := range locks {
		for path, raw := range l.Packages {
			var text bytes.Buffer
			if err := json.Indent(&text, raw, "    ", "  "); err != nil {
				return "", err
			}
			if e := (entry{path, text.String()}); path != "" {
				if where[e] == nil {
					where[e] = make(set)
				}
				where[e][i] = true
			}
		}
	}
	entries := slices.SortedFunc(maps.Keys(where), func(a, b entry) int {
		return strings.Compare(a.path+"\x00"+a.text, b.path+"\x00"+b.text)
	})
	c := newConditions(t.axes, t.combos)
	var lines []line
	for _, e := range entries {
		lines = append(lines, line{",\n    " + strconv.Quote(e.path) + ": " + e.text, c.of(where[e])})
	}
	head, err := lockHead(t, locks[0].LockfileVersion)
	if err != nil {
		return "", err
	}
	var text strings.Builder
	text.WriteString(head)
	runs(lines, func(condition string, texts []string) {
		body := strings.Join(texts, "")
		if condition != "" {
			body = "{{if " + bare(condition) + "}}" + body + "{{end}}"
		}
		text.WriteString(body)
	})
	text.WriteString("\n  }\n}\n")
	return text.String(), nil
}

// lockHead is the beginning of the lock, where the package itself stands as package.json.tmpl describes it.
func lockHead(t *tree, lockfileVersion int) (string, error) {
	manifest, err := t.text("package.json.tmpl")
	if err != nil {
		return "", err
	}
	license := between(manifest, "  \"license\": ", "\n")
	engines := between(manifest, "  \"engines\": {", "  },\n")
	needed := between(manifest, "  \"dependencies\": {", "\n}\n")
	if license == "" || engines == "" || needed == "" {
		return "", errors.New("package.json.tmpl has no license, engines or dependencies, or they are written in another way")
	}
	own := []string{`  "name": "{{.name}}",`, `  "version": "0.1.0",`, license}
	own = append(own, strings.Split(needed, "\n")...)
	own[len(own)-1] += ","
	own = append(own, strings.Split(strings.TrimSuffix(engines, ",\n"), "\n")...)
	for i, l := range own {
		if !strings.HasPrefix(l, "{{") {
			own[i] = "    " + l
		}
	}
	return fmt.Sprintf("{\n  \"name\": \"{{.name}}\",\n  \"version\": \"0.1.0\",\n  \"lockfileVersion\": %d,\n  \"requires\": true,\n  \"packages\": {\n    \"\": {\n%s\n    }",
		lockfileVersion, strings.Join(own, "\n")), nil
}

// between is what stands from begin to before end, or with it where end is more than a line's.
func between(text, begin, end string) string {
	_, rest, ok := strings.Cut(text, begin)
	if !ok {
		return ""
	}
	inner, _, ok := strings.Cut(rest, end)
	if !ok {
		return ""
	}
	if end == "  },\n" {
		inner += end
	}
	return begin + inner
}

// confirmNode makes each combination again, and compares it with what npm locked.
func confirmNode(t *tree, locks []lock) error {
	for i, combo := range t.combos {
		files, err := t.make(combo)
		if err != nil {
			return err
		}
		var made lock
		if err := json.Unmarshal([]byte(files[lockName]), &made); err != nil {
			return fmt.Errorf("with %v the lock is not JSON: %w", combo, err)
		}
		for _, path := range slices.Concat(sortedKeys(made.Packages), sortedKeys(locks[i].Packages)) {
			if !same(made.Packages[path], locks[i].Packages[path]) {
				return fmt.Errorf("with %v the template locks %q otherwise than npm:\n%s\n%s", combo, path, made.Packages[path], locks[i].Packages[path])
			}
		}
	}
	return nil
}

func same(a, b json.RawMessage) bool {
	var x, y any
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return false
	}
	return reflect.DeepEqual(x, y)
}
