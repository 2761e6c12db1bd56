package cli

import (
	"encoding"
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/canon"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// flatten is a program for awk. It reads one JSON object in canonical form
// (docs/spec/canonical.md), fails where the bytes are anything else, and prints a line
// for each value in it: where it stands and what it is, such as
// .subjects[0].name "api.tar.gz". Names other than words are in quotes, so that nobody's
// name looks like two. It has no single quote and no newline: it goes into one line.
var flatten = strings.Join([]string{
	`function bad() { failed = 1; exit 1 }`,
	`function str(t, u) { if (!match(s, string)) bad(); t = substr(s, 1, RLENGTH); s = substr(s, RLENGTH + 1); u = t; gsub(/\\\\/, "", u); if (u ~ /\\u00(00|08|09|0a|0c|0d)/) bad(); return t }`,
	`function eat(c) { if (substr(s, 1, 1) != c) return 0; s = substr(s, 2); return 1 }`,
	`function object(d, at, n, k, p) { if (eat("}")) { print at, "{}"; return } do { k = str(); if (n++ && p >= k) bad(); p = k; if (!eat(":")) bad(); value(d, at "." (k ~ /^"[A-Za-z0-9_]+"$/ ? substr(k, 2, length(k) - 2) : k)) } while (eat(",")); if (!eat("}")) bad() }`,
	`function array(d, at, n) { if (eat("]")) { print at, "[]"; return } do value(d, at "[" (n++ + 0) "]"); while (eat(",")); if (!eat("]")) bad() }`,
	`function value(d, at, t) { if (eat("{")) { if (d > 31) bad(); object(d + 1, at) } else if (eat("[")) { if (d > 31) bad(); array(d + 1, at) } else if (substr(s, 1, 1) == "\"") print at, str(); ` +
		`else { if (!match(s, /^(0|-?[1-9][0-9]*|true|false|null)/)) bad(); t = substr(s, 1, RLENGTH); s = substr(s, RLENGTH + 1); print at, t; sub(/^-/, "", t); if (t ~ /^[0-9]/ && (length(t) > 16 || length(t) == 16 && "x" t > "x9007199254740991")) bad() } }`,
	`BEGIN { c = "[\200-\277]"; string = "^\"([ !#-[]|]|[\\^-\177]|[\302-\337]" c "|\340[\240-\277]" c "|[\341-\354\356\357]" c c "|\355[\200-\237]" c "|\360[\220-\277]" c c "|[\361-\363]" c c c "|\364[\200-\217]" c c "|\\\\[\"\\\\bfnrt]|\\\\u00[01][0-9a-f])*\"" }`,
	`NR > 1 { bad() }`,
	`{ s = $0; if (s !~ /^[{]/ || s ~ /\357\267[\220-\257]|\357\277[\276\277]|[\360-\364][\217\237\257\277]\277[\276\277]/) bad(); value(0, ""); if (s != "") bad() }`,
	`END { exit failed || NR != 1 }`,
}, " ")

// canonically says how bytes that a command prints are found to be canonical. What is in
// them is in the file flat then.
func canonically(raw string) []string {
	return []string{
		"printf '%s\\n' '" + flatten + "' > flat.awk",
		"test $(" + raw + " | wc -c) -le 65536 && " + raw + " | LC_ALL=C tr -cd '\\000-\\037' | cmp -s - /dev/null",
		raw + " | LC_ALL=C awk -f flat.awk > flat",
	}
}

// fieldwise says how the fields in the file flat are compared with those that a kind has.
func fieldwise(e *ledger.Entry) []string {
	if canon.Check(e.Raw, receipt.MaxSize) != nil {
		return nil // the step before says so
	}
	kind, known := kindOf(e)
	if !known {
		return []string{"cat flat # for the eye: its kind is none that this version knows, docs/spec/receipt.md"}
	}
	f := fieldsOf(kind)
	against := func(names []string, columns string) string {
		return "printf '%s\\n' '" + strings.Join(names, "' '") + "' | LC_ALL=C sort | LC_ALL=C comm " + columns + " fields - | cmp -s - /dev/null"
	}
	return []string{
		`cut -d' ' -f1 flat | sed 's/\[[0-9]*\]/[]/g; s/^\(` + strings.Join(f.maps, `\|`) + `\)\..*/\1/' | LC_ALL=C sort -u > fields`,
		against(f.all, "-23"),
		against(f.required, "-13"),
		`test "$(sed -n 's/^\.schema //p; s/^\.kind //p' flat | tr -d '\n')" = '"` + string(kind) + `""` + receipt.Schema + `"'`,
		"cat flat # for the eye: the form and the size of each value, and the order in arrays, docs/spec/receipt.md",
	}
}

// kindOf is the kind that a receipt says to be of, also where it breaks the rules of it.
func kindOf(e *ledger.Entry) (kind receipt.Kind, known bool) {
	var said struct{ Kind receipt.Kind }
	if json.Unmarshal(e.Raw, &said) != nil {
		return "", false
	}
	return said.Kind, slices.Contains(receipt.Kinds(), said.Kind)
}

// fields are the paths that receipts of a kind have, as flatten prints them with [] for
// every number.
type fields struct {
	all, required []string
	maps          []string // patterns of those below which any name stands
}

func fieldsOf(kind receipt.Kind) fields {
	var f fields
	root := reflect.TypeFor[receipt.Receipt]()
	for i := range root.NumField() {
		name, optional := tagOf(root.Field(i))
		own := name == string(kind)
		if name == "" || slices.Contains(receipt.Kinds(), receipt.Kind(name)) && !own {
			continue
		}
		must := !optional || own || name == "ledger" && kind != receipt.KindGenesis ||
			(name == "component" || name == "version") && (kind == receipt.KindRelease || kind == receipt.KindDeployment)
		if name != "ledger" || kind != receipt.KindGenesis {
			f.add("."+name, root.Field(i).Type, must)
		}
	}
	return f
}

// add takes in a field and what is below it; required are those that no receipt of the
// kind can be without.
func (f *fields) add(path string, t reflect.Type, required bool) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	isText := t.Implements(reflect.TypeFor[encoding.TextMarshaler]())
	if t.Kind() == reflect.Struct && !isText {
		for i := range t.NumField() {
			if name, optional := tagOf(t.Field(i)); name != "" {
				f.add(path+"."+name, t.Field(i).Type, required && !optional)
			}
		}
		return
	}
	f.all = append(f.all, path)
	switch {
	case t.Kind() == reflect.Map:
		f.maps = append(f.maps, strings.ReplaceAll(path, ".", `\.`))
	case t.Kind() == reflect.Slice && !isText:
		f.add(path+"[]", t.Elem(), false)
	case required:
		f.required = append(f.required, path)
	}
}

// tagOf is the name of a field in JSON, "" for none, and whether it may be absent.
func tagOf(f reflect.StructField) (name string, optional bool) {
	name, rest, _ := strings.Cut(f.Tag.Get("json"), ",")
	if name == "-" {
		name = ""
	}
	return name, rest != ""
}
