package templates

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

const head = "id = \"bad\"\ntitle = \"Bad\"\nversion = 1\n"

// sources are a template of a manifest and files, each a path and its content in turn.
func sources(manifest string, files ...string) []Source {
	list := []Source{{ManifestName, []byte(manifest)}}
	for i := 0; i+1 < len(files); i += 2 {
		list = append(list, Source{files[i], []byte(files[i+1])})
	}
	return list
}

func sample(t testing.TB) *Template {
	t.Helper()
	made, err := Find(os.DirFS("testdata"), "sample")
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// A template with a fault is refused with its code, when it is read or when it is filled in.
func TestBadTemplates(t *testing.T) {
	t.Parallel()
	question := head + "[[question]]\nname = \"text\"\nask = \"Text?\"\ntype = \"string\"\ndefault = \"x: y\"\n"
	deep := strings.Repeat("{{if true}}", 20_000) + strings.Repeat("{{end}}", 20_000)
	for name, c := range map[string]struct {
		files []Source
		code  fault.Code
	}{
		"no manifest":                {[]Source{{"a", nil}}, fault.BadTemplate},
		"not TOML":                   {sources("id ="), fault.BadTemplate},
		"unknown field":              {sources(head + "color = \"red\"\n"), fault.BadTemplate},
		"unknown field of an option": {sources(head + "[[option]]\nname = \"a\"\nhelp = \"b\"\nfree = true\n"), fault.BadTemplate},
		"id of a path":               {sources("id = \"../bad\"\ntitle = \"Bad\"\nversion = 1\n"), fault.BadTemplate},
		"no version":                 {sources("id = \"bad\"\ntitle = \"Bad\"\n"), fault.BadTemplate},
		"default of another type":    {sources(head + "[[question]]\nname = \"n\"\nask = \"N?\"\ntype = \"integer\"\ndefault = \"1\"\n"), fault.BadTemplate},
		"default against its rule":   {sources(head + "[[question]]\nname = \"n\"\nask = \"N?\"\ntype = \"integer\"\ndefault = 1\nminimum = 2\n"), fault.BadTemplate},
		"pattern that is none":       {sources(head + "[[question]]\nname = \"n\"\nask = \"N?\"\ntype = \"string\"\npattern = \"(\"\n"), fault.BadTemplate},
		"question called name":       {sources(head + "[[question]]\nname = \"name\"\nask = \"N?\"\ntype = \"string\"\n"), fault.BadTemplate},
		"option like a question":     {sources(question + "[[option]]\nname = \"text\"\nhelp = \"b\"\n"), fault.BadTemplate},
		"condition about nothing":    {sources(head+"[[when]]\nfiles = [\"a\"]\nif = \"mq\"\n", "a", ""), fault.BadTemplate},
		"condition of no file":       {sources(head+"[[option]]\nname = \"mq\"\nhelp = \"b\"\n[[when]]\nfiles = [\"b\"]\nif = \"mq\"\n", "a", ""), fault.BadTemplate},
		"executable of no file":      {sources("executable = [\"b\"]\n"+head, "a", ""), fault.BadTemplate},
		"tool with a shell":          {sources(head + "[[tool]]\nname = \"sh\"\nversion = [\"sh\", \"-c\", \"id\"]\n"), fault.BadTemplate},
		"tool by a path":             {sources(head + "[[tool]]\nname = \"../sh\"\nversion = [\"../sh\", \"--version\"]\n"), fault.BadTemplate},
		"tool that asks another":     {sources(head + "[[tool]]\nname = \"go\"\nversion = [\"rm\", \"--version\"]\n"), fault.BadTemplate},
		"no template text":           {sources(head, "a.tmpl", "{{if}}"), fault.BadTemplate},
		"template that is not there": {sources(head, "a.tmpl", `{{template "b"}}`), fault.BadTemplate},
		"outside":                    {sources(head, "../a", ""), fault.TemplateEscapes},
		"outside from within":        {sources(head, "a/../../b", ""), fault.TemplateEscapes},
		"absolute":                   {sources(head, "/etc/passwd", ""), fault.TemplateEscapes},
		"backslash":                  {sources(head, `a\b`, ""), fault.TemplateEscapes},
		"drive":                      {sources(head, "c:a", ""), fault.TemplateEscapes},
		"hidden":                     {sources(head, ".git/hooks/pre-commit", ""), fault.TemplateEscapes},
		"dots by another name":       {sources(head, "dot_./a", ""), fault.TemplateEscapes},
		"a dot by another name":      {sources(head, "dot_/a", ""), fault.TemplateEscapes},
		"git's own":                  {sources(head, "dot_git/config", ""), fault.TemplateEscapes},
		"git's own in capitals":      {sources(head, "dot_GIT/config", ""), fault.TemplateEscapes},
		"submodules":                 {sources(head, "dot_gitmodules", ""), fault.TemplateEscapes},
		"repository in a folder":     {sources(head, "a/HEAD", "", "a/config", "", "a/objects/x", "", "a/refs/heads/x", ""), fault.TemplateEscapes},
		"repository in the root":     {sources(head, "HEAD", "", "objects/x", "", "refs/x", ""), fault.TemplateEscapes},
		"repository in small words":  {sources(head, "a/head.tmpl", "", "a/Objects/x", "", "a/refs/x", ""), fault.TemplateEscapes},
		"repository of another one":  {sources(head, "a/HEAD", "", "a/commondir", "../b"), fault.TemplateEscapes},
		"a file HEAD":                {sources(head, "a/HEAD", "", "objects/x", "", "refs/x", ""), ""},
		"device of Windows":          {sources(head, "con.txt", ""), fault.TemplateEscapes},
		"nothing but the suffix":     {sources(head, "a/.tmpl", ""), fault.TemplateEscapes},
		"twice":                      {append(sources(head, "a", ""), Source{"a", nil}), fault.TemplateEscapes},
		"twice by the suffix":        {sources(head, "a", "", "a.tmpl", ""), fault.TemplateEscapes},
		"twice but for the case":     {sources(head, "a", "", "A", ""), fault.TemplateEscapes},
		"a file and a folder":        {sources(head, "a", "", "a.tmpl/b", ""), ""},
		"a file in a file":           {sources(head, "b", "", "dot_b", "", "B/c", ""), fault.TemplateEscapes},
		"too deep":                   {sources(head, strings.Repeat("a/", 30)+"a", ""), fault.TemplateEscapes},
		"cycle":                      {sources(head, "a.tmpl", `{{define "x"}}{{template "x"}}{{end}}{{template "x"}}`), fault.TemplateCycle},
		"cycle of two":               {sources(head, "a.tmpl", `{{define "x"}}{{template "y"}}{{end}}{{define "y"}}{{template "x"}}{{end}}`), fault.TemplateCycle},
		"cycle of the file":          {sources(head, "a.tmpl", `{{template "file"}}`), fault.TemplateCycle},
		"cycle in a condition":       {sources(head, "a.tmpl", `{{define "x"}}{{if false}}{{range .with}}{{block "y" .}}{{template "x"}}{{end}}{{end}}{{end}}{{end}}`), fault.TemplateCycle},
		"unknown function":           {sources(head, "a.tmpl", "\n{{env \"HOME\"}}"), fault.TemplateFunction},
		"function in a pipe":         {sources(head, "a.tmpl", "{{.name | nothing}}"), fault.TemplateFunction},
		"function in parentheses":    {sources(head, "a.tmpl", "{{if (nothing)}}{{end}}"), fault.TemplateFunction},
		"function in an else":        {sources(head, "a.tmpl", "{{if true}}{{else}}{{(nothing).x}}{{end}}"), fault.TemplateFunction},
		"call":                       {sources(head, "a.tmpl", "{{call .name}}"), fault.TemplateFunction},
		"html":                       {sources(head, "a.tmpl", "{{html .name}}"), fault.TemplateFunction},
		"print":                      {sources(head, "a.tmpl", "{{print .name}}"), fault.TemplateFunction},
		"our own counter":            {sources(head, "a.tmpl", "{{_step}}"), fault.TemplateFunction},
		"missing variable":           {sources(head, "a.tmpl", "{{.nothing}}"), fault.TemplateVariable},
		"missing option":             {sources(head, "a.tmpl", "{{.with.nothing}}"), fault.TemplateVariable},
		"missing option by index":    {sources(head, "a.tmpl", `{{index .with "nothing"}}`), fault.TemplateVariable},
		"free text as it is":         {sources(question, "a.tmpl", "{{.text}}"), fault.TemplateVariable},
		"free text in capitals":      {sources(question, "a.tmpl", "{{upper .text}}"), fault.TemplateVariable},
		"free text by printf":        {sources(question, "a.tmpl", `{{printf "%s" .text}}`), fault.TemplateVariable},
		"free text by join":          {sources(question, "a.tmpl", `{{join "-" .text .name}}`), fault.TemplateVariable},
		"free text by indent":        {sources(question, "a.tmpl", `{{indent 2 .text}}`), fault.TemplateVariable},
		"free text in a variable":    {sources(question, "a.tmpl", `{{$x := .text}}{{$x}}`), fault.TemplateVariable},
		"free text in a loop":        {sources(question, "a.tmpl", `{{range $k, $v := .}}{{if eq $k "text"}}{{$v}}{{end}}{{end}}`), fault.TemplateVariable},
		"everything":                 {sources(question, "a.tmpl", `{{.}}`), fault.TemplateVariable},
		"wide verb":                  {sources(head, "a.tmpl", `{{printf "%1000000d" 1}}`), fault.TemplateVariable},
		"width from an argument":     {sources(head, "a.tmpl", `{{printf "%*d" 1000000 1}}`), fault.TemplateVariable},
		"endless loop":               {sources(head, "a.tmpl", `{{range 1000000000}}{{end}}`), fault.TemplateTooMuch},
		"loops in loops":             {sources(head, "a.tmpl", `{{range 1000}}{{range 1000}}{{range 1000}}{{end}}{{end}}{{end}}`), fault.TemplateTooMuch},
		"doubling calls":             {sources(head, "a.tmpl", doubling(40)), fault.TemplateTooMuch},
		"doubling text":              {sources(head, "a.tmpl", `{{$x := "aaaaaaaa"}}{{range 40}}{{$x = printf "%s%s" $x $x}}{{end}}`), fault.TemplateTooMuch},
		"join of many long texts":    {sources(head, "a.tmpl", long+`{{join "" `+strings.Repeat("$x ", 1000)+`}}`), fault.TemplateTooMuch},
		"join by a long text":        {sources(head, "a.tmpl", long+`{{join $x "" "" "" ""}}`), fault.TemplateTooMuch},
		"printf of many long texts":  {sources(head, "a.tmpl", long+`{{printf "`+strings.Repeat("%.1s", 1000)+`" `+strings.Repeat("$x ", 1000)+`}}`), fault.TemplateTooMuch},
		"work without output":        {sources(head, "a.tmpl", long+`{{range 1000}}{{$y := printf "%.1s" (md $x)}}{{end}}`), fault.TemplateTooMuch},
		"long list in a loop":        {sources(head, "a.tmpl", `{{range 1000}}`+strings.Repeat("{{$y := not true}}", 100)+`{{end}}`), fault.TemplateTooMuch},
		"long output":                {sources(head, "a.tmpl", `{{range 40000}}`+strings.Repeat("a", 100)+`{{end}}`), fault.TemplateTooMuch},
		"large file":                 {sources(head, "a", strings.Repeat("a", MaxFile+1)), fault.TemplateTooMuch},
		"deep, and harmless":         {sources(head, "a.tmpl", deep), ""},
	} {
		made, err := New(c.files)
		if err == nil {
			_, err = made.Plan(Request{Name: "my-service", Year: 2026})
		}
		switch {
		case c.code == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.code != "" && !fault.Has(err, c.code):
			t.Errorf("%s: got %v, not %s", name, err, c.code)
		}
	}
}

// long is a variable with as long a text as there may be.
var long = `{{$x := "aaaaaaaa"}}` + strings.Repeat(`{{$x = printf "%s%s" $x $x}}`, 13)

// doubling is a template whose parts call the next one twice each, and print nothing.
func doubling(n int) string {
	var b strings.Builder
	for i := range n {
		next := strings.Repeat("x", i+1)
		b.WriteString(`{{define "` + next + `"}}{{template "` + next + `x"}}{{template "` + next + `x"}}{{end}}`)
	}
	return b.String() + `{{define "` + strings.Repeat("x", n+1) + `"}}{{end}}{{template "x"}}`
}

func TestTooManyFiles(t *testing.T) {
	t.Parallel()
	many := fstest.MapFS{ManifestName: {Data: []byte(head)}}
	for i := range MaxFiles {
		many["d/"+strings.Repeat("a", 1+i%50)+strings.Repeat("b", i/50)] = &fstest.MapFile{}
	}
	if _, err := Load(many); !fault.Has(err, fault.TemplateTooMuch) {
		t.Errorf("got %v", err)
	}
}

// A link is refused, wherever it leads.
func TestLinks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, ManifestName), []byte(head), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(ManifestName, filepath.Join(dir, "a")); err != nil {
		t.Skip("no links here")
	}
	if _, err := Load(os.DirFS(dir)); !fault.Has(err, fault.TemplateEscapes) {
		t.Errorf("got %v", err)
	}
}

