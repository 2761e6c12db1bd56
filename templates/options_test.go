package templates

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// What --with can say of the types of the program.
var offered = []string{"mcp", "mq=nats", "mq=rabbitmq", "otel", "postgres"}

const optionsHeading = "## Types and options\n\n"

// The table of types and options in docs/templates.md is what the manifests say, so that it cannot promise what is
// not there; go test ./templates -run TypesAndOptions -update writes it anew.
func TestTypesAndOptions(t *testing.T) {
	const document = "../docs/templates.md"
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(text), optionsHeading)
	if !found {
		t.Fatalf("%s has no heading %q", document, optionsHeading)
	}
	have, after, _ := strings.Cut(rest, "\n## ")
	want := typesAndOptions(t)
	if *update {
		if err := os.WriteFile(document, []byte(before+optionsHeading+want+"\n## "+after), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if have != want {
		t.Errorf("%s says of types and options:\n%s\nand the manifests say:\n%s", document, have, want)
	}
}

func typesAndOptions(t *testing.T) string {
	var table, reasons strings.Builder
	fmt.Fprintf(&table, "| type | | `%s` |\n|---|---|%s\n", strings.Join(offered, "` | `"), strings.Repeat("---|", len(offered)))
	for _, made := range all(t)[1:] {
		fmt.Fprintf(&table, "| `%s` | %s |", made.ID, made.Title)
		var last string
		for _, with := range offered {
			reason := refusal(t, made, with)
			table.WriteString(map[bool]string{true: " yes |", false: " no |"}[reason == ""])
			if reason != "" && reason != last {
				fmt.Fprintf(&reasons, "- `%s`, `%s`: %s.\n", made.ID, strings.Split(with, "=")[0], reason)
			}
			last = reason
		}
		table.WriteString("\n")
	}
	return table.String() + "\nEvery pair with a yes is built and tested by `make test-spawn`. What has a no is refused with VM805, and why:\n\n" + reasons.String()
}

// refusal is the reason that a manifest gives against an option, "" for one that is offered.
func refusal(t *testing.T, made *Template, with string) string {
	t.Helper()
	name, choice, _ := strings.Cut(with, "=")
	if _, err := made.Option(name, choice); err == nil {
		return ""
	}
	for _, o := range made.Options {
		for _, refused := range []string{choice, "on"} {
			if reason := o.Refused[refused]; o.Name == name && reason != "" {
				return reason
			}
		}
	}
	t.Errorf("%s neither offers nor refuses %s", made.ID, with)
	return ""
}
