package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/VaultSovereign/git-vaultmesh/internal/canon"
	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// clean shows what a terminal would act upon: control characters, what
// reverses or hides text, and bytes that are no UTF-8, each as an escape.
func clean(s string) string {
	if utf8.ValidString(s) && !strings.ContainsFunc(s, unprintable) {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD"):
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case !unprintable(r):
			b.WriteRune(r)
		case r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	return b.String()
}

// unprintable tells whether r is shown as an escape: controls (C0, DEL, C1),
// format characters (bidirectional controls, zero-width ones, tags), line and
// paragraph separators, fillers that look like nothing, and noncharacters.
func unprintable(r rune) bool {
	switch {
	case r == ' ':
		return false
	case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co):
		return true
	case r == 0x034F || r == 0x115F || r == 0x1160 || r == 0x17B4 || r == 0x17B5 || r == 0x3164 || r == 0xFFA0:
		return true
	case 0x180B <= r && r <= 0x180F || r == 0x2065 || 0xFE00 <= r && r <= 0xFE0F || 0xFFF0 <= r && r <= 0xFFF8 || 0xE0000 <= r && r <= 0xE0FFF:
		return true // default ignorable code points (Unicode DerivedCoreProperties)
	}
	return canon.Noncharacter(r)
}

// escapeJSON writes what clean would show as an escape in JSON's own manner:
// the value stays the same, and a terminal sees nothing to act upon. Outside
// of strings JSON has only newlines.
func escapeJSON(s string) string {
	return escape(s, func(r rune) string {
		high, low := utf16.EncodeRune(r)
		return fmt.Sprintf(`\u%04x\u%04x`, high, low)
	})
}

// escapeYAML does the same for YAML, where all that is escaped stands in
// double quotes.
func escapeYAML(s string) string {
	return escape(s, func(r rune) string { return fmt.Sprintf(`\U%08x`, r) })
}

func escape(s string, beyond func(rune) string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n' || !unprintable(r):
			b.WriteRune(r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteString(beyond(r))
		}
	}
	return b.String()
}

// toYAML writes a JSON text as YAML with the same fields in the same order.
func toYAML(text string) (string, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	node, err := yamlNode(d)
	if err != nil {
		return "", noYAML(err)
	}
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(node); err != nil {
		return "", noYAML(err)
	}
	return escapeYAML(b.String()), nil
}

func noYAML(err error) error {
	return fault.New(fault.Internal, "the output has no YAML form").Because(err)
}

// yamlNode reads one JSON value.
func yamlNode(d *json.Decoder) (*yaml.Node, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch v := token.(type) {
	case json.Delim:
		return yamlCollection(d, v)
	case string:
		return yamlString(v), nil
	case json.Number:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: v.String()}, nil
	case bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: strconv.FormatBool(v)}, nil
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}, nil
}

func yamlCollection(d *json.Decoder, open json.Delim) (*yaml.Node, error) {
	n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	if open == '[' {
		n = &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
	}
	for d.More() {
		child, err := yamlNode(d)
		if err != nil {
			return nil, err
		}
		n.Content = append(n.Content, child)
	}
	if len(n.Content) == 0 {
		n.Style = yaml.FlowStyle
	}
	_, err := d.Token()
	return n, err
}

// plainYAML are texts that no version of YAML reads as anything but a text;
// plainWords are those of them that some do.
var (
	plainYAML  = regexp.MustCompile(`^[A-Za-z/][A-Za-z0-9/._@+-]*( [A-Za-z0-9/._@+-]+)*$`)
	plainWords = regexp.MustCompile(`(?i)^(y|n|yes|no|on|off|true|false|null|nan|inf)$`)
)

// yamlString is a text, names of fields included: in double quotes, where
// escapes mean something, unless nobody can mistake it.
func yamlString(s string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s, Style: yaml.DoubleQuotedStyle}
	if plainYAML.MatchString(s) && !plainWords.MatchString(s) {
		n.Style = 0
	}
	return n
}
