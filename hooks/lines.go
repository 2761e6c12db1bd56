package hooks

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
)

// Move is a ref that somebody wants to move, as git tells a server's hooks.
type Move struct {
	Old, New gitrepo.OID // "" for a ref that is not there, or is to be no more
	Ref      string
}

// Push is a ref that somebody wants to push, as git tells a pre-push hook.
type Push struct {
	Source string // a full name, or what was typed, such as HEAD~1; "" for a deletion
	Move          // of the remote's ref, whose Old is what was last seen of it
}

// Bounds of what is read. A line is as long as a path may be, several times over.
const (
	MaxLine  = 64 << 10 // bytes, with the line's end
	MaxLines = 1 << 20
)

// deletion is what git gives for the local ref of a deletion (githooks, "pre-push").
const deletion = "(delete)"

// ReadPushes reads what git tells a pre-push hook: lines of local ref, local id,
// remote ref and remote id (githooks, "pre-push"), with ids of the algorithm,
// "sha1" or "sha256". Of no push there are no lines. The faults are BadOperand
// (VM113), for all that git would not say, and ReadFailed (VM114).
func ReadPushes(in io.Reader, algorithm string) ([]Push, error) {
	return readRefs(in, algorithm, parsePush, func(p Push) string { return p.Ref })
}

// ReadMoves reads what git tells a pre-receive hook: lines of old id, new id and
// ref (githooks, "pre-receive"). The faults are those of [ReadPushes].
func ReadMoves(in io.Reader, algorithm string) ([]Move, error) {
	return readRefs(in, algorithm, parseMove, func(m Move) string { return m.Ref })
}

// readRefs reads lines that are each about another ref.
func readRefs[T any](in io.Reader, algorithm string, parse func(line, algorithm string) (T, bool), ref func(T) string) ([]T, error) {
	var list []T
	seen := make(map[string]bool)
	err := eachLine(in, func(line string) error {
		one, ok := parse(line, algorithm)
		if !ok || seen[ref(one)] {
			return unlike(line)
		}
		seen[ref(one)] = true
		list = append(list, one)
		return nil
	})
	return list, err
}

// ParseUpdate reads the arguments of an update hook: ref, old id and new id
// (githooks, "update"). The fault is BadOperand (VM113).
func ParseUpdate(args []string, algorithm string) (Move, error) {
	if len(args) == 3 {
		m, ok := move(args[0], args[1], args[2], algorithm)
		if ok {
			return m, nil
		}
	}
	return Move{}, unlike(strings.Join(args, " "))
}

// Line is the line from which [ReadPushes] reads p, without its end.
func (p Push) Line(algorithm string) string {
	source := p.Source
	if p.New == "" {
		source = deletion
	}
	return source + " " + spelled(p.New, algorithm) + " " + p.Ref + " " + spelled(p.Old, algorithm)
}

// Line is the line from which [ReadMoves] reads m, without its end.
func (m Move) Line(algorithm string) string {
	return spelled(m.Old, algorithm) + " " + spelled(m.New, algorithm) + " " + m.Ref
}

// parsePush reads a line from its end: what was typed for the local ref may have
// spaces, as in HEAD^{/fix the login}.
func parsePush(line, algorithm string) (Push, bool) {
	rest, old, ok1 := cutLast(line)
	rest, ref, ok2 := cutLast(rest)
	source, new, ok3 := cutLast(rest)
	if !ok1 || !ok2 || !ok3 || source == "" {
		return Push{}, false
	}
	m, ok := move(ref, old, new, algorithm)
	if (m.New == "") != (source == deletion) {
		return Push{}, false
	}
	if m.New == "" {
		source = ""
	}
	return Push{source, m}, ok
}

func parseMove(line, algorithm string) (Move, bool) {
	old, rest, _ := strings.Cut(line, " ")
	new, ref, _ := strings.Cut(rest, " ")
	return move(ref, old, new, algorithm)
}

func cutLast(s string) (before, after string, ok bool) {
	i := strings.LastIndexByte(s, ' ')
	if i < 0 {
		return "", s, false
	}
	return s[:i], s[i+1:], true
}

func move(ref, old, new, algorithm string) (Move, bool) {
	m := Move{gitrepo.OID(old), gitrepo.OID(new), ref}
	zero := gitrepo.ZeroOID(algorithm)
	for _, id := range []*gitrepo.OID{&m.Old, &m.New} {
		if len(*id) != len(zero) || strings.Trim(string(*id), "0123456789abcdef") != "" {
			return Move{}, false
		}
		if *id == zero {
			*id = ""
		}
	}
	return m, validRef(ref)
}

func spelled(id gitrepo.OID, algorithm string) string {
	if id == "" {
		return string(gitrepo.ZeroOID(algorithm))
	}
	return string(id)
}

// validRef tells whether git could push to a ref of that name: one below refs/
// (git-check-ref-format). Bytes that are no UTF-8 are among what it takes.
func validRef(ref string) bool {
	if !strings.HasPrefix(ref, "refs/") || strings.HasSuffix(ref, ".") || strings.Contains(ref, "..") || strings.Contains(ref, "@{") {
		return false
	}
	for i := range len(ref) {
		if c := ref[i]; c <= ' ' || c == 0x7F || strings.IndexByte("~^:?*[\\", c) >= 0 {
			return false
		}
	}
	for part := range strings.SplitSeq(ref, "/") {
		if part == "" || part[0] == '.' || strings.HasSuffix(part, ".lock") {
			return false
		}
	}
	return true
}

// eachLine hands on the lines of what git writes, each of which has an end.
func eachLine(in io.Reader, each func(line string) error) error {
	lines := bufio.NewReaderSize(in, MaxLine)
	for n := 0; ; n++ {
		line, err := lines.ReadSlice('\n')
		switch {
		case err == io.EOF && len(line) == 0:
			return nil
		case err == io.EOF, errors.Is(err, bufio.ErrBufferFull), n == MaxLines, bytes.IndexByte(line, 0) >= 0:
			return unlike(string(line))
		case err != nil:
			return fault.New(fault.ReadFailed, "what git says cannot be read").Because(err)
		}
		if err := each(string(line[:len(line)-1])); err != nil {
			return err
		}
	}
}

func unlike(line string) error {
	return fault.New(fault.BadOperand, "%.80q is no line of git's for this hook", line).With("command", "hook")
}
