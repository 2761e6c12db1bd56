package cli

import (
	"slices"
	"testing"

	"github.com/alecthomas/kong"
)

// A command is built alone, under each of its names, as it is among all; other words get
// the whole grammar.
func TestGrammarForOneCommand(t *testing.T) {
	for _, program := range []string{Vaultmesh, Remembrancer} {
		all, _, err := grammar(program)
		if err != nil {
			t.Fatal(err)
		}
		for _, command := range all.Model.Children {
			for _, name := range append([]string{command.Name}, command.Aliases...) {
				k, flags, err := grammarFor(program, []string{name, "x"})
				if err != nil {
					t.Fatal(err)
				}
				if len(k.Model.Children) != 1 || k.Model.Name != all.Model.Name || !slices.Equal(shape(k.Model.Children[0]), shape(command)) {
					t.Errorf("%s %s alone is %q, among all %q", program, name, shape(k.Model.Children[0]), shape(command))
				}
				if _, err := k.Parse([]string{name, "--format", "yaml"}); flags.Format != "yaml" && err == nil {
					t.Errorf("%s %s does not read --format", program, name)
				}
			}
		}
		for _, words := range [][]string{nil, {""}, {"--format", "json", "version"}, {"nothing"}, {"global"}} {
			if k, _, err := grammarFor(program, words); err != nil || len(k.Model.Children) != len(all.Model.Children) {
				t.Errorf("%q has %d commands, %v", words, len(k.Model.Children), err)
			}
		}
	}
}

// shape names what is below a command.
func shape(n *kong.Node) []string {
	names := append([]string{n.Name, n.Help}, n.Aliases...)
	for _, group := range n.AllFlags(false) {
		for _, flag := range group {
			names = append(names, flag.String(), flag.Help, flag.Default)
		}
	}
	for _, p := range n.Positional {
		names = append(names, p.Summary())
	}
	for _, child := range n.Children {
		names = append(names, shape(child)...)
	}
	return names
}
