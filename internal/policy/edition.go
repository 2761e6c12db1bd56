package policy

import (
	"bytes"

	"github.com/pelletier/go-toml/v2/unstable"
)

// edition reports what TOML 1.1 has and TOML 1.0 has not, which the library
// reads too, so that every program of TOML 1.0 reads what is accepted: inline
// tables in several lines or with a comma at the end, and the escapes \e and \x.
// Times without seconds, also new, fit no key.
func (r *reader) edition() {
	p := new(unstable.Parser)
	p.Reset(r.text)
	for p.NextExpression() {
		e := p.Expression()
		r.keyEscapes(e.Key())
		if e.Kind == unstable.KeyValue {
			r.valueEdition(e.Value())
		}
	}
}

func (r *reader) valueEdition(v *unstable.Node) {
	switch v.Kind {
	case unstable.String:
		r.escapes(v)
	case unstable.Array:
		for it := v.Children(); it.Next(); {
			r.valueEdition(it.Node())
		}
	case unstable.InlineTable:
		r.inlineEdition(v)
	}
}

// inlineEdition looks between the values of an inline table, in which there may
// be line breaks.
func (r *reader) inlineEdition(table *unstable.Node) {
	behind := int(table.Raw.Offset) + 1
	for it := table.Children(); it.Next(); {
		e := it.Node()
		if bytes.ContainsAny(r.text[behind:e.Raw.Offset], "\n#") {
			r.add(start(table), "inline table is not in one line, as TOML 1.0 wants it")
		}
		behind = int(e.Raw.Offset + e.Raw.Length)
		r.keyEscapes(e.Key())
		r.valueEdition(e.Value())
	}
	if rest := bytes.TrimLeft(r.text[behind:], " \t"); !bytes.HasPrefix(rest, []byte("}")) {
		r.add(start(table), "inline table does not end behind its last value, as TOML 1.0 wants it")
	}
}

func (r *reader) keyEscapes(key unstable.Iterator) {
	for key.Next() {
		r.escapes(key.Node())
	}
}

// escapes looks for new escapes in a basic string.
func (r *reader) escapes(n *unstable.Node) {
	raw := r.text[n.Raw.Offset : n.Raw.Offset+n.Raw.Length]
	if len(raw) == 0 || raw[0] != '"' {
		return
	}
	for i := 0; i+1 < len(raw); i++ {
		if raw[i] != '\\' {
			continue
		}
		i++
		if raw[i] == 'e' || raw[i] == 'x' {
			r.add(start(n), "string has the escape \\%c, which TOML 1.0 has not", raw[i])
			return
		}
	}
}
