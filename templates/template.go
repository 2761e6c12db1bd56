package templates

import (
	"cmp"
	"errors"
	"io"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// The limits of a template, and of what comes of it.
const (
	MaxFiles = 1000
	MaxFile  = 1 << 20
	MaxTotal = 16 << 20

	maxDepth = 16  // folders in folders
	maxPath  = 200 // bytes
)

// rendered is how files end that are templates.
const rendered = ".tmpl"

// Source is a file of a template, as it lies there.
type Source struct {
	Path string // below the template's root, of slashes
	Data []byte
}

// Template is a template that was read and checked. It does not change, and may be used by
// several goroutines.
type Template struct {
	ID        string
	Title     string
	Version   int64
	Questions []Question
	Options   []Option
	Tools     []Tool

	reserved   []string
	executable []string
	files      []Source // without the manifest, by path
	digest     Digest
	programs   map[string]program   // of the files that are rendered
	conditions map[string]condition // by their text
	whens      []when
}

// Load reads a template out of a file system. The faults are BadTemplate (VM807), TemplateEscapes
// (VM808) for a link, a device or a path that could lead elsewhere, TemplateCycle (VM809),
// TemplateFunction (VM810) and TemplateTooMuch (VM812).
func Load(fsys fs.FS) (*Template, error) {
	sources, err := gather(fsys)
	if err != nil {
		return nil, err
	}
	return New(sources)
}

func gather(fsys fs.FS) ([]Source, error) {
	var sources []Source
	total := 0
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			return nil
		case !d.Type().IsRegular():
			return fault.New(fault.TemplateEscapes, "%.200q is a link, or another thing than a file", name)
		case len(sources) >= MaxFiles:
			return tooMuch("the template has more than %d files", MaxFiles)
		}
		data, err := readBounded(fsys, name)
		if total += len(data); err == nil && total > MaxTotal {
			err = tooMuch("the template has more than %d bytes", MaxTotal)
		}
		sources = append(sources, Source{name, data})
		return err
	})
	var f *fault.Error
	if err != nil && !errors.As(err, &f) {
		err = bad("the template cannot be read").Because(err)
	}
	return sources, err
}

func readBounded(fsys fs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxFile+1))
	if err == nil && len(data) > MaxFile {
		err = tooMuch("%.200q has more than %d bytes", name, MaxFile)
	}
	return data, err
}

// New makes a template of its files. The faults are those of [Load].
func New(sources []Source) (*Template, error) {
	sources = slices.SortedFunc(slices.Values(sources), func(a, b Source) int { return cmp.Compare(a.Path, b.Path) })
	at := slices.IndexFunc(sources, func(s Source) bool { return s.Path == ManifestName })
	if at < 0 {
		return nil, bad("there is no %s in its root", ManifestName)
	}
	if err := checkSources(sources); err != nil {
		return nil, err
	}
	m, err := parseManifest(sources[at].Data)
	if err != nil {
		return nil, err
	}
	t := &Template{
		ID: m.ID, Title: m.Title, Version: m.Version, Questions: m.Questions, Options: m.Options, Tools: m.Tools,
		reserved: m.Reserved, executable: m.Executable, whens: m.Whens, digest: digestOf(sources), files: slices.Delete(sources, at, at+1),
	}
	if err := t.checkConditions(m); err != nil {
		return nil, err
	}
	return t, t.compile()
}

// Digest is the SHA-256 of a list of the template's files, see [DigestOf]. All of them have the mode
// 100644 there: what becomes executable, the manifest says.
func (t *Template) Digest() Digest { return t.digest }

func digestOf(sources []Source) Digest {
	files := make([]File, len(sources))
	for i, s := range sources {
		files[i] = File{Path: s.Path, Content: s.Data}
	}
	return DigestOf(files)
}

var elementForm = regexp.MustCompile(`^[A-Za-z0-9_@+][A-Za-z0-9._@+-]*$`)

// checkSources judges the paths of a template by themselves.
func checkSources(sources []Source) error {
	if len(sources) > MaxFiles {
		return tooMuch("the template has more than %d files", MaxFiles)
	}
	total := 0
	for i, s := range sources {
		if i > 0 && sources[i-1].Path == s.Path {
			return fault.New(fault.TemplateEscapes, "%.200q is there twice", s.Path)
		}
		elements := strings.Split(s.Path, "/")
		if len(s.Path) > maxPath || len(elements) > maxDepth || !fs.ValidPath(s.Path) {
			return fault.New(fault.TemplateEscapes, "%.200q is no path below the template's root, or is too long", s.Path)
		}
		for _, e := range elements {
			if !elementForm.MatchString(e) {
				return fault.New(fault.TemplateEscapes, "%.200q has a part that is hidden, or has other characters than letters, digits and . _ @ + -", s.Path)
			}
		}
		if total += len(s.Data); len(s.Data) > MaxFile || total > MaxTotal {
			return tooMuch("%.200q is larger than a file of a template may be, or all of them together are", s.Path)
		}
	}
	return nil
}

