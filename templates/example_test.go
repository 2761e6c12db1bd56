package templates_test

import (
	"fmt"
	"testing/fstest"

	"github.com/VaultSovereign/git-vaultmesh/templates"
)

func Example() {
	template, err := templates.Load(fstest.MapFS{
		"template.toml":  {Data: []byte("id = \"note\"\ntitle = \"A note\"\nversion = 1\n[[question]]\nname = \"text\"\nask = \"What?\"\ntype = \"string\"\n")},
		"README.md.tmpl": {Data: []byte("# {{title .name}}\n\n{{md .text}}\n")},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	plan, err := template.Plan(templates.Request{Name: "my-note", Year: 2026, Answers: map[string]any{"text": "*not bold*"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, f := range plan.Files {
		fmt.Printf("%s %s\n%s", f.Mode(), f.Path, f.Content)
	}
	_, err = template.Plan(templates.Request{Name: "../elsewhere", Year: 2026})
	fmt.Println(err)
	// Output:
	// 100644 README.md
	// # My Note
	//
	// \*not bold\*
	// VM801: "../elsewhere" is not 1 to 63 lower-case letters, digits and hyphens that begin with a letter and end with a letter or digit
}
