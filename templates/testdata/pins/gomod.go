package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A needs is what one combination needs, as go mod tidy says.
type needs struct {
	files    map[string]string
	versions map[string]string
	direct   map[string]bool
	sums     []string
}

var (
	requirement = regexp.MustCompile(`(?m)^(?:require )?\s*(\S+) (v\S+)( // indirect)?$`)
	goLine      = regexp.MustCompile(`(?m)^go (\S+)$`)
)

// pinGo brings every combination to one version of each module, the newest that any of them needs.
func pinGo(t *tree, scratch string, fresh bool, wanted []string) (map[string]string, error) {
	pins, goVersion, err := pinnedGo(t, fresh)
	if err != nil {
		return nil, err
	}
	for _, text := range wanted {
		module, version, err := nameAndVersion(text)
		if err != nil {
			return nil, err
		}
		pins[module] = version
	}
	var all []needs
	for changed := true; changed; {
		all, changed = nil, false
		for i, combo := range t.combos {
			n, err := tidy(t, filepath.Join(scratch, strconv.Itoa(i)), combo, goVersion, pins)
			if err != nil {
				return nil, err
			}
			for module, version := range n.versions {
				if have, ok := pins[module]; !ok || compareVersions(version, have) > 0 {
					pins[module], changed = version, true
				}
			}
			all = append(all, n)
		}
	}
	if err := heldGo(all, pins, wanted); err != nil {
		return nil, err
	}
	files := map[string]string{"go.mod.tmpl": goMod(t, goVersion, pins, all), "go.sum.tmpl": goSum(t, all)}
	return files, confirmGo(t.with(files), all)
}

// heldGo tells whether what was wanted came to be.
func heldGo(all []needs, pins map[string]string, wanted []string) error {
	for _, text := range wanted {
		module, version, err := nameAndVersion(text)
		if err != nil {
			return err
		}
		if pins[module] != version {
			return fmt.Errorf("others need %s %s, which is newer than %s", module, pins[module], version)
		}
		if !slices.ContainsFunc(all, func(n needs) bool { return n.versions[module] != "" }) {
			return fmt.Errorf("nothing needs %s", module)
		}
	}
	return nil
}

// pinnedGo reads what all combinations pin together, or of that what they import.
func pinnedGo(t *tree, fresh bool) (pins map[string]string, goVersion string, err error) {
	pins = make(map[string]string)
	for _, combo := range t.combos {
		files, err := t.make(combo)
		if err != nil {
			return nil, "", err
		}
		for _, m := range requirement.FindAllStringSubmatch(files["go.mod"], -1) {
			if !fresh || m[3] == "" {
				pins[m[1]] = m[2]
			}
		}
		m := goLine.FindStringSubmatch(files["go.mod"])
		if m == nil {
			return nil, "", errors.New("go.mod.tmpl has no line for go")
		}
		goVersion = m[1]
	}
	return pins, goVersion, nil
}

func tidy(t *tree, folder string, combo map[string]string, goVersion string, pins map[string]string) (needs, error) {
	if err := os.RemoveAll(folder); err != nil {
		return needs{}, err
	}
	files, err := t.make(combo)
	if err != nil {
		return needs{}, err
	}
	module, _, _ := strings.Cut(files["go.mod"], "\n")
	files["go.mod"] = module + "\n\ngo " + goVersion + "\n\nrequire (\n" + requireLines(pins) + ")\n"
	delete(files, "go.sum")
	if err := write(folder, files); err != nil {
		return needs{}, err
	}
	c := exec.Command("go", "mod", "tidy")
	c.Dir, c.Env = folder, append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
	if out, err := c.CombinedOutput(); err != nil {
		return needs{}, fmt.Errorf("go mod tidy with %v: %w\n%s", combo, err, out)
	}
	return readNeeds(folder)
}

func requireLines(pins map[string]string) string {
	var lines strings.Builder
	for _, module := range sortedKeys(pins) {
		fmt.Fprintf(&lines, "\t%s %s\n", module, pins[module])
	}
	return lines.String()
}

func readNeeds(folder string) (needs, error) {
	n := needs{files: make(map[string]string), versions: make(map[string]string), direct: make(map[string]bool)}
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil && !os.IsNotExist(err) {
			return needs{}, err
		}
		n.files[name] = string(text)
	}
	for _, m := range requirement.FindAllStringSubmatch(n.files["go.mod"], -1) {
		n.versions[m[1]], n.direct[m[1]] = m[2], m[3] == ""
	}
	n.sums = strings.Split(strings.TrimSuffix(n.files["go.sum"], "\n"), "\n")
	return n, nil
}

// goMod writes what all combinations need, with conditions.
func goMod(t *tree, goVersion string, pins map[string]string, all []needs) string {
	c := newConditions(t.axes, t.combos)
	var direct, indirect []required
	for _, module := range sortedKeys(pins) {
		imported, needed := make(set), make(set)
		for i, n := range all {
			if _, ok := n.versions[module]; ok && n.direct[module] {
				imported[i] = true
			} else if ok {
				needed[i] = true
			}
		}
		text := module + " " + pins[module]
		if len(imported) > 0 {
			direct = append(direct, required{text, imported})
		}
		if len(needed) > 0 {
			indirect = append(indirect, required{text + " // indirect", needed})
		}
	}
	header := "module {{.go_module}}\n\ngo " + goVersion + "\n"
	return header + requireBlock(c, direct, all, true) + requireBlock(c, indirect, all, false)
}

