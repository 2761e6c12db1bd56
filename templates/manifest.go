package templates

import (
	"bytes"
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// ManifestName is the file in the root of a template that describes it.
const ManifestName = "template.toml"

// manifest is a template.toml as it is written.
type manifest struct {
	ID         string     `toml:"id"`
	Title      string     `toml:"title"`
	Version    int64      `toml:"version"`
	Executable []string   `toml:"executable"`
	Reserved   []string   `toml:"reserved"`
	Questions  []Question `toml:"question"`
	Options    []Option   `toml:"option"`
	Whens      []when     `toml:"when"`
	Tools      []Tool     `toml:"tool"`
}

// Option is something that can be chosen beside the type, by --with.
type Option struct {
	Name    string            `toml:"name"`
	Help    string            `toml:"help"`
	Choices []string          `toml:"choices"` // none for a switch
	Refused map[string]string `toml:"refused"` // choices that are known and not offered, and why; on, of a switch
}

// IsSwitch tells whether an option is on or off, and has no choices, of which all may be refused.
func (o Option) IsSwitch() bool {
	for c := range o.Refused {
		if c != "on" {
			return false
		}
	}
	return len(o.Choices) == 0
}

// Tool is a program that the product needs on the machine to be built and tested.
type Tool struct {
	Name    string            `toml:"name"`
	Minimum string            `toml:"minimum"` // the oldest version, such as 3.11
	Version []string          `toml:"version"` // the command that says its version
	Install map[string]string `toml:"install"` // what installs it, by the ID of os-release, or darwin or windows
}

// when says that files are there only if a condition holds.
type when struct {
	Files []string `toml:"files"`
	If    string   `toml:"if"`
}

var (
	idForm     = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)
	wordForm   = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)
	choiceForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._+-]{0,62}$`)
	toolForm   = regexp.MustCompile(`^[a-z0-9][a-z0-9.+-]{0,40}$`)
	numberForm = regexp.MustCompile(`^[0-9]{1,4}(\.[0-9]{1,4}){0,3}$`)
)

// What a tool may be asked with: it is run before anybody has read the template.
var versionWords = []string{"--version", "-version", "-V", "version"}

// More than these no template needs; with the name and the year the answers fit a receipt.
const maxQuestions = 60

func bad(format string, args ...any) *fault.Error {
	return fault.New(fault.BadTemplate, format, args...)
}

// parseManifest reads a manifest strictly: a field that is not known is an error.
func parseManifest(text []byte) (*manifest, error) {
	m := new(manifest)
	d := toml.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(m); err != nil {
		return nil, bad("%s cannot be read", ManifestName).Because(tomlError(err))
	}
	for _, check := range []func(*manifest) error{checkHead, checkQuestions, checkOptions, checkTools} {
		if err := check(m); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// tomlError is what is wrong with a document, with its place, in one line.
func tomlError(err error) error {
	var strict *toml.StrictMissingError
	var decode *toml.DecodeError
	switch {
	case errors.As(err, &strict) && len(strict.Errors) > 0:
		row, _ := strict.Errors[0].Position()
		return bad("line %d: the field %s is not known", row, strings.Join(strict.Errors[0].Key(), "."))
	case errors.As(err, &decode):
		row, column := decode.Position()
		what := strings.TrimPrefix(decode.Error(), "toml: ")
		if strings.Contains(what, "struct field") {
			what = "the value is of another type than the field"
		}
		return bad("line %d, column %d: %s", row, column, what)
	}
	return err
}

func checkHead(m *manifest) error {
	switch {
	case !idForm.MatchString(m.ID):
		return bad("the id %.80q is no word of lower-case letters, digits and hyphens", m.ID)
	case m.Title == "" || len(m.Title) > 200 || !isLine(m.Title):
		return bad("the title is not a line of at most 200 bytes")
	case m.Version < 1:
		return bad("the version is not a number from 1 on")
	case len(m.Questions)+len(m.Options) > maxQuestions:
		return bad("there are more than %d questions and options", maxQuestions)
	}
	return nil
}

func checkQuestions(m *manifest) error {
	seen := map[string]bool{"name": true, "module": true, "with": true, "year": true}
	for i := range m.Questions {
		q := &m.Questions[i]
		if !wordForm.MatchString(q.Name) || seen[q.Name] {
			return bad("the question %.80q is named twice, or by no word", q.Name)
		}
		seen[q.Name] = true
		if err := q.prepare(); err != nil {
			return err
		}
	}
	return nil
}

func checkOptions(m *manifest) error {
	seen := make(map[string]bool)
	for _, q := range m.Questions {
		seen[q.Name] = true
	}
	for _, o := range m.Options {
		if !wordForm.MatchString(o.Name) || seen[o.Name] {
			return bad("the option %.80q is named twice, as a question, or by no word", o.Name)
		}
		seen[o.Name] = true
		if o.Help == "" || !isLine(o.Help) {
			return bad("the option %s has no help", o.Name)
		}
		for _, c := range o.Choices {
			if _, refused := o.Refused[c]; refused || !choiceForm.MatchString(c) || c == "on" {
				return bad("the option %s has the choice %.80q, which is refused, or cannot be one", o.Name, c)
			}
		}
		for c, why := range o.Refused {
			if !choiceForm.MatchString(c) || why == "" || !isLine(why) {
				return bad("the option %s refuses %.80q, which cannot be one, or does not say why", o.Name, c)
			}
		}
	}
	return nil
}

func checkTools(m *manifest) error {
	for _, t := range m.Tools {
		if !toolForm.MatchString(t.Name) || t.Minimum != "" && !numberForm.MatchString(t.Minimum) {
			return bad("the tool %.80q has no name of a program, or a minimum that is no version", t.Name)
		}
		if len(t.Version) != 2 || t.Version[0] != t.Name || !slices.Contains(versionWords, t.Version[1]) {
			return bad("the tool %s is asked by its own name and one of %s", t.Name, strings.Join(versionWords, ", "))
		}
		for system, command := range t.Install {
			if !toolForm.MatchString(system) || command == "" || len(command) > 200 || !isLine(command) {
				return bad("the tool %s has no line that installs it on %.80q", t.Name, system)
			}
		}
	}
	return nil
}
