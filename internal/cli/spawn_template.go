package cli

import (
	"io/fs"
	"slices"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/internal/spawn"
	"github.com/VaultSovereign/git-vaultmesh/templates"
)

// builtin are the templates that the program brings.
func (a *app) builtin() fs.FS {
	if a.env.Templates != nil {
		return a.env.Templates
	}
	return templates.Builtin()
}

// load finds the template, here or in the repository that was named, and says how a receipt names it.
func (f answering) load(a *app, kind string) (*templates.Template, string, error) {
	if f.Template == "" {
		if kind == "" {
			return nil, "", a.withoutType()
		}
		t, err := templates.Find(a.builtin(), kind)
		return t, kind, err
	}
	external, err := spawn.ParseExternal(f.Template)
	if err != nil {
		return nil, "", err
	}
	external.Folder = kind
	return external.Load(a.ctx, gitrepo.Options{Env: a.env.Environ}, a.out.messages())
}

// withoutType says which types there are. The fault is Usage (VM101).
func (a *app) withoutType() error {
	types, err := templates.Types(a.builtin())
	if err != nil {
		return err
	}
	return fault.New(fault.Usage, "say with --type what to make: %s", strings.Join(types, ", ")).With("command", "spawn")
}

type spawnListCmd struct{}

// listedTemplate is a template as programs are told.
type listedTemplate struct {
	Type    string   `json:"type"`
	Title   string   `json:"title"`
	Version int64    `json:"version"`
	Digest  string   `json:"digest"`
	Options []string `json:"options"`
}

// Run lists the templates that the program brings.
func (c *spawnListCmd) Run(a *app) error {
	types, err := templates.Types(a.builtin())
	if err != nil {
		return err
	}
	list := []listedTemplate{}
	for _, name := range types {
		t, err := templates.Find(a.builtin(), name)
		if err != nil {
			return err
		}
		list = append(list, listedTemplate{t.ID, t.Title, t.Version, t.Digest().String(), offered(t)})
	}
	if a.out.structured() {
		return a.out.emit(list)
	}
	for _, t := range list {
		a.out.line("%s  %s", pad(t.Type, -8), t.Title)
		if len(t.Options) > 0 {
			a.out.line("          --with %s", strings.Join(t.Options, ", "))
		}
	}
	return nil
}

// offered are the options of a template with their choices.
func offered(t *templates.Template) []string {
	list := []string{}
	for _, o := range t.Options {
		switch {
		case len(o.Choices) > 0:
			list = append(list, o.Name+"="+strings.Join(o.Choices, "|"))
		case o.IsSwitch() && o.Refused["on"] == "":
			list = append(list, o.Name)
		}
	}
	return list
}

type spawnShowCmd struct {
	Type     string `arg:"" optional:"" help:"the template"`
	Template string `placeholder:"URL@REF" help:"a template of a repository, at a tag, branch or commit"`
}

// shownTemplate is what a template asks and offers, as programs are told.
type shownTemplate struct {
	listedTemplate
	Questions []shownQuestion     `json:"questions"`
	Refused   []refusedOption     `json:"refused"`
	Tools     []map[string]string `json:"tools"`
}

type shownQuestion struct {
	Name    string   `json:"name"`
	Ask     string   `json:"ask"`
	Type    string   `json:"type"`
	Default any      `json:"default"`
	Pattern string   `json:"pattern,omitempty"`
	Minimum *int64   `json:"minimum,omitempty"`
	Maximum *int64   `json:"maximum,omitempty"`
	Choices []string `json:"choices,omitempty"`
}

type refusedOption struct {
	Option string `json:"option"`
	Choice string `json:"choice"`
	Reason string `json:"reason"`
}

// Run shows one template.
func (c *spawnShowCmd) Run(a *app) error {
	t, named, err := answering{Template: c.Template}.load(a, c.Type)
	if err != nil {
		return err
	}
	s := shownOf(t)
	if a.out.structured() {
		return a.out.emit(s)
	}
	a.out.line("%s, version %d: %s", named, t.Version, t.Title)
	a.out.line("digest  %s", s.Digest)
	for _, q := range s.Questions {
		a.out.line("--set %s=…  %s%s", q.Name, q.Ask, defaultOf(q.Default))
	}
	for _, o := range t.Options {
		if len(o.Choices) == 0 && (!o.IsSwitch() || o.Refused["on"] != "") {
			continue
		}
		a.out.line("--with %s  %s", strings.TrimSuffix(o.Name+"="+strings.Join(o.Choices, "|"), "="), o.Help)
	}
	for _, r := range s.Refused {
		a.out.line("not offered: %s: %s", strings.TrimSuffix(r.Option+"="+r.Choice, "=on"), r.Reason)
	}
	for _, tool := range t.Tools {
		a.out.line("needs %s", strings.TrimSpace(tool.Name+" "+tool.Minimum))
	}
	return nil
}

func shownOf(t *templates.Template) shownTemplate {
	s := shownTemplate{listedTemplate: listedTemplate{t.ID, t.Title, t.Version, t.Digest().String(), offered(t)},
		Questions: []shownQuestion{}, Refused: []refusedOption{}, Tools: []map[string]string{}}
	for _, q := range t.Questions {
		s.Questions = append(s.Questions, shownQuestion{q.Name, q.Ask, q.Type, q.Default, q.Pattern, q.Minimum, q.Maximum, q.Choices})
	}
	for _, o := range t.Options {
		var choices []string
		for choice := range o.Refused {
			choices = append(choices, choice)
		}
		slices.Sort(choices)
		for _, choice := range choices {
			s.Refused = append(s.Refused, refusedOption{o.Name, choice, o.Refused[choice]})
		}
	}
	for _, tool := range t.Tools {
		s.Tools = append(s.Tools, map[string]string{"tool": tool.Name, "minimum": tool.Minimum})
	}
	return s
}
