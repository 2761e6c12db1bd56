package policy

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"

	"github.com/VaultSovereign/git-vaultmesh/internal/canon"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// blocks are the fenced blocks of docs/spec/covenant.md in a language.
func blocks(t testing.TB, language string) []string {
	t.Helper()
	text, err := os.ReadFile("../../docs/spec/covenant.md")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, m := range regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		found = append(found, m[1])
	}
	return found
}

func TestExamplesOfTheSpecification(t *testing.T) {
	examples := blocks(t, "toml")
	if len(examples) != 2 {
		t.Fatalf("%d examples", len(examples))
	}
	for _, text := range examples {
		if _, err := Parse([]byte(text), "covenant.toml"); err != nil {
			t.Error(err)
		}
	}
	c, err := Parse([]byte(examples[1]), "covenant.toml")
	if err != nil {
		t.Fatal(err)
	}
	c.Version = 2
	if c.Previous, err = receipt.ParseDigest("89ec15ec38362a593b73f97df548a653c0d1512c00ffd3457b1bbca78923a25e"); err != nil {
		t.Fatal(err)
	}
	got, err := canon.Marshal(c, receipt.MaxSize)
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.TrimSpace(blocks(t, "json")[0]); string(got) != want {
		t.Errorf("the canonical form is\n%s", got)
	}
}

// paths lists the keys of a document as dotted paths.
func paths(v any, prefix string, into map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		for key, below := range v {
			into[prefix+key] = true
			paths(below, prefix+key+".", into)
		}
	case []any:
		for _, e := range v {
			paths(e, prefix, into)
		}
	}
}

// described lists the keys of a schema as dotted paths.
func described(s *schema, prefix string, into map[string]bool) {
	if s.Items != nil {
		described(s.Items, prefix, into)
	}
	for key, below := range s.Properties {
		into[prefix+key] = true
		described(below, prefix+key+".", into)
	}
}

func TestSchemaAndExampleHaveTheSameKeys(t *testing.T) {
	var example any
	if err := toml.Unmarshal([]byte(blocks(t, "toml")[1]), &example); err != nil {
		t.Fatal(err)
	}
	var s schema
	if err := json.Unmarshal(Schema(), &s); err != nil {
		t.Fatal(err)
	}
	inExample, inSchema := map[string]bool{}, map[string]bool{}
	paths(example, "", inExample)
	described(&s, "", inSchema)
	if !maps.Equal(inExample, inSchema) {
		t.Errorf("example %v\nschema %v", slices.Sorted(maps.Keys(inExample)), slices.Sorted(maps.Keys(inSchema)))
	}
}

// conforms is as much of JSON Schema as the schema uses.
func conforms(s *schema, v any, at string) error {
	object, isObject := v.(map[string]any)
	list, isList := v.([]any)
	text, isText := v.(string)
	_, isInteger := v.(int64)
	_, isTruth := v.(bool)
	is := map[string]bool{"object": isObject, "array": isList, "string": isText || s.Format == "date-time", "integer": isInteger, "boolean": isTruth}
	if !is[s.Type] {
		return fmt.Errorf("%s is no %s: %v", at, s.Type, v)
	}
	if s.Pattern != "" && !regexp.MustCompile(s.Pattern).MatchString(text) || s.Enum != nil && !slices.Contains(s.Enum, text) {
		return fmt.Errorf("%s is %q", at, text)
	}
	for _, name := range s.Required {
		if object[name] == nil {
			return fmt.Errorf("%s lacks %s", at, name)
		}
	}
	for name, below := range object {
		if s.Properties[name] == nil {
			return fmt.Errorf("%s has %s", at, name)
		}
		if err := conforms(s.Properties[name], below, at+"."+name); err != nil {
			return err
		}
	}
	for _, e := range list {
		if err := conforms(s.Items, e, at); err != nil {
			return err
		}
	}
	return nil
}

func TestExamplesConformToTheSchema(t *testing.T) {
	var s schema
	if err := json.Unmarshal(Schema(), &s); err != nil {
		t.Fatal(err)
	}
	for _, text := range append(blocks(t, "toml"), string(Format(example(t)))) {
		var v any
		if err := toml.Unmarshal([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
		if err := conforms(&s, v, "document"); err != nil {
			t.Error(err)
		}
	}
}

func example(t testing.TB) *receipt.Covenant {
	t.Helper()
	c, err := Parse([]byte(blocks(t, "toml")[1]), "covenant.toml")
	if err != nil {
		t.Fatal(err)
	}
	return c
}
