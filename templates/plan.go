package templates

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"text/template"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// Request is what is wanted of a template.
type Request struct {
	Name    string
	Year    int               // for notices of copyright
	Answers map[string]any    // by question: a string, an int64 or a bool; what is not here has its default
	With    map[string]string // by option: the choice, "on" or "" of a switch
}

// Plan is what will be written: nothing else is needed to write it, and nothing was written yet.
type Plan struct {
	Template *Template
	Name     string
	// Answers are all answers and options as texts, as a receipt has them: name, year, each
	// question, and with.NAME for each option that is on. The template makes the same files
	// of them again.
	Answers map[string]string
	Files   []File // by path
}

// Digest is the digest of the files, see [DigestOf].
func (p *Plan) Digest() Digest { return DigestOf(p.Files) }

// Plan makes all files in memory. The faults are BadName (VM801), BadOption (VM804), OptionRefused
// (VM805), BadAnswer (VM806), and of the template itself TemplateEscapes (VM808),
// TemplateVariable (VM811) and TemplateTooMuch (VM812).
func (t *Template) Plan(r Request) (*Plan, error) {
	if err := t.CheckName(r.Name); err != nil {
		return nil, err
	}
	answers, data, err := t.answer(r)
	if err != nil {
		return nil, err
	}
	p := &Plan{Template: t, Name: r.Name, Answers: answers}
	spent := new(budget)
	for _, s := range t.files {
		if !t.wants(s.Path, answers) {
			continue
		}
		f, err := t.make(s, data, r.Name, spent)
		if err != nil {
			return nil, err
		}
		p.Files = append(p.Files, f)
	}
	slices.SortFunc(p.Files, func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
	return p, cmp.Or(refuseClashes(p.Files), refuseRepositories(p.Files))
}

// answer settles all answers: as texts, and as the template sees them.
func (t *Template) answer(r Request) (map[string]string, map[string]any, error) {
	if r.Year < 1970 || r.Year > 9999 {
		return nil, nil, fault.New(fault.BadAnswer, "%d is no year", r.Year).With("question", "year")
	}
	texts := map[string]string{"name": r.Name, "year": strconv.Itoa(r.Year)}
	data := map[string]any{"name": r.Name, "module": Module(r.Name), "year": r.Year}
	for _, name := range slices.Sorted(maps.Keys(r.Answers)) {
		if _, err := t.Question(name); err != nil {
			return nil, nil, err
		}
	}
	for i := range t.Questions {
		q := &t.Questions[i]
		value, err := q.answered(r.Name, r.Answers)
		if err != nil {
			return nil, nil, err
		}
		texts[q.Name], data[q.Name] = say(value), value
		if s, is := value.(string); is && q.Type == TypeString && !q.plain {
			data[q.Name] = newFreeText(s)
		}
	}
	with, err := t.options(r.With)
	if err != nil {
		return nil, nil, err
	}
	for name, choice := range with {
		if choice != "" {
			texts["with."+name] = choice
		}
	}
	data["with"] = with
	return texts, data, nil
}

func (q *Question) answered(name string, answers map[string]any) (any, error) {
	value, given := answers[q.Name]
	if !given {
		value = q.DefaultFor(name)
	}
	if value == nil {
		return nil, q.wrong("there is none, and no default")
	}
	return q.Check(value)
}

// options are all options of the template, "" for what is off.
func (t *Template) options(wanted map[string]string) (map[string]string, error) {
	with := make(map[string]string)
	for _, o := range t.Options {
		with[o.Name] = ""
	}
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		choice, err := t.Option(name, wanted[name])
		if err != nil {
			return nil, err
		}
		with[name] = choice
	}
	return with, nil
}

// wants tells whether all conditions of a file hold.
func (t *Template) wants(file string, answers map[string]string) bool {
	return !slices.ContainsFunc(t.whens, func(w when) bool {
		about := slices.ContainsFunc(w.Files, func(pattern string) bool { return covers(pattern, file) })
		return about && !t.conditions[w.If].holds(answers)
	})
}

// make makes one file.
func (t *Template) make(s Source, data map[string]any, name string, spent *budget) (File, error) {
	out, err := outputPath(s.Path, name)
	if err != nil {
		return File{}, err
	}
	f := File{Path: out, Content: s.Data, Executable: t.isExecutable(out, name)}
	if trees := t.programs[s.Path]; trees != nil {
		f.Content, err = trees.render(s.Path, data, spent)
	} else if spent.bytes += len(s.Data); spent.bytes > MaxTotal {
		err = tooMuch("the files have more than %d bytes together", MaxTotal)
	}
	return f, err
}

