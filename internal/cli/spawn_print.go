package cli

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/spawn"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
	"github.com/VaultSovereign/git-vaultmesh/templates"
)

// planned is a file as programs are told.
type planned struct {
	Path       string `json:"path"`
	Executable bool   `json:"executable"`
	Size       int    `json:"size"`
	SHA256     string `json:"sha256"`
}

// lacked is a tool as programs are told.
type lacked struct {
	Tool    string `json:"tool"`
	Minimum string `json:"minimum"`
	Found   string `json:"found"`
	Install string `json:"install"`
}

// spawned is what programs are told of a spawn.
type spawned struct {
	Status         string            `json:"status"` // planned or spawned
	Name           string            `json:"name"`
	Folder         string            `json:"folder"`
	Type           string            `json:"type"`
	Template       string            `json:"template"`
	TemplateDigest string            `json:"template_digest"`
	Answers        map[string]string `json:"answers"`
	OutputDigest   string            `json:"output_digest"`
	Files          []planned         `json:"files"`
	Commit         string            `json:"commit,omitempty"`
	Ledger         string            `json:"ledger,omitempty"`
	Receipt        string            `json:"receipt,omitempty"`
	Signed         []signedBy        `json:"signed,omitempty"`
	Tools          []lacked          `json:"tools"`
}

func (c *spawnNewCmd) print(a *app, where *site, plan *templates.Plan, named string, out *born, lacks []spawn.Lack) error {
	if a.out.structured() {
		return a.out.emit(c.told(where, plan, named, out, lacks))
	}
	folder := shortPath(where.place)
	if out == nil {
		a.out.line("would make %s in %s: %s", plan.Name, folder, plural(len(plan.Files), "file"))
		for _, f := range plan.Files {
			a.out.line("  %s %s  %s", f.Mode(), pad(len(f.Content), 7), f.Path)
		}
	} else {
		a.out.line("made %s in %s: %s", plan.Name, folder, plural(len(plan.Files), "file"))
		a.printBirth(out)
	}
	a.warnLacks(lacks)
	if out != nil && a.config.Advice {
		a.out.remark("hint", "cd %s && make test", fault.Quote(folder))
	}
	return nil
}

func (a *app) printBirth(out *born) {
	if out.commit != "" {
		a.out.line("  commit   %s", out.commit)
	}
	if out.ledger != nil {
		a.out.line("  ledger   %s", out.ledger.Ledger)
	}
	if out.record == nil {
		return
	}
	a.out.line("  receipt  %s", out.record.ID)
	for _, m := range out.record.Signed {
		a.out.line("  signed   %s", m.By)
	}
	for _, s := range out.record.Stamped {
		a.out.line("  stamped  %s by %s", stamp(s.Time), s.Authority)
	}
	if len(out.record.Signed) == 0 {
		a.out.line("  unsigned: nobody vouches for it")
	}
}

func (c *spawnNewCmd) told(where *site, plan *templates.Plan, named string, out *born, lacks []spawn.Lack) spawned {
	s := spawned{
		Status: "planned", Name: plan.Name, Folder: filepath.ToSlash(where.place), Type: plan.Template.ID, Template: named,
		TemplateDigest: plan.Template.Digest().String(), Answers: plan.Answers, OutputDigest: plan.Digest().String(), Files: []planned{}, Tools: []lacked{},
	}
	for _, f := range plan.Files {
		s.Files = append(s.Files, planned{f.Path, f.Executable, len(f.Content), receipt.Sum(f.Content).String()})
	}
	for _, l := range lacks {
		s.Tools = append(s.Tools, lacked(l))
	}
	if out == nil {
		return s
	}
	s.Status, s.OutputDigest, s.Commit = "spawned", out.output.String(), string(out.commit)
	if out.ledger != nil {
		s.Ledger = out.ledger.Ledger.String()
	}
	if out.record != nil {
		s.Receipt, s.Signed = out.record.ID.String(), signatures(out.record.Signed)
	}
	return s
}

// shortPath is a path as a person who is here would type it.
func shortPath(path string) string {
	here, err := os.Getwd()
	if err != nil {
		return path
	}
	if rel, err := filepath.Rel(here, path); err == nil && !slices.Contains(strings.Split(filepath.ToSlash(rel), "/"), "..") {
		return rel
	}
	return path
}

// warnLacks names tools that are missing or too old.
func (a *app) warnLacks(lacks []spawn.Lack) {
	for _, l := range lacks {
		if l.Install != "" {
			a.out.warn("%s: %s; to install it: %s", fault.ToolMissing, lackOf(l), l.Install)
			continue
		}
		a.out.warn("%s: %s", fault.ToolMissing, lackOf(l))
	}
}

func lackOf(l spawn.Lack) string {
	switch {
	case l.Found != "":
		return l.Tool + " is " + l.Found + ", and the service needs " + l.Minimum
	case l.Minimum != "":
		return l.Tool + " is missing, and the service needs " + l.Minimum
	}
	return l.Tool + " is missing, and the service needs it"
}

// lackFault refuses to make what cannot be built here. The fault is ToolMissing (VM815).
func lackFault(lacks []spawn.Lack) error {
	if len(lacks) == 0 {
		return nil
	}
	var said, install []string
	for _, l := range lacks {
		said = append(said, lackOf(l))
		if l.Install != "" {
			install = append(install, l.Install)
		}
	}
	how := "install what is named above, or leave --check-tools out"
	if len(install) > 0 {
		how = "install them, or leave --check-tools out:\n" + strings.Join(slices.Compact(install), "\n")
	}
	return fault.New(fault.ToolMissing, "%s", strings.Join(said, "; ")).With("how", how)
}
