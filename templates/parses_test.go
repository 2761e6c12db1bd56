package templates

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	dockerfile "github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/pelletier/go-toml/v2"
	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"
)

// readFile reads a file by the parser of its format, if it has one here. Python is read by itself, all at once.
func readFile(f File) error {
	switch ext := path.Ext(f.Path); {
	case ext == ".json":
		if !json.Valid(f.Content) {
			return errors.New("not JSON")
		}
	case ext == ".toml":
		return toml.Unmarshal(f.Content, new(map[string]any))
	case ext == ".yaml", ext == ".yml":
		return parseYAML(f.Content)
	case ext == ".go":
		_, err := parser.ParseFile(token.NewFileSet(), f.Path, f.Content, parser.AllErrors)
		return err
	case path.Base(f.Path) == "Dockerfile":
		tree, err := dockerfile.Parse(bytes.NewReader(f.Content))
		if err == nil {
			_, _, err = instructions.Parse(tree.AST, nil)
		}
		return err
	}
	return nil
}

func parseYAML(text []byte) error {
	d := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var document any
		err := d.Decode(&document)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// parsePython has Python itself read sources; it is asked once, since it takes its time to begin.
func parsePython(t *testing.T, files []File) {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err != nil {
		if os.Getenv("TEST_TOOLS") == "required" {
			t.Fatal(err)
		}
		t.Log("Python is not here: its files are not read")
		return
	}
	texts := make(map[string]string)
	for _, f := range files {
		if path.Ext(f.Path) == ".py" {
			texts[string(f.Content)] = f.Path
		}
	}
	input, err := json.Marshal(texts)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, "-c", "import ast, json, sys\nfor text, path in json.load(sys.stdin).items():\n    ast.parse(text, path)\n")
	cmd.Stdin = bytes.NewReader(input)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("Python: %v\n%s", err, out)
	}
}

// all are the templates of the program and the one for tests.
func all(t *testing.T) []*Template {
	list := []*Template{sample(t)}
	types, err := Types(Builtin())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range types {
		made, err := Find(Builtin(), name)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, made)
	}
	return list
}