func (t *Template) isExecutable(out, name string) bool {
	return slices.ContainsFunc(t.executable, func(e string) bool {
		named, err := outputPath(e, name)
		return err == nil && named == out
	})
}

// render executes a file within a budget.
func (p program) render(path string, data map[string]any, spent *budget) ([]byte, error) {
	root := template.New(rootName).Option("missingkey=error").Funcs(spent.functions())
	for _, name := range slices.Sorted(maps.Keys(p)) {
		if _, err := root.AddParseTree(name, p[name]); err != nil {
			return nil, bad("%s cannot be read as a template", path).Because(err)
		}
	}
	out := &bounded{spent: spent}
	if err := root.Execute(out, data); err != nil {
		return nil, renderFault(path, err)
	}
	return out.Bytes(), nil
}

// renderFault says why a file cannot be rendered.
func renderFault(path string, err error) error {
	var f *fault.Error
	if errors.As(err, &f) {
		return f
	}
	text := err.Error()
	_, after, _ := strings.Cut(text, "template: "+rootName+":")
	line, _, _ := strings.Cut(after, ":")
	what := text[strings.LastIndex(text, ">: ")+max(len(">: "), 0):]
	return fault.New(fault.TemplateVariable, "%s, line %s: %s", path, cmp.Or(line, "?"), what)
}

// bounded keeps what is written to it, as long as there is room for it.
type bounded struct {
	bytes.Buffer
	spent *budget
}

var _ io.Writer = (*bounded)(nil)

// Write keeps p.
func (b *bounded) Write(p []byte) (int, error) {
	b.spent.bytes += len(p)
	if b.Len()+len(p) > MaxFile || b.spent.bytes > MaxTotal {
		return 0, tooMuch("a file would have more than %d bytes, or all of them more than %d", MaxFile, MaxTotal)
	}
	return b.Buffer.Write(p)
}

// refuseClashes looks for files that could not lie beside each other everywhere: by the same name,
// also where upper and lower case are the same, and a file by the name of a folder.
func refuseClashes(files []File) error {
	seen := make(map[string]string)
	for _, f := range files {
		elements := strings.Split(strings.ToLower(f.Path), "/")
		for i := range elements {
			at, kind := strings.Join(elements[:i+1], "/"), "folder"
			if i == len(elements)-1 {
				kind = "file"
			}
			if before, there := seen[at]; there && (kind == "file" || before == "file") {
				return fault.New(fault.TemplateEscapes, "%.200q is written twice, or is a file and a folder", f.Path)
			}
			seen[at] = kind
		}
	}
	return nil
}

// refuseRepositories looks for a folder that git would take for a repository, and its configuration for
// one of commands to run, as soon as somebody stands in it (gitrepository-layout(5)).
func refuseRepositories(files []File) error {
	there := make(map[string]bool)
	for _, f := range files {
		lower := strings.ToLower(f.Path)
		there[lower] = true
		for dir := path.Dir(lower); dir != "."; dir = path.Dir(dir) {
			there[dir+"/"] = true
		}
	}
	for _, f := range files {
		dir, name := path.Split(strings.ToLower(f.Path))
		if name == "head" && (there[dir+"commondir"] || there[dir+"objects/"] && there[dir+"refs/"]) {
			return fault.New(fault.TemplateEscapes, "%.200q would be in a folder that git takes for a repository", f.Path)
		}
	}
	return nil
}

// Recall reads the answers of a receipt as a request to the template, which may be a newer one:
// what it asks no more is left out, and named.
func (t *Template) Recall(answers map[string]string) (r Request, dropped []string, err error) {
	r = Request{Name: answers["name"], Answers: make(map[string]any), With: make(map[string]string)}
	if r.Year, err = strconv.Atoi(answers["year"]); err != nil {
		return r, nil, fault.New(fault.BadAnswer, "%.40q is no year", answers["year"]).With("question", "year")
	}
	for _, name := range slices.Sorted(maps.Keys(answers)) {
		option, isOption := strings.CutPrefix(name, "with.")
		q := t.question(name)
		switch {
		case name == "name" || name == "year":
		case isOption && slices.ContainsFunc(t.Options, func(o Option) bool { return o.Name == option }):
			r.With[option] = answers[name]
		case q == nil:
			dropped = append(dropped, name)
		default:
			if r.Answers[name], err = q.Parse(answers[name]); err != nil {
				return r, nil, err
			}
		}
	}
	return r, dropped, nil
}
