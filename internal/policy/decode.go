package policy

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// decode puts a tree into the tables of [document], keys exactly as they are
// named there, and reports what does not fit.
func (r *reader) decode(root *node) document {
	var d document
	r.table(reflect.ValueOf(&d).Elem(), root)
	return d
}

// value puts n into v, and tells whether it is of the kind that v wants.
func (r *reader) value(v reflect.Value, n *node, name string) bool {
	switch target := v.Addr().Interface().(type) {
	case *text:
		return r.take(n, name, "a string", unstable.String, func() { *target = text{n.at, n.text} })
	case *flag:
		return r.take(n, name, "true or false", unstable.Bool, func() { *target = flag{n.at, n.text == "true"} })
	case *moment:
		return r.take(n, name, "a time without quotes, such as 2026-11-24T09:00:00Z", unstable.DateTime, func() { *target = moment{n.at, n.text} })
	case *number:
		return r.take(n, name, "an integer", unstable.Integer, func() { *target = number{n.at, r.integer(n, name)} })
	}
	if v.Kind() == reflect.Slice {
		return r.take(n, name, "an array", unstable.Array, func() { r.array(v, n, name) })
	}
	return r.take(n, name, "a table", unstable.Table, func() { r.table(v, n) })
}

// take takes a value of the right kind, and reports another one.
func (r *reader) take(n *node, name, want string, kind unstable.Kind, put func()) bool {
	if n.kind != kind {
		r.add(n.at, "%s is not %s", name, want)
		return false
	}
	put()
	return true
}

func (r *reader) integer(n *node, name string) int64 {
	i, err := strconv.ParseInt(strings.ReplaceAll(n.text, "_", ""), 0, 64)
	if err != nil {
		r.add(n.at, "%s is not an integer of 64 bits", name)
	}
	return i
}

func (r *reader) array(v reflect.Value, n *node, name string) {
	list := reflect.MakeSlice(v.Type(), 0, len(n.elems))
	for _, e := range n.elems {
		element := reflect.New(v.Type().Elem()).Elem()
		if r.value(element, e, "element of "+name) {
			list = reflect.Append(list, element)
		}
	}
	v.Set(list)
}

func (r *reader) table(v reflect.Value, n *node) {
	v.FieldByName("At").Set(reflect.ValueOf(n.at))
	known := keysOf(v.Type())
	for _, key := range n.keys {
		i := slices.IndexFunc(known, func(k setting) bool { return k.name == key })
		if i < 0 {
			r.unknown(n.fields[key].at, key, known)
			continue
		}
		r.value(v.Field(known[i].index), n.fields[key], key)
	}
	for _, k := range known {
		if k.needed && n.fields[k.name] == nil {
			r.add(n.at, "%s is missing", k.name)
		}
	}
}

// unknown reports a key. Other capitals make another key.
func (r *reader) unknown(at place, name string, known []setting) {
	for _, k := range known {
		if strings.EqualFold(k.name, name) {
			r.add(at, "unknown key %.80q: it is written %s", name, k.name)
			return
		}
	}
	r.add(at, "unknown key %.80q", name)
}

// setting is what a table's tags say of a key.
type setting struct {
	index  int
	name   string
	needed bool
	tag    reflect.StructTag
}

func keysOf(table reflect.Type) []setting {
	var keys []setting
	for i := range table.NumField() {
		tag := table.Field(i).Tag
		if name := tag.Get("toml"); name != "" {
			keys = append(keys, setting{i, name, tag.Get("need") != "", tag})
		}
	}
	return keys
}

// reader collects findings while a document is read.
type reader struct {
	text     []byte
	file     string
	findings []finding
	places   map[string]place // of the fields of the canonical form
	keyring  []publicKey      // of all principals
}

type finding struct {
	at   place
	text string
}

func (r *reader) add(at place, format string, args ...any) {
	r.findings = append(r.findings, finding{at, fmt.Sprintf(format, args...)})
}
