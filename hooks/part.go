package hooks

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
)

// Hook is one of git's hooks, by git's name.
type Hook string

// The hooks that there is a part for. The second and third are of repositories that
// others push to.
const (
	PrePush    Hook = "pre-push"
	PreReceive Hook = "pre-receive"
	Update     Hook = "update"
	PostCommit Hook = "post-commit"
)

// All lists the hooks that there is a part for.
func All() []Hook { return []Hook{PrePush, PostCommit, PreReceive, Update} }

// OnServer tells whether a hook is of repositories that others push to. Git runs it in
// the repository's own folder, and the others at the top of the work tree.
func (h Hook) OnServer() bool { return h == PreReceive || h == Update }

// reads tells whether git writes lines to the hook's standard input.
func (h Hook) reads() bool { return h == PrePush || h == PreReceive }

// Part is what is put into a hook.
type Part struct {
	Hook     Hook
	Optional bool // where the program is missing, a push is taken, not refused
}

// Kept is what is added to the name of a hook that is called after ours.
const Kept = ".before-vaultmesh"

const (
	shebang   = "#!/bin/sh\n"
	aloneMark = " # git vaultmesh hook sha256:"
	beginMark = "# git vaultmesh hook: begin sha256:"
	endMark   = "# git vaultmesh hook: end\n"
	callKept  = `exec "$0` + Kept + `" "$@"` + "\n"
)

// before010 is the pre-receive hook that the program wrote before it marked its parts.
const before010 = `#!/bin/sh
# Judges what is pushed to the ledger; see git vaultmesh help hook.
exec git vaultmesh hook run pre-receive
`

// Alone is the whole of a hook that has no other part.
func (p Part) Alone() string {
	text := shebang + p.check() + "\nexec " + p.run() + ` "$@"`
	return text + aloneMark + sum(text) + "\n"
}

// Command is what git's configuration has for the hook (git-config,
// "hook.<friendly-name>.command"). Git adds the arguments.
func (p Part) Command() string { return p.check() + "; exec " + p.run() }

func (p Part) run() string { return "git vaultmesh hook run " + string(p.Hook) }

// check ends the hook where the program is missing.
func (p Part) check() string {
	if p.Hook == PostCommit {
		return "command -v git-vaultmesh >/dev/null || exit 0"
	}
	status := "1"
	if p.Optional {
		status = "0"
	}
	return `command -v git-vaultmesh >/dev/null || { echo "` + p.without() + `" >&2; exit ` + status + `; }`
}

// without is what is said where the program is missing.
func (p Part) without() string {
	switch {
	case p.Optional:
		return "git-vaultmesh is not on PATH: this push is not judged"
	case p.Hook.OnServer():
		return "git-vaultmesh is not on the PATH of this server, so the push is refused: tell who keeps it"
	}
	return "git-vaultmesh is not on PATH, so this push is refused: install it, or push with --no-verify"
}

// block is our part of a shell script. The rest of the script is left with the
// arguments and the standard input that it would have had.
func (p Part) block() string {
	body := p.body()
	return beginMark + sum(body) + "\n" + body + endMark
}

func (p Part) body() string {
	switch {
	case p.Hook == PostCommit:
		return "! command -v git-vaultmesh >/dev/null || " + p.run() + ` "$@" || :` + "\n"
	case p.Optional:
		return "if command -v git-vaultmesh >/dev/null; then\n" + p.judge() + `else echo "` + p.without() + `" >&2; fi` + "\n"
	}
	return p.check() + "\n" + p.judge()
}

// judge reads git's lines, has them judged, and gives them back. $(cat) takes the
// last line's end away, and the here-document puts it there again.
func (p Part) judge() string {
	if !p.Hook.reads() {
		return p.run() + ` "$@" || exit` + "\n"
	}
	return "vaultmesh=$(cat); printf ${vaultmesh:+'%s\\n'} \"$vaultmesh\" | " + p.run() + ` "$@" || exit` + "\n" +
		"exec </dev/null; [ -z \"$vaultmesh\" ] || exec <<vaultmesh\n$vaultmesh\nvaultmesh\nunset vaultmesh\n"
}

func sum(text string) string {
	h := sha256.Sum256([]byte(text))
	return hex.EncodeToString(h[:])
}

// The ways in which our part is in a hook.
const (
	WholeFile = "file"    // the hook is ours
	Chained   = "chained" // a part of a shell script
	Beside    = "beside"  // ours calls the one that was there, which is kept under another name
	ByHand    = "by hand" // somebody wrote the call into a hook of their own
	InConfig  = "config"  // git's configuration calls it
)

// found is what a hook's bytes have of ours.
type found struct {
	how         string // "" for nothing
	drift       string // why our part is not as we wrote it
	begin, end  int    // where the part is, when chained
	replaceable bool   // what we wrote is there as we wrote it
}

// find looks for our part of a hook.
func find(data []byte, h Hook) found {
	text := string(data)
	begins, ends := strings.Count(text, beginMark), strings.Count(text, endMark)
	switch {
	case h == PreReceive && text == before010:
		return found{how: WholeFile, replaceable: true}
	case strings.Contains(text, aloneMark):
		return findAlone(text)
	case begins > 0 || ends > 0:
		if begins != 1 || ends != 1 {
			return found{how: Chained, drift: "the lines with which our part begins and ends are not there once each"}
		}
		return findBlock(text)
	case calledByHand(h).Match(data):
		return found{how: ByHand}
	}
	return found{}
}

func findAlone(text string) found {
	body, mark, _ := strings.Cut(text, aloneMark)
	if mark != sum(body)+"\n" {
		return found{how: WholeFile, drift: "its bytes do not have the SHA-256 that it names"}
	}
	return found{how: WholeFile, replaceable: true}
}

func findBlock(text string) found {
	begin, end := strings.Index(text, beginMark), strings.Index(text, endMark)
	mark, body, whole := strings.Cut(text[begin+len(beginMark):max(begin+len(beginMark), end)], "\n")
	end += len(endMark)
	f := found{how: Chained, begin: begin, end: end}
	switch {
	case !whole || mark != sum(body):
		f.drift = "the lines of our part do not have the SHA-256 that it names"
	case begin == 0 || strings.IndexByte(text, '\n') != begin-1:
		f.drift = "our part does not follow the first line any more"
	default:
		f.replaceable = true
	}
	if strings.Contains(text[end:], Kept) {
		f.how = Beside
		if f.drift == "" && (text[:begin] != shebang || text[end:] != callKept) {
			f.drift, f.replaceable = "what calls the hook that was there is changed", false
		}
	}
	return f
}

// calledByHand matches a line, not a comment, that calls our part.
func calledByHand(h Hook) *regexp.Regexp {
	return regexp.MustCompile(`(?m)^[^#\n]*git[ -]vaultmesh hook run ` + string(h) + `\b`)
}

var (
	shellForm = regexp.MustCompile(`^#![ \t]*[^ \t\n]*/(env[ \t]+)?(sh|bash|dash|ksh|ash)([ \t]+-[a-zA-Z]+)*[ \t]*\n`)
	// A script that hands itself to another program, or reads its own lines, would not
	// do with lines of ours among them.
	readsItself = regexp.MustCompile(`\b(exec|tail|head|sed|awk|perl|python[0-9.]*)\b[^\n]*\$\{?0`)
)

// chainable is where our part can go in a script, 0 where it cannot.
func chainable(data []byte) int {
	first := shellForm.Find(data)
	if first == nil || readsItself.Match(data) || bytes.IndexByte(data, 0) >= 0 {
		return 0
	}
	return len(first)
}