// outputPath is where a file of the template goes.
func outputPath(source, name string) (string, error) {
	elements := strings.Split(strings.TrimSuffix(source, rendered), "/")
	names := strings.NewReplacer("__name__", name, "__module__", Module(name))
	for i, e := range elements {
		if rest, dotted := strings.CutPrefix(e, "dot_"); dotted {
			e = "." + rest
		}
		e = names.Replace(e)
		elements[i] = e
		if reservedElement(e) {
			return "", fault.New(fault.TemplateEscapes, "%.200q would become a file by the name %.40q, which leads elsewhere or is no file's everywhere", source, e)
		}
	}
	out := strings.Join(elements, "/")
	if path.Clean(out) != out || !fs.ValidPath(out) || len(out) > maxPath+2*63 {
		return "", fault.New(fault.TemplateEscapes, "%.200q would become %.200q", source, out)
	}
	return out, nil
}

// reservedElement tells whether a part of a path is no file's name everywhere, or is git's own.
func reservedElement(e string) bool {
	lower := strings.ToLower(e)
	base, _, _ := strings.Cut(lower, ".")
	return e == "" || e == "." || e == ".." || strings.HasSuffix(e, ".") || lower == ".git" || lower == ".gitmodules" || len(e) > 255 ||
		slices.Contains(strings.Fields(windowsNames), base)
}

// checkConditions sees that each condition is about something, and each pattern means a file.
func (t *Template) checkConditions(m *manifest) error {
	t.conditions = make(map[string]condition)
	for _, w := range m.Whens {
		c, err := m.parseCondition(w.If)
		if err != nil {
			return err
		}
		t.conditions[w.If] = c
		if len(w.Files) == 0 {
			return bad("the condition %.80q is of no files", w.If)
		}
		for _, pattern := range w.Files {
			if !slices.ContainsFunc(t.files, func(s Source) bool { return covers(pattern, s.Path) }) {
				return bad("the condition %.80q names %.200q, which is no file or folder/ of the template", w.If, pattern)
			}
		}
	}
	for _, name := range m.Reserved {
		if !idForm.MatchString(name) {
			return bad("%.80q cannot be a name, and need not be reserved", name)
		}
	}
	return nil
}

// covers tells whether a [[when]] means a file: by its path, or by a folder/ that it is in.
func covers(pattern, file string) bool {
	return pattern == file || strings.HasSuffix(pattern, "/") && strings.HasPrefix(file, pattern)
}

// compile reads the files that are rendered, and sees that the others can be written.
func (t *Template) compile() error {
	t.programs = make(map[string]program)
	outputs := make(map[string]bool)
	for _, s := range t.files {
		out, err := outputPath(s.Path, "a")
		if err != nil {
			return err
		}
		outputs[out] = true
		if !strings.HasSuffix(s.Path, rendered) {
			continue
		}
		if t.programs[s.Path], err = compile(s.Path, string(s.Data)); err != nil {
			return err
		}
	}
	for _, e := range t.executable {
		if named, err := outputPath(e, "a"); err != nil || !outputs[named] {
			return bad("%.200q is to be executable, and the template writes no such file", e)
		}
	}
	return nil
}

func (t *Template) question(name string) *Question {
	for i := range t.Questions {
		if t.Questions[i].Name == name {
			return &t.Questions[i]
		}
	}
	return nil
}

// Question returns the question of a name. The fault is BadAnswer (VM806).
func (t *Template) Question(name string) (*Question, error) {
	if q := t.question(name); q != nil {
		return q, nil
	}
	var names []string
	for _, q := range t.Questions {
		names = append(names, q.Name)
	}
	return nil, fault.New(fault.BadAnswer, "%s asks no question %.80q: it asks %s", t.ID, name, cmp.Or(strings.Join(names, ", "), "nothing")).With("question", name)
}

// Option returns the choice that --with names: "on" of a switch. The faults are BadOption (VM804),
// and OptionRefused (VM805) for what is known and not offered.
func (t *Template) Option(name, choice string) (chosen string, err error) {
	at := slices.IndexFunc(t.Options, func(o Option) bool { return o.Name == name })
	if at < 0 {
		var names []string
		for _, o := range t.Options {
			names = append(names, o.Name)
		}
		return "", fault.New(fault.BadOption, "%s has no option %.80q: it has %s", t.ID, name, cmp.Or(strings.Join(names, ", "), "none")).With("type", t.ID)
	}
	o := t.Options[at]
	if o.IsSwitch() && choice == "" {
		choice = "on"
	}
	if why, refused := o.Refused[choice]; refused {
		said := name
		if choice != "on" {
			said += "=" + choice
		}
		return "", fault.New(fault.OptionRefused, "%s is not offered with %s: %s", said, t.ID, why).With("type", t.ID)
	}
	if o.IsSwitch() && choice == "on" || slices.Contains(o.Choices, choice) {
		return choice, nil
	}
	switch offered := cmp.Or(strings.Join(o.Choices, ", "), "none of those that are known"); {
	case o.IsSwitch():
		err = fault.New(fault.BadOption, "the option %s of %s is a switch, and has no choice %.80q", name, t.ID, choice)
	case choice == "":
		err = fault.New(fault.BadOption, "the option %s of %s wants a choice: %s", name, t.ID, offered)
	default:
		err = fault.New(fault.BadOption, "the option %s of %s has no choice %.80q: it has %s", name, t.ID, choice, offered)
	}
	return "", fault.From(err).With("type", t.ID)
}
