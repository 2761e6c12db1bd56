package spawn

import (
	"path"
	"path/filepath"
	"slices"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
)

// The blocks that the language has at the top of its files, and those of files of tests.
var (
	moduleBlocks = []string{"check", "data", "import", "locals", "module", "moved", "output", "provider", "removed", "resource", "terraform", "variable"}
	testBlocks   = []string{"mock_data", "mock_provider", "mock_resource", "override_data", "override_module", "override_resource", "provider", "run", "variables"}
)

// checkHCL reads a module by HCL's own parser: every block is one of the language, and what is asked for and given says what it is.
func checkHCL(t *testing.T, p *product) {
	parser := hclparse.NewParser()
	for _, f := range p.match(t, `.+\.(tf|hcl)`) {
		text := p.read(t, f)
		parsed, wrong := parser.ParseHCL(text, f)
		if wrong.HasErrors() {
			t.Errorf("%v", wrong)
			continue
		}
		if string(hclwrite.Format(text)) != string(text) {
			t.Errorf("%s is not formatted", f)
		}
		known := moduleBlocks
		if path.Ext(f) == ".hcl" {
			known = testBlocks
		}
		for _, b := range parsed.Body.(*hclsyntax.Body).Blocks {
			if !slices.Contains(known, b.Type) {
				t.Errorf("%s: the language has no block %s here", f, b.Type)
			}
			if b.Type == "variable" || b.Type == "output" && filepath.Dir(f) == "." {
				describes(t, f, b)
			}
			builtin(t, f, b)
		}
	}
}

func describes(t *testing.T, file string, b *hclsyntax.Block) {
	if _, there := b.Body.Attributes["description"]; !there {
		t.Errorf("%s: %s %q has no description", file, b.Type, b.Labels)
	}
	if _, there := b.Body.Attributes["type"]; b.Type == "variable" && !there {
		t.Errorf("%s: variable %q has no type", file, b.Labels)
	}
}

// builtin sees that nothing needs a provider of a registry.
func builtin(t *testing.T, file string, b *hclsyntax.Block) {
	if b.Type == "resource" && b.Labels[0] != "terraform_data" || b.Type == "data" || b.Type == "provider" {
		t.Errorf("%s: %s %q needs a provider", file, b.Type, b.Labels)
	}
	if source, there := b.Body.Attributes["source"]; b.Type == "module" && there {
		if value, wrong := source.Expr.Value(new(hcl.EvalContext)); wrong.HasErrors() || value.AsString()[0] != '.' {
			t.Errorf("%s: module %q is not in this repository", file, b.Labels)
		}
	}
}