// The words that mean something in some format.
var hostile = []string{
	`"`, `'`, `\`, "`", `"""`, `'''`, `$(touch /tmp/x)`, `${HOME}`, `$HOME`, `{{.name}}`, `{{`, `}}`, `%s`, `%{x}`, `# x`, `: `, `- x`, `key: value`, `---`, `...`, `&a`, `*a`, `!!python/object`, `<script>`, `]]>`, `[x](javascript:x)`,
	`; rm -rf /`, `| sh`, `> x`, "é", "日本", "🙂", "\U000e0001", "\ufeff", "\u00a0", "\u200b", "null", "true", "~", "0x10", "=1+1", "../", "/etc/passwd", `C:\`, "\\u0041", "\\x41", "\\N{BULLET}", "*/", "//", "<!--", "\"}", "']", ")", "({", "a", " ", "",
}

// freely draws an answer to a question: a hostile one where its rule allows that.
func freely(t *rapid.T, q *Question) any {
	switch q.Type {
	case TypeBoolean:
		return rapid.Bool().Draw(t, q.Name)
	case TypeChoice:
		return rapid.SampledFrom(q.Choices).Draw(t, q.Name)
	case TypeInteger:
		low, high := int64(-1<<53), int64(1<<53)
		if q.Minimum != nil {
			low = *q.Minimum
		}
		if q.Maximum != nil {
			high = *q.Maximum
		}
		return rapid.Int64Range(low, high).Draw(t, q.Name)
	}
	words := rapid.SliceOfN(rapid.OneOf(rapid.SampledFrom(hostile), rapid.StringN(0, 8, 16)), 0, 6).Draw(t, q.Name)
	text := strings.Join(words, "")
	if _, err := q.Check(text); err != nil {
		return nil
	}
	return text
}

// someName draws a name, hostile or not.
func someName() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.StringMatching(`[a-z][a-z0-9-]{0,20}`), rapid.StringMatching(`[a-z][a-z0-9-]{0,62}`),
		rapid.SampledFrom([]string{"class", "my-service", "..", "../../etc", "a/b", "/tmp/x", "-rf", "$(id)", "a b", "con", "--name--", "a--name--b", "dot_git", "a--module--b"}),
		rapid.StringN(0, 20, 40),
	)
}

// Whatever somebody calls a service and answers, it is refused, or nothing leaves the folder and every file is
// one of its format.
func TestHostileNamesAndAnswers(t *testing.T) {
	var python []File
	for _, made := range all(t) {
		rapid.Check(t, func(t *rapid.T) {
			r := Request{Name: someName().Draw(t, "name"), Year: rapid.IntRange(1970, 9999).Draw(t, "year"), Answers: make(map[string]any), With: make(map[string]string)}
			for i := range made.Questions {
				if answer := freely(t, &made.Questions[i]); answer != nil {
					r.Answers[made.Questions[i].Name] = answer
				}
			}
			for _, o := range made.Options {
				choices := append([]string{""}, o.Choices...)
				if o.IsSwitch() && o.Refused["on"] == "" {
					choices = append(choices, "on")
				}
				if choice := rapid.SampledFrom(choices).Draw(t, o.Name); choice != "" {
					r.With[o.Name] = choice
				}
			}
			plan, err := made.Plan(r)
			if made.CheckName(r.Name) != nil {
				if err == nil {
					t.Fatalf("%q is no name, and is taken", r.Name)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range plan.Files {
				if !fs.ValidPath(f.Path) || strings.ContainsAny(f.Path, `\:`) || slices.Contains(strings.Split(f.Path, "/"), ".git") {
					t.Fatalf("%q leads elsewhere", f.Path)
				}
				if err := readFile(f); err != nil {
					t.Fatalf("%s: %v\n%s", f.Path, err, f.Content)
				}
			}
			python = append(python, plan.Files...)
		})
	}
	parsePython(t, python)
}

// What is quoted reads as what it was, in each format.
func TestQuotedReadsAsItWas(t *testing.T) {
	t.Parallel()
	var texts []string
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(rapid.OneOf(rapid.SampledFrom(hostile), rapid.String()), 0, 6).Draw(t, "text"), "")
		if !isLine(text) {
			return
		}
		texts = append(texts, text)
		var fromJSON, fromYAML string
		var fromTOML struct{ V string }
		if err := json.Unmarshal([]byte(quote(text)), &fromJSON); err != nil || fromJSON != text {
			t.Fatalf("JSON: %q, %v", fromJSON, err)
		}
		if err := yaml.Unmarshal([]byte(quote(text)), &fromYAML); err != nil || fromYAML != text {
			t.Fatalf("YAML: %q, %v", fromYAML, err)
		}
		if err := toml.Unmarshal([]byte("V = "+quote(text)), &fromTOML); err != nil || fromTOML.V != text {
			t.Fatalf("TOML: %q, %v", fromTOML.V, err)
		}
	})
	pythonReads(t, texts)
	shellReads(t, texts)
}

func pythonReads(t *testing.T, texts []string) {
	python, err := exec.LookPath("python3")
	if err != nil {
		return
	}
	var list []string
	for _, text := range texts {
		list = append(list, pyQuote(text))
	}
	want, err := json.Marshal(texts)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, "-c", "import json, sys\nwant = json.load(sys.stdin)\nassert [eval(s) for s in want[0]] == want[1]\n")
	quotedList, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdin = strings.NewReader("[" + string(quotedList) + "," + string(want) + "]")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("Python: %v\n%s", err, out)
	}
}

func shellReads(t *testing.T, texts []string) {
	shell, err := exec.LookPath("sh")
	if err != nil {
		return
	}
	var script, want strings.Builder
	for _, text := range texts {
		script.WriteString("printf '%s\\n' " + shQuote(text) + "\n")
		want.WriteString(text + "\n")
	}
	cmd := exec.Command(shell)
	cmd.Stdin = strings.NewReader(script.String())
	out, err := cmd.Output()
	if err != nil || string(out) != want.String() {
		t.Errorf("the shell reads other texts: %v", err)
	}
}
