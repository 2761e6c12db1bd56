package cli

import (
	"embed"
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/canon"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// programs are those for awk that the commands of an explanation write down and run.
//
//go:embed plain
var programs embed.FS

// written is the command that writes one of them to a file: in one line, without what
// explains it. They have no single quote, and no statement that ends with its line.
func written(program, file string) string {
	text, err := programs.ReadFile("plain/" + program)
	if err != nil {
		panic(err) // it is in this program or it is not
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			lines = append(lines, line)
		}
	}
	return "printf '%s\\n' '" + strings.Join(lines, " ") + "' > " + file
}

// canonically says how bytes that a command prints are found to be canonical. What is in
// them is in the file flat then.
func canonically(raw string) []string {
	return []string{
		written("flatten.awk", "flat.awk"),
		"test $(" + raw + " | wc -c) -le 65536 && " + raw + " | LC_ALL=C tr -cd '\\000-\\037' | cmp -s - /dev/null",
		raw + " | LC_ALL=C awk -f flat.awk > flat",
	}
}

// fieldwise says how the fields in the file flat are compared with the rules of the kind
// that a receipt says to be of; of a later kind, with those that all kinds have.
func fieldwise(e *ledger.Entry) []string {
	if canon.Check(e.Raw, receipt.MaxSize) != nil {
		return nil // the step before says so
	}
	table, later := laterForms, " later=1"
	if kind, known := kindOf(e); known {
		table, later = formsOf(kind), ""
	}
	return []string{
		written("forms.awk", "forms.awk"),
		"printf '%s\\n' '" + strings.Join(table, "' '") + "' > forms",
		"LC_ALL=C awk -f forms.awk reading=forms forms reading=flat" + later + " flat",
	}
}

// kindOf is the kind that a receipt says to be of, also where it breaks the rules of it,
// and whether it is of this version.
func kindOf(e *ledger.Entry) (kind receipt.Kind, known bool) {
	var said struct {
		Kind   receipt.Kind
		Schema string
	}
	if json.Unmarshal(e.Raw, &said) != nil {
		return "", false
	}
	return said.Kind, slices.Contains(receipt.Kinds(), said.Kind) && said.Schema == receipt.Schema
}

// laterForms are the rules of receipts of later kinds and schemas.
var laterForms = []string{".schema ! schema", ".kind ! kind", ".recorded_at ! time", ".ledger ! digest"}

// forms are the rules of docs/spec/receipt.md about values that their types do not say,
// by the type and the name of the field, for plain/forms.awk: the form, and its limits.
var forms = map[string]string{
	"Receipt.chain_ref":       "chain",
	"Receipt.component":       "name 200",
	"Receipt.evidence":        "list 1 1024 .name,.sha256",
	"Receipt.labels":          "map 1",
	"Receipt.links":           "list 1 1024 .rel,.receipt",
	"Receipt.note":            "text 1 16384",
	"Receipt.ref":             "ref",
	"Receipt.schema":          "one " + receipt.Schema,
	"Receipt.subjects":        "list 1 1024 .name,.sha256",
	"Receipt.version":         "name 100",
	"Person.email":            "line 0 200",
	"Person.name":             "line 1 200",
	"Subject.name":            "subject",
	"Evidence.media_type":     "media",
	"Evidence.name":           "base",
	"Link.rel":                "one " + strings.Join(receipt.Rels(), " "),
	"Genesis.name":            "name 200",
	"Genesis.nonce":           "hex 32",
	"Decision.status":         "one proposed accepted rejected superseded",
	"Decision.title":          "line 1 1024",
	"Decision.context":        "text 1 16384",
	"Decision.decision":       "text 1 16384",
	"Decision.consequences":   "text 1 16384",
	"Incident.severity":       "line 1 100",
	"Incident.impact":         "text 1 16384",
	"Incident.cause":          "text 1 16384",
	"Incident.action":         "text 1 16384",
	"Discovery.title":         "line 1 1024",
	"Discovery.finding":       "text 1 16384",
	"Attestation.type":        "word",
	"Attestation.tool":        "line 1 1024",
	"Attestation.command":     "list 1 0",
	"Attestation.command[]":   "text 0 16384",
	"Attestation.exit_code":   "number -2147483648 2147483647",
	"Attestation.environment": "map 1",
	"Attestation.outputs":     "list 1 1024 .name,.sha256",
	"Attestation.differences": "list 1 0",
	"Difference.name":         "line 1 1024",
	"Difference.detail":       "line 1 1024",
	"Spawn.template":          "line 1 1024",
	"Spawn.answers":           "map 0",
	"Import.source":           "line 1 1024",
	"Merge.heads":             "list 2 2 .commit",
	"Revocation.key":          "fingerprint",
	"Revocation.reason":       "one compromised superseded retired",
	"Covenant.version":        "number 1 2147483648",
	"Covenant.principals":     "list 0 0 .name",
	"Covenant.tsas":           "list 0 0 .name",
	"Covenant.revocations":    "list 0 0 .key",
	"Principal.name":          "name 100",
	"Principal.keys":          "list 1 0 .type,.key",
	"PublicKey.type":          "one openpgp ssh",
	"PublicKey.key":           "key",
	"Threshold.signers":       "list 1 0",
	"Quorum.group":            "line 1 100",
	"Quorum.count":            "number 1 1024",
	"Authority.name":          "word",
	"Authority.roots":         "list 1 0",
	"Authority.roots[]":       "base64",
	"Authority.pins[]":        "pin",
	"Authority.policy":        "oid",
	"Rule.name":               "word",
	"Rule.sentence":           "line 1 1024",
	"RuleTest.name":           "line 1 1024",
	"RuleTest.ref":            "ref",
	"Federation.accept":       "one any signed trusted",
}

