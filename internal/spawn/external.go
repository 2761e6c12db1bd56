package spawn

import (
	"context"
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/templates"
)

// External is where a template lies that is not the program's own: a repository, a tag, branch or commit of it,
// and a folder, "" for all of it.
type External struct {
	Address  string
	Revision string
	Folder   string
}

// ParseExternal reads ADDRESS@REF. The fault is BadTemplateAddress (VM813).
func ParseExternal(text string) (External, error) {
	at := strings.LastIndexByte(text, '@')
	if at < 1 || at == len(text)-1 || strings.Contains(text[at:], ":") || text[:at] == schemeAndUser(text[:at]) {
		return External{}, fault.New(fault.BadTemplateAddress, "%.200q names no tag, branch or commit behind an @", gitrepo.WithoutPassword(text))
	}
	e := External{Address: text[:at], Revision: text[at+1:]}
	if strings.HasPrefix(e.Address, "-") {
		return e, fault.New(fault.BadTemplateAddress, "%.200q is an option, and no address", e.Address)
	}
	if isLocal(e.Address) {
		full, err := filepath.Abs(e.Address)
		if err != nil {
			return e, fault.New(fault.BadTemplateAddress, "%.200q is no path", e.Address).Because(err)
		}
		e.Address = full
	}
	return e, nil
}

// schemeAndUser is an address that is nothing but a scheme and what stands before the @ of a host:
// then the @ that was found does not begin a revision.
func schemeAndUser(address string) string {
	scheme, rest, found := strings.Cut(address, "://")
	if !found || strings.Contains(rest, "/") {
		return ""
	}
	return scheme + "://" + rest
}

// isLocal tells whether git takes an address for a path: it has no colon before its first slash.
func isLocal(address string) bool {
	first, _, _ := strings.Cut(address, "/")
	return !strings.Contains(first, ":")
}

// Load fetches the template and reads it. It returns how a receipt names it: the address without a password,
// the commit, and the folder: ADDRESS@COMMIT or ADDRESS@COMMIT#FOLDER. The faults are BadTemplateAddress
// (VM813), TemplateUnreachable (VM814), NoTemplate (VM803), and those of [templates.New].
func (e External) Load(ctx context.Context, o gitrepo.Options, messages io.Writer) (*templates.Template, string, error) {
	dir, err := os.MkdirTemp("", "vaultmesh-templates-")
	if err != nil {
		return nil, "", writeFault(err, os.TempDir())
	}
	defer os.RemoveAll(dir)
	repo, id, err := gitrepo.FetchTemplates(ctx, o, messages, e.Address, e.Revision, dir)
	if err != nil {
		return nil, "", err
	}
	defer repo.Close()
	sources, err := e.sources(ctx, repo, id)
	if err != nil {
		return nil, "", err
	}
	t, err := templates.New(sources)
	named := gitrepo.WithoutPassword(e.Address) + "@" + string(id)
	if e.Folder != "" {
		named += "#" + e.Folder
	}
	return t, named, err
}

// sources are the files of the template. A link or submodule among them is refused before anything
// is read.
func (e External) sources(ctx context.Context, repo *gitrepo.Repo, id gitrepo.OID) ([]templates.Source, error) {
	listed, err := repo.FilesAt(ctx, id, "")
	if err != nil {
		return nil, err
	}
	inside := slices.DeleteFunc(slices.Clone(listed), func(f gitrepo.TreeFile) bool {
		return e.Folder != "" && !strings.HasPrefix(f.Path, e.Folder+"/")
	})
	has := func(f gitrepo.TreeFile) bool { return f.Path == path.Join(e.Folder, templates.ManifestName) }
	switch {
	case !slices.ContainsFunc(inside, has):
		return nil, e.absent(listed)
	case len(inside) > templates.MaxFiles:
		return nil, fault.New(fault.TemplateTooMuch, "the template has more than %d files", templates.MaxFiles)
	}
	for _, f := range inside {
		if f.Mode != "100644" && f.Mode != "100755" {
			return nil, fault.New(fault.TemplateEscapes, "%.200q is a link, or another thing than a file", f.Path)
		}
	}
	if err := repo.ReadFiles(ctx, inside, templates.MaxFile, templates.MaxTotal); err != nil {
		if fault.Has(err, fault.ObjectTooLarge) {
			err = fault.New(fault.TemplateTooMuch, "a file of the template has more than %d bytes, or all of them more than %d", templates.MaxFile, templates.MaxTotal)
		}
		return nil, err
	}
	sources := make([]templates.Source, len(inside))
	for i, f := range inside {
		sources[i] = templates.Source{Path: strings.TrimPrefix(f.Path, e.Folder+"/"), Data: f.Data}
		if e.Folder == "" {
			sources[i].Path = f.Path
		}
	}
	return sources, nil
}

// absent says where in the repository there are templates.
func (e External) absent(listed []gitrepo.TreeFile) error {
	var folders []string
	for _, f := range listed {
		if dir, name := path.Split(f.Path); name == templates.ManifestName && strings.Count(dir, "/") == 1 && len(folders) < 50 {
			folders = append(folders, strings.TrimSuffix(dir, "/"))
		}
	}
	where := "its root"
	if e.Folder != "" {
		where = "the folder " + e.Folder
	}
	f := fault.New(fault.NoTemplate, "%.200q has no template in %s", gitrepo.WithoutPassword(e.Address), where)
	if len(folders) > 0 {
		f = f.Because(errors.New("say with --type which of these: " + strings.Join(folders, ", ")))
	}
	return f
}

// Recorded reads how a receipt names a template: as it can be fetched again, or ok is false for one of
// the program's own, whose type it is.
func Recorded(template string) (e External, ok bool) {
	rest, folder, _ := strings.Cut(template, "#")
	at := strings.LastIndexByte(rest, '@')
	if at < 1 {
		return External{}, false
	}
	return External{Address: rest[:at], Revision: rest[at+1:], Folder: folder}, true
}
