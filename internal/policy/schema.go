package policy

import (
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
)

// schema is what is used of JSON Schema, draft 2020-12.
type schema struct {
	Dialect     string             `json:"$schema,omitempty"`
	Title       string             `json:"title,omitempty"`
	Description string             `json:"description,omitempty"`
	Type        string             `json:"type"`
	Format      string             `json:"format,omitempty"`
	Pattern     string             `json:"pattern,omitempty"`
	Enum        []string           `json:"enum,omitempty"`
	Minimum     *int64             `json:"minimum,omitempty"`
	Maximum     *int64             `json:"maximum,omitempty"`
	Items       *schema            `json:"items,omitempty"`
	Unique      bool               `json:"uniqueItems,omitempty"`
	Properties  map[string]*schema `json:"properties,omitempty"`
	Required    []string           `json:"required,omitempty"`
	Closed      *bool              `json:"additionalProperties,omitempty"`
}

// Schema is a JSON Schema (draft 2020-12) of a document, in JSON, for editors
// that complete and check TOML with one. It knows keys, types and the forms of
// single values; what else [Parse] refuses it lets through.
func Schema() []byte {
	s := schemaOf(reflect.TypeFor[document](), "")
	s.Dialect, s.Title = "https://json-schema.org/draft/2020-12/schema", "git-vaultmesh covenant"
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		panic(err) // the type above has nothing that JSON has not
	}
	return append(b, '\n')
}

func schemaOf(t reflect.Type, tag reflect.StructTag) *schema {
	s := &schema{Description: tag.Get("is")}
	if t.Kind() == reflect.Slice {
		s.Type, s.Unique = "array", t.Elem() == reflect.TypeFor[text]()
		s.Items = schemaOf(t.Elem(), tag)
		s.Items.Description = ""
		return s
	}
	switch t {
	case reflect.TypeFor[text]():
		s.Type, s.Pattern, s.Enum = "string", tag.Get("form"), strings.Fields(tag.Get("enum"))
	case reflect.TypeFor[number]():
		s.Type, s.Minimum, s.Maximum = "integer", bound(tag.Get("least")), bound(tag.Get("most"))
	case reflect.TypeFor[flag]():
		s.Type = "boolean"
	case reflect.TypeFor[moment]():
		s.Type, s.Format = "string", "date-time"
	default:
		s.table(t)
	}
	return s
}

func (s *schema) table(t reflect.Type) {
	s.Type, s.Properties, s.Closed = "object", map[string]*schema{}, new(bool)
	for _, k := range keysOf(t) {
		s.Properties[k.name] = schemaOf(t.Field(k.index).Type, k.tag)
		if k.needed {
			s.Required = append(s.Required, k.name)
		}
	}
}

// bound is a number of a tag.
func bound(digits string) *int64 {
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return nil
	}
	return &n
}