// formsOf are the rules of a kind, a line each: a path as flatten.awk prints it, with []
// for every number; ! where what it stands in cannot be without it; and the form.
func formsOf(kind receipt.Kind) []string {
	var table []string
	root := reflect.TypeFor[receipt.Receipt]()
	for i := range root.NumField() {
		name, optional := tagOf(root.Field(i))
		own := name == string(kind)
		if name == "" || slices.Contains(receipt.Kinds(), receipt.Kind(name)) && !own || name == "ledger" && kind == receipt.KindGenesis {
			continue
		}
		shipped := kind == receipt.KindRelease || kind == receipt.KindDeployment
		must := !optional || own || name == "ledger" || shipped && (name == "component" || name == "version")
		table = append(table, formsBelow("."+name, "Receipt."+name, root.Field(i).Type, must)...)
	}
	i := slices.IndexFunc(table, func(line string) bool { return strings.HasPrefix(line, ".kind ") })
	table[i] = ".kind ! one " + string(kind)
	if i = slices.IndexFunc(table, func(line string) bool { return strings.HasPrefix(line, ".genesis.covenant.version ") }); i >= 0 {
		table[i] = ".genesis.covenant.version ! number 1 1"
	}
	return table
}

// formsBelow are the rules of one field, which has a name in [forms], and of what is in it.
func formsBelow(path, name string, t reflect.Type, must bool) []string {
	pointer := t.Kind() == reflect.Pointer
	if pointer {
		t = t.Elem()
	}
	mark, element := " - ", strings.HasSuffix(path, "[]")
	if must && !element {
		mark = " ! "
	}
	table := []string{path + mark + formOf(name, t, !must && !pointer)}
	switch {
	case forms[name] == "" && isText(t):
	case t.Kind() == reflect.Struct:
		for i := range t.NumField() {
			if field, optional := tagOf(t.Field(i)); field != "" {
				table = append(table, formsBelow(path+"."+field, t.Name()+"."+field, t.Field(i).Type, !optional)...)
			}
		}
	case t.Kind() == reflect.Slice:
		table = append(table, formsBelow(path+"[]", name+"[]", t.Elem(), true)...)
	}
	return table
}

// formOf is the form of a field: that of its name, else that of its type. A number or a
// flag of which nothing is written when it is 0 or false is never written so.
func formOf(name string, t reflect.Type, unwritten bool) string {
	if f := forms[name]; f != "" {
		return f
	}
	switch t {
	case reflect.TypeFor[receipt.ID](), reflect.TypeFor[receipt.Digest]():
		return "digest"
	case reflect.TypeFor[receipt.Object]():
		return "object"
	case reflect.TypeFor[receipt.Time]():
		return "time"
	case reflect.TypeFor[receipt.Kind]():
		return "kind"
	}
	switch {
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct:
		return "list 0 0"
	case t.Kind() == reflect.Slice:
		return "list 0 0 ,"
	case t.Kind() == reflect.Struct:
		return "members"
	case t.Kind() == reflect.Bool && unwritten:
		return "set"
	case t.Kind() == reflect.Bool:
		return "flag"
	case t.Kind() == reflect.Int64 && unwritten:
		return "number 1 9007199254740991"
	case t.Kind() == reflect.Int64:
		return "number 0 9007199254740991"
	case strings.HasSuffix(name, "[]"):
		return "line 1 1024" // a word
	}
	return ""
}

// isText tells whether values of a type are spelled as strings, whatever they are made of.
func isText(t reflect.Type) bool {
	return t == reflect.TypeFor[receipt.ID]() || t == reflect.TypeFor[receipt.Digest]() || t == reflect.TypeFor[receipt.Time]()
}

// tagOf is the name of a field in JSON, "" for none, and whether it may be absent.
func tagOf(f reflect.StructField) (name string, optional bool) {
	name, rest, _ := strings.Cut(f.Tag.Get("json"), ",")
	if name == "-" {
		name = ""
	}
	return name, rest != ""
}
