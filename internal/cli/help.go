package cli

import (
	"cmp"
	"embed"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cpuguy83/go-md2man/v2/md2man"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// pages are the manual, one file a page, named as man would find it.
//
//go:embed pages/*.md
var pages embed.FS

type helpCmd struct {
	Command    string `arg:"" optional:"" help:"the command to explain"`
	InstallMan bool   `help:"write the manual pages for man"`
	Dir        string `placeholder:"DIR" help:"where to, instead of the user's own folder"`
}

// Run prints a page, or installs all of them for man.
func (c *helpCmd) Run(a *app) error {
	if c.InstallMan {
		return c.install(a)
	}
	c.Command = cmp.Or(commandWords(a.env.Program)[c.Command], c.Command)
	if other := otherProgram(a.env.Program); slices.Contains(commands(other), c.Command) && !slices.Contains(commands(a.env.Program), c.Command) {
		return elsewhere(c.Command, other)
	}
	program := strings.Replace(a.env.Program, " ", "-", 1)
	name := program
	if c.Command != "" {
		name += "-" + c.Command
	}
	text, err := pages.ReadFile("pages/" + name + ".md")
	if err != nil {
		// Commands that both programs have are explained once.
		text, err = pages.ReadFile("pages/git-vaultmesh-" + c.Command + ".md")
	}
	if err != nil {
		return fault.New(fault.HelpUnknown, "there is no page about %.40q", c.Command)
	}
	a.out.text(plain(string(text)))
	return nil
}

// plain is a page as a terminal shows it: without its first line, which is
// for man, and without the marks of bold, italics and definitions.
func plain(page string) string {
	_, page, _ = strings.Cut(page, "\n\n")
	var b strings.Builder
	for line := range strings.Lines(page) {
		line = strings.TrimPrefix(line, "# ")
		if rest, ok := strings.CutPrefix(line, ":   "); ok {
			line = "    " + rest
		}
		if line != "```\n" {
			b.WriteString(strings.ReplaceAll(line, "**", ""))
		}
	}
	return b.String()
}

// install writes the pages where man looks for those of programs in
// ~/.local/bin, or where it was told to.
func (c *helpCmd) install(a *app) error {
	dir := c.Dir
	if dir == "" {
		home := a.dataHome()
		if home == "" {
			return fault.New(fault.OutputFailed, "there is no home folder to install the manual in; name one with --dir")
		}
		dir = filepath.Join(home, "man", "man1")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return cannotInstall(dir, err)
	}
	names, err := pageNames()
	if err != nil {
		return err
	}
	for _, name := range names {
		text, err := pages.ReadFile("pages/" + name + ".md")
		if err != nil {
			return fault.New(fault.Internal, "a page is missing").Because(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name+".1"), md2man.Render(text), 0o644); err != nil {
			return cannotInstall(dir, err)
		}
	}
	a.out.line("installed %d manual pages in %s", len(names), dir)
	return nil
}

func cannotInstall(dir string, err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return fault.New(fault.OutputFailed, "the manual cannot be written to %s", dir).Because(err)
}

func (a *app) dataHome() string {
	if dir := a.env.lookup("XDG_DATA_HOME"); dir != "" {
		return dir
	}
	if home := a.env.lookup("HOME"); home != "" {
		return filepath.Join(home, ".local", "share")
	}
	return ""
}

// pageNames lists the pages without their suffix.
func pageNames() ([]string, error) {
	files, err := pages.ReadDir("pages")
	if err != nil {
		return nil, fault.New(fault.Internal, "the pages are missing").Because(err)
	}
	names := make([]string, 0, len(files))
	for _, f := range files {
		names = append(names, strings.TrimSuffix(f.Name(), ".md"))
	}
	slices.Sort(names)
	return names, nil
}
