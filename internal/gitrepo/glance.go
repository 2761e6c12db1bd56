package gitrepo

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// glance opens an ordinary repository by asking git for its configuration only:
// a folder above has .git as a directory, and git says that it takes the
// configuration from there, which it does for no repository that is not safe.
// It is nil for every other: a worktree, a submodule, a bare one, one that
// variables point to. Then git is asked where it is.
func glance(ctx context.Context, o Options, g git) (*Repo, Config, error) {
	top := workTree(o)
	if top == "" {
		return nil, Config{}, nil
	}
	config, own, origins, err := readOrigins(ctx, g)
	if err != nil {
		return nil, Config{}, err
	}
	algorithm := "sha1"
	version, _ := own.Value("core.repositoryformatversion")
	for _, name := range own.Names("extensions.") {
		switch value, _ := own.Value(name); name {
		case "extensions.objectformat":
			algorithm = value
		case "extensions.worktreeconfig", "extensions.partialclone", "extensions.preciousobjects", "extensions.noop":
		default:
			return nil, config, nil
		}
	}
	bare, _ := config.Value("core.bare")
	_, elsewhere := config.Value("core.worktree")
	ordinary := slices.Contains(origins, "file:.git/config") && !elsewhere && bare != "true" &&
		(version == "0" && algorithm == "sha1" || version == "1" && (algorithm == "sha1" || algorithm == "sha256"))
	if !ordinary {
		return nil, config, nil
	}
	dir := filepath.Join(top, ".git")
	shallow, err := os.Stat(filepath.Join(dir, "shallow"))
	r := newRepo(g)
	r.GitDir, r.CommonDir, r.Shallow = dir, dir, err == nil && shallow.Size() > 0
	r.algorithm, r.plainRefs, r.config = algorithm, true, config
	return r, config, nil
}

// readOrigins reads the configuration, that part of it which is the repository's own,
// from where git takes the repository's format, and where that comes from.
func readOrigins(ctx context.Context, g git) (all, own Config, origins []string, err error) {
	out, err := g.run(ctx, nil, "config", "--includes", "-z", "--list", "--show-scope", "--show-origin")
	if err != nil {
		return Config{}, Config{}, nil, configFault(err)
	}
	all, own = Config{values: make(map[string][]string)}, Config{values: make(map[string][]string)}
	fields := strings.Split(string(out), "\x00")
	for ; len(fields) >= 3; fields = fields[3:] {
		if fields[0] == "local" {
			own.add(fields[2])
			if !slices.Contains(origins, fields[1]) {
				origins = append(origins, fields[1])
			}
		}
		all.add(fields[2])
	}
	return all, own, origins, nil
}

// ordinaryObjects tells whether a repository's objects are all in one folder of
// one user's, with SHA-1 ids.
func (r *Repo) ordinaryObjects() bool {
	if !r.plainRefs || r.algorithm != "sha1" { // plain refs are known only of what was glanced at
		return false
	}
	for _, name := range []string{"core.sharedrepository", "extensions.partialclone", "extensions.preciousobjects"} {
		if _, set := r.config.Value(name); set {
			return false
		}
	}
	for _, name := range r.config.Names("remote.") {
		if strings.HasSuffix(name, ".promisor") {
			return false
		}
	}
	for _, name := range []string{"alternates", "http-alternates"} {
		if _, err := os.Lstat(filepath.Join(r.CommonDir, "objects", "info", name)); !errors.Is(err, fs.ErrNotExist) {
			return false
		}
	}
	return true
}

// elsewhere are the variables with which git looks for a repository in another
// way, or in another place.
var elsewhere = []string{"GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_CONFIG", "GIT_QUARANTINE_PATH", "GIT_DEFAULT_HASH", "GIT_DEFAULT_REF_FORMAT"}

// workTree is the nearest folder with a .git that looks like a repository, ""
// where git has to say.
func workTree(o Options) string {
	for _, v := range o.Env {
		if name, _, _ := strings.Cut(v, "="); slices.Contains(elsewhere, name) {
			return ""
		}
	}
	dir, err := filepath.Abs(o.Dir)
	if err == nil {
		dir, err = filepath.EvalSymlinks(dir)
	}
	if err != nil {
		return ""
	}
	for {
		info, err := os.Lstat(filepath.Join(dir, ".git"))
		switch {
		case err == nil && info.IsDir() && looksWhole(filepath.Join(dir, ".git")):
			return dir
		case !errors.Is(err, fs.ErrNotExist), filepath.Dir(dir) == dir:
			return ""
		}
		dir = filepath.Dir(dir)
	}
}

var headForm = regexp.MustCompile(`^(ref: refs/|[0-9a-f]{40})`)

// looksWhole tells whether git would take a directory for a repository.
func looksWhole(dir string) bool {
	for _, name := range []string{"objects", "refs"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || !info.IsDir() {
			return false
		}
	}
	if _, err := os.Lstat(filepath.Join(dir, "commondir")); err == nil {
		return false
	}
	head, err := readSmall(filepath.Join(dir, "HEAD"))
	return err == nil && headForm.Match(head)
}

// readSmall reads a file that holds a line. What lies in the place of one may be a
// stranger's: a pipe, or larger than memory.
func readSmall(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > 4096 {
		return nil, fs.ErrInvalid
	}
	return os.ReadFile(path)
}

// plainRef reads a ref as git does where refs are files: its own file, else
// packed-refs. It is false where git has to say: what is no object id, or names
// another ref.
func (r *Repo) plainRef(name string) (OID, bool) {
	if !r.plainRefs || !refForm.MatchString(name) || strings.Contains(name, "..") {
		return "", false
	}
	file := filepath.Join(r.CommonDir, filepath.FromSlash(name))
	data, err := readSmall(file)
	if err == nil {
		id := OID(strings.TrimSuffix(string(data), "\n"))
		return id, isOID(r.algorithm, id) && len(data) == len(id)+1
	}
	if _, linkErr := os.Lstat(file); !errors.Is(err, fs.ErrNotExist) || linkErr == nil { // a link that leads nowhere
		return "", false
	}
	// Whoever packs refs writes the pack first and then removes the files.
	packed, err := os.Open(filepath.Join(r.CommonDir, "packed-refs"))
	if errors.Is(err, fs.ErrNotExist) {
		return "", true
	}
	if err != nil {
		return "", false
	}
	defer packed.Close()
	lines, wanted := bufio.NewReaderSize(packed, 64<<10), []byte(" "+name+"\n")
	for {
		line, err := lines.ReadSlice('\n')
		switch {
		case bytes.HasSuffix(line, wanted):
			id := OID(line[:len(line)-len(wanted)])
			return id, isOID(r.algorithm, id)
		case errors.Is(err, bufio.ErrBufferFull): // no ref of ours has so long a name
		case err != nil:
			return "", len(line) == 0
		}
	}
}

// plainHead is what HEAD leads to, "" where git has to say.
func (r *Repo) plainHead() OID {
	if !r.plainRefs {
		return ""
	}
	data, err := readSmall(filepath.Join(r.GitDir, "HEAD"))
	if err != nil {
		return ""
	}
	text := strings.TrimSuffix(string(data), "\n")
	if isOID(r.algorithm, OID(text)) {
		return OID(text)
	}
	name, symbolic := strings.CutPrefix(text, "ref: ")
	if !symbolic {
		return ""
	}
	id, _ := r.plainRef(name)
	return id
}

var refForm = regexp.MustCompile(`^refs/[A-Za-z0-9_./-]+$`)