// A required module, and the combinations that require it.
type required struct {
	text  string
	where set
}

// requireBlock writes one block as the go command does: a single requirement stands in one line, and no empty block is
// there.
func requireBlock(c *conditions, modules []required, all []needs, direct bool) string {
	one, many := make(set), make(set)
	for i, n := range all {
		switch count := n.count(direct); {
		case count == 1:
			one[i] = true
		case count > 1:
			many[i] = true
		}
	}
	var text strings.Builder
	var lines []line
	for _, m := range modules {
		if alone := m.where.and(one); len(alone) > 0 {
			text.WriteString("{{- if " + orTrue(c.of(alone)) + "}}\n\nrequire " + m.text + "\n{{- end}}\n")
		}
		if m.where.shared(many) > 0 {
			lines = append(lines, line{"\t" + m.text, c.of(m.where)})
		}
	}
	block := "\nrequire (\n" + ifs(lines) + ")\n"
	switch len(many) {
	case 0:
		return text.String()
	case len(all):
		return block
	}
	return text.String() + "{{- if " + orTrue(c.of(many)) + "}}\n" + block + "{{- end}}\n"
}

func (n needs) count(direct bool) int {
	count := 0
	for _, d := range n.direct {
		if d == direct {
			count++
		}
	}
	return count
}

func orTrue(condition string) string {
	if condition == "" {
		return "true"
	}
	return bare(condition)
}

// ifs writes lines, those of one condition under one if.
func ifs(lines []line) string {
	var text strings.Builder
	runs(lines, func(condition string, texts []string) {
		body := strings.Join(texts, "\n") + "\n"
		if condition != "" {
			body = "{{- if " + bare(condition) + "}}\n" + body + "{{- end}}\n"
		}
		text.WriteString(body)
	})
	return text.String()
}

func goSum(t *tree, all []needs) string {
	c := newConditions(t.axes, t.combos)
	where := make(map[string]set)
	for i, n := range all {
		for _, sum := range n.sums {
			if where[sum] == nil {
				where[sum] = make(set)
			}
			where[sum][i] = true
		}
	}
	var lines []line
	for _, sum := range slices.SortedFunc(keys(where), compareSums) {
		lines = append(lines, line{sum, c.of(where[sum])})
	}
	var text strings.Builder
	runs(lines, func(condition string, texts []string) {
		body := strings.Join(texts, "\n") + "\n"
		if condition != "" {
			body = "{{if " + bare(condition) + " -}}\n" + body + "{{end -}}\n"
		}
		text.WriteString(body)
	})
	return text.String()
}

// confirmGo makes each combination again, and compares it with what go mod tidy wrote.
func confirmGo(t *tree, all []needs) error {
	for i, combo := range t.combos {
		made, err := t.make(combo)
		if err != nil {
			return err
		}
		for name, want := range all[i].files {
			if made[name] != want {
				return fmt.Errorf("with %v the template makes another %s than go mod tidy:\n%s", combo, name, made[name])
			}
		}
	}
	return nil
}

// compareSums orders lines of go.sum as the go command does.
func compareSums(a, b string) int {
	x, y := strings.Fields(a), strings.Fields(b)
	xv, xf, _ := strings.Cut(x[1], "/")
	yv, yf, _ := strings.Cut(y[1], "/")
	return cmp.Or(cmp.Compare(x[0], y[0]), compareVersions(xv, yv), cmp.Compare(xf, yf))
}

// compareVersions orders versions of Go modules.
func compareVersions(a, b string) int {
	x, xPre := splitVersion(a)
	y, yPre := splitVersion(b)
	if order := slices.Compare(x, y); order != 0 {
		return order
	}
	switch {
	case xPre == yPre:
		return 0
	case xPre == "":
		return 1
	case yPre == "":
		return -1
	}
	return slices.CompareFunc(strings.Split(xPre, "."), strings.Split(yPre, "."), compareIdentifiers)
}

func splitVersion(version string) (numbers []int, pre string) {
	core, _, _ := strings.Cut(strings.TrimPrefix(version, "v"), "+")
	core, pre, _ = strings.Cut(core, "-")
	for _, part := range strings.Split(core, ".") {
		n, _ := strconv.Atoi(part)
		numbers = append(numbers, n)
	}
	return numbers, pre
}

// compareIdentifiers orders parts of a pre-release: numbers come before words.
func compareIdentifiers(a, b string) int {
	x, errX := strconv.Atoi(a)
	y, errY := strconv.Atoi(b)
	switch {
	case errX == nil && errY == nil:
		return cmp.Compare(x, y)
	case errX == nil:
		return -1
	case errY == nil:
		return 1
	}
	return cmp.Compare(a, b)
}
