package templates

import (
	"encoding/json"
	"maps"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// everyPlan makes what a template makes of each combination of its options.
func everyPlan(t *testing.T, id string) map[string]map[string]string {
	t.Helper()
	made, err := Find(Builtin(), id)
	if err != nil {
		t.Fatal(err)
	}
	combos := []map[string]string{{}}
	for _, o := range made.Options {
		choices := o.Choices
		if o.IsSwitch() && o.Refused["on"] == "" {
			choices = []string{"on"}
		}
		for _, with := range combos {
			for _, choice := range choices {
				more := maps.Clone(with)
				more[o.Name] = choice
				combos = append(combos, more)
			}
		}
	}
	plans := make(map[string]map[string]string)
	for _, with := range combos {
		plan, err := made.Plan(Request{Name: "orders", Year: 2026, With: with})
		if err != nil {
			t.Fatal(err)
		}
		files := make(map[string]string)
		for _, f := range plan.Files {
			files[f.Path] = string(f.Content)
		}
		name, err := json.Marshal(with)
		if err != nil {
			t.Fatal(err)
		}
		plans[string(name)] = files
	}
	return plans
}

// npm refuses a lock that does not say what package.json says. Where packages are downloaded from is up to who installs them.
func TestLocksAgreeWithPackages(t *testing.T) {
	t.Parallel()
	plans := everyPlan(t, "web")
	if len(plans) != 24 {
		t.Errorf("%d combinations", len(plans))
	}
	for name, files := range plans {
		type needs struct{ Dependencies, DevDependencies, Engines map[string]string }
		var own needs
		var lock struct {
			Packages map[string]struct {
				needs
				Version, Integrity string
				Resolved           *string
			}
		}
		if err := json.Unmarshal([]byte(files["package.json"]), &own); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := json.Unmarshal([]byte(files["package-lock.json"]), &lock); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := lock.Packages[""].needs; !reflect.DeepEqual(got, own) {
			t.Errorf("%s: the lock is of %v, the package of %v", name, got, own)
		}
		for needed := range maps.Keys(own.Dependencies) {
			if lock.Packages["node_modules/"+needed].Version == "" {
				t.Errorf("%s: %s is not locked", name, needed)
			}
		}
		for path, p := range lock.Packages {
			if p.Resolved != nil || path != "" && !strings.HasPrefix(p.Integrity, "sha512-") {
				t.Errorf("%s: %s names a place, or has no checksum", name, path)
			}
		}
	}
}

var goRequirement = regexp.MustCompile(`(?m)^(?:require )?\s*(\S+ v\S+?)(?: // indirect)?$`)

func TestModulesHaveSums(t *testing.T) {
	t.Parallel()
	for id, count := range map[string]int{"api": 24, "tool": 4} {
		plans := everyPlan(t, id)
		if len(plans) != count {
			t.Errorf("%s: %d combinations", id, len(plans))
		}
		for name, files := range plans {
			required := goRequirement.FindAllStringSubmatch(files["go.mod"], -1)
			if len(required) == 0 {
				t.Errorf("%s with %s requires nothing", id, name)
			}
			for _, m := range required {
				if !strings.Contains(files["go.sum"], m[1]+"/go.mod h1:") {
					t.Errorf("%s with %s: no sum of %s", id, name, m[1])
				}
			}
		}
	}
}
