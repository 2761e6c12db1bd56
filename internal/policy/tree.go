package policy

import (
	"errors"
	"fmt"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// place is where something stands in a document: its offset in bytes and one
// more, so that 0 is nowhere.
type place int

// node is a value of a TOML document. What a key names stands where the last
// part of the key does; an element of an array, where it begins.
type node struct {
	kind   unstable.Kind // Table, Array or that of a scalar
	at     place
	text   string           // of a scalar: of strings what they mean, else as written
	keys   []string         // of a table, as they come
	fields map[string]*node // of a table
	elems  []*node          // of an array
}

func newTable(at place) *node {
	return &node{kind: unstable.Table, at: at, fields: map[string]*node{}}
}

// syntax says where text is no TOML, a key that is there twice included.
func syntax(text []byte) (place, error) {
	var any map[string]any
	err := toml.Unmarshal(text, &any)
	var wrong *toml.DecodeError
	if !errors.As(err, &wrong) {
		return 1, err
	}
	row, column := wrong.Position()
	return offset(text, row, column), errors.New(strings.TrimPrefix(wrong.Error(), "toml: "))
}

// parse makes a tree of text that [syntax] has nothing against.
func parse(text []byte) (*node, error) {
	p := new(unstable.Parser)
	p.Reset(text)
	root := newTable(1)
	current := root
	for p.NextExpression() {
		e := p.Expression()
		switch e.Kind {
		case unstable.Table:
			last, parent := descend(e.Key(), root)
			current = parent.table(last)
			current.at = start(last)
		case unstable.ArrayTable:
			last, parent := descend(e.Key(), root)
			current = newTable(start(last))
			list := parent.field(last, unstable.Array)
			list.elems = append(list.elems, current)
		case unstable.KeyValue:
			current.set(e)
		}
	}
	if err := p.Error(); err != nil {
		return nil, fmt.Errorf("not TOML: %v", err)
	}
	return root, nil
}

// descend follows a dotted key from n to the table that its last part is in.
func descend(key unstable.Iterator, n *node) (last *unstable.Node, parent *node) {
	for key.Next() {
		if key.IsLast() {
			return key.Node(), n
		}
		n = n.table(key.Node())
	}
	return &unstable.Node{}, n
}

// table is the table that a key names in n: the last one where they are many.
func (n *node) table(key *unstable.Node) *node {
	child := n.field(key, unstable.Table)
	if len(child.elems) > 0 {
		return child.elems[len(child.elems)-1]
	}
	return child
}

// field is what a key names in n, made if it is not there.
func (n *node) field(key *unstable.Node, kind unstable.Kind) *node {
	name := string(key.Data)
	if child, ok := n.fields[name]; ok {
		return child
	}
	child := newTable(start(key))
	child.kind = kind
	n.put(name, child)
	return child
}

func (n *node) put(name string, child *node) {
	if n.fields == nil { // a scalar, which syntax does not let through
		return
	}
	n.keys = append(n.keys, name)
	n.fields[name] = child
}

// set takes a key and its value into n.
func (n *node) set(e *unstable.Node) {
	last, parent := descend(e.Key(), n)
	parent.put(string(last.Data), valueOf(e.Value(), start(last)))
}

// valueOf is a value that stands at a place.
func valueOf(v *unstable.Node, at place) *node {
	n := &node{kind: v.Kind, at: at, text: string(v.Data)}
	switch v.Kind {
	case unstable.Array:
		for it := v.Children(); it.Next(); {
			n.elems = append(n.elems, valueOf(it.Node(), elementStart(it.Node(), at)))
		}
	case unstable.InlineTable:
		n = newTable(at)
		for it := v.Children(); it.Next(); {
			n.set(it.Node())
		}
	}
	return n
}

func start(n *unstable.Node) place { return place(n.Raw.Offset) + 1 }

// elementStart is where an element begins. Of an array in an array the library
// does not say it; there it is what the outer array stands at.
func elementStart(n *unstable.Node, outer place) place {
	if n.Kind == unstable.Array {
		return outer
	}
	return start(n)
}

// lineColumn is a place as editors count: both from 1, columns in bytes.
func lineColumn(text []byte, at place) (line, column int) {
	before := string(text[:max(int(at)-1, 0)])
	return strings.Count(before, "\n") + 1, len(before) - strings.LastIndexByte(before, '\n')
}

// offset is the place of a line and a column.
func offset(text []byte, line, column int) place {
	at := 0
	for range line - 1 {
		next := strings.IndexByte(string(text[at:]), '\n')
		if next < 0 {
			break
		}
		at += next + 1
	}
	return place(min(at+column, len(text)+1))
}