// Names that a service cannot have, wherever it lands; and good ones.
func TestNames(t *testing.T) {
	t.Parallel()
	both, none := sample(t), must(t, sources(head, "a", ""))
	for _, name := range []string{"", "-a", "a-", "1a", "A", "a_b", "a.b", "a b", "a/b", "..", "../x", "/x", "a\n", "-rf", "$(id)", "a;b", "ä", "a\x00", strings.Repeat("a", 64),
		"con", "nul", "com1", "lpt9", "prometheus", "localhost", "tests"} {
		for _, made := range []*Template{both, none} {
			if err := made.CheckName(name); !fault.Has(err, fault.BadName) {
				t.Errorf("%q: %v", name, err)
			}
		}
	}
	for _, name := range []string{"class", "async", "json", "test", "py-compile", "fastapi", "func", "string", "nil", "fmt", "internal", "sample"} {
		if err := both.CheckName(name); !fault.Has(err, fault.BadName) {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{"class", "json", "fmt", "sample"} { // nothing of Python or Go is in it
		if err := none.CheckName(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{"my-service", "orders", "my-api", "a", "a1", "a--b", "service", "api", "web", "worker", strings.Repeat("a", 63)} {
		if err := both.CheckName(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func must(t testing.TB, files []Source) *Template {
	t.Helper()
	made, err := New(files)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// Answers are taken by their type and rule.
func TestAnswers(t *testing.T) {
	t.Parallel()
	made := sample(t)
	for _, c := range []struct {
		question string
		answer   any
	}{
		{"port", "8080"}, {"port", 80}, {"port", int64(70000)}, {"port", 8080.5}, {"port", true}, {"port", nil}, {"description", ""}, {"description", 1}, {"description", "a\nb"}, {"description", "a\u202eb"},
		{"description", strings.Repeat("a", 201)}, {"description", "\xff"}, {"strict", "yes"}, {"strict", 1}, {"license", "GPL"}, {"license", true}, {"owner", "A"}, {"owner", "a b"}, {"owner", []any{"a"}}, {"other", "x"}, {"name", "x"}, {"with", "x"},
	} {
		_, err := made.Plan(Request{Name: "my-service", Year: 2026, Answers: map[string]any{c.question: c.answer}})
		if !fault.Has(err, fault.BadAnswer) && (c.answer != nil) {
			t.Errorf("%s = %v: %v", c.question, c.answer, err)
		}
	}
	for _, c := range []struct{ question, text string }{{"port", "x"}, {"port", "8080.0"}, {"port", ""}, {"strict", "perhaps"}, {"license", ""}, {"port", "99999999999999999999"}} {
		q, err := made.Question(c.question)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := q.Parse(c.text); !fault.Has(err, fault.BadAnswer) {
			t.Errorf("%s = %q: %v", c.question, c.text, err)
		}
	}
	required := must(t, sources(head+"[[question]]\nname = \"n\"\nask = \"N?\"\ntype = \"string\"\n"))
	if _, err := required.Plan(Request{Name: "my-service", Year: 2026}); !fault.Has(err, fault.BadAnswer) {
		t.Errorf("without an answer: %v", err)
	}
}

// Options are those of the template; what is refused has a code of its own.
func TestOptions(t *testing.T) {
	t.Parallel()
	made := sample(t)
	for _, c := range []struct {
		name, choice string
		code         fault.Code
	}{
		{"mq", "rabbitmq", ""}, {"metrics", "", ""}, {"metrics", "on", ""}, {"mq", "nats", fault.OptionRefused}, {"mq", "", fault.BadOption}, {"mq", "kafka", fault.BadOption},
		{"metrics", "rabbitmq", fault.BadOption}, {"postgres", "", fault.BadOption},
	} {
		_, err := made.Option(c.name, c.choice)
		if c.code == "" && err != nil || c.code != "" && !fault.Has(err, c.code) {
			t.Errorf("%s=%s: %v", c.name, c.choice, err)
		}
	}
}

// Files are there by their conditions, and where they belong.
func TestPlan(t *testing.T) {
	t.Parallel()
	made := sample(t)
	plan, err := made.Plan(Request{Name: "my-service", Year: 2026, Answers: map[string]any{"license": "none", "description": "A *bold* \"claim\""}, With: map[string]string{"mq": "rabbitmq"}})
	if err != nil {
		t.Fatal(err)
	}
	paths := make(map[string]File)
	for _, f := range plan.Files {
		paths[f.Path] = f
	}
	for _, path := range []string{".github/workflows/ci.yml", "src/my_service/__init__.py", "src/my_service/queue.py", "cmd/my-service/main.go", "deploy/queue/queue.yaml", "README.md", ".gitignore"} {
		if _, there := paths[path]; !there {
			t.Errorf("%s is not there", path)
		}
	}
	if _, there := paths["LICENSE"]; there || !paths["scripts/run.sh"].Executable || paths["README.md"].Executable {
		t.Error("LICENSE is there, or another file is executable")
	}
	if got := string(paths["README.md"].Content); got != "# My Service\n\nA \\*bold\\* \"claim\"\n\nIt listens to rabbitmq.\n" {
		t.Errorf("README.md is %q", got)
	}
	request, dropped, err := made.Recall(plan.Answers)
	if err != nil || len(dropped) > 0 {
		t.Fatal(err, dropped)
	}
	again, err := made.Plan(request)
	if err != nil || again.Digest() != plan.Digest() {
		t.Errorf("made again it is %v, %v", again, err)
	}
}

// The digest is that of the list which git ls-files and sha256sum make; the expected one was made by them.
func TestDigest(t *testing.T) {
	t.Parallel()
	files := []File{{Path: "b", Content: []byte("two\n"), Executable: true}, {Path: "a/c", Content: []byte("one\n")}, {Path: "a-d", Content: nil}}
	// printf '100644 %s\ta-d\n100644 %s\ta/c\n100755 %s\tb\n' … | sha256sum
	const want = "99a4d81816ce4721cf815b7ab457bcd498f893f92b32c955851c78c1c8ede3a3"
	if got := DigestOf(files).String(); got != want {
		t.Errorf("got %s", got)
	}
}

// What only letters, digits and . _ / + - can match is printed as it is.
func TestPlainPatterns(t *testing.T) {
	t.Parallel()
	for pattern, want := range map[string]bool{
		"[a-z][a-z0-9-]{0,38}": true, `[a-z]+(\.[a-z]+)*/[A-Z]?`: true, "a|b": true, `\d+`: true, `\w+`: true, "^[a-z]$": true, "": true,
		".*": false, `[^\x00-\x1f]+`: false, "a b": false, "[a-z ]": false, "[a-z:]": false, `\S+`: false, "(?i)k": false, "[a-z]+\\n": false, `\pL+`: false, "a#": false,
	} {
		if got := isPlain(pattern); got != want {
			t.Errorf("%q is plain: %v", pattern, got)
		}
	}
}

// Each folder with a template is one of the program's.
func TestEachFolderIsEmbedded(t *testing.T) {
	t.Parallel()
	here, err := Types(os.DirFS("."))
	if err != nil {
		t.Fatal(err)
	}
	inside, err := Types(Builtin())
	if err != nil || !slices.Equal(here, inside) {
		t.Errorf("the folders are %v, and embedded are %v, %v", here, inside, err)
	}
	for _, name := range inside {
		if _, err := Find(Builtin(), name); err != nil {
			t.Error(err)
		}
	}
	if _, err := Find(os.DirFS("testdata"), "nothing"); !fault.Has(err, fault.NoTemplate) {
		t.Errorf("got %v", err)
	}
}
