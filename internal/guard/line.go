package guard

import (
	"bufio"
	"io"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/federation"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
)

// ReadPrePush reads what git tells a pre-push hook: lines of what is pushed, its id, the
// ref at the remote and its id there (githooks, "pre-push"). The first is as it was
// typed, and may have spaces in it. The fault is BadOperand (VM113).
func ReadPrePush(in io.Reader, algorithm string) ([]federation.Push, error) {
	var list []federation.Push
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		fields := strings.Split(lines.Text(), " ")
		n := len(fields)
		if n < 4 {
			return nil, strange(lines.Text())
		}
		p, err := Line(fields[n-2], fields[n-1], fields[n-3], algorithm)
		if err != nil {
			return nil, strange(lines.Text())
		}
		list = append(list, p)
	}
	if err := lines.Err(); err != nil {
		return nil, fault.New(fault.ReadFailed, "what git says cannot be read").Because(err)
	}
	return list, nil
}

// Line is one ref that is to move, by the ids that git names. The fault is BadOperand
// (VM113) for what git never says.
func Line(ref, old, new, algorithm string) (federation.Push, error) {
	zero := string(gitrepo.ZeroOID(algorithm))
	for _, id := range []string{old, new} {
		if len(id) != len(zero) || strings.Trim(id, "0123456789abcdef") != "" {
			return federation.Push{}, strange(id)
		}
	}
	if !strings.HasPrefix(ref, "refs/") || strings.ContainsFunc(ref, func(r rune) bool { return r <= ' ' || r == 0x7F }) {
		return federation.Push{}, strange(ref)
	}
	p := federation.Push{Old: gitrepo.OID(old), New: gitrepo.OID(new), Ref: ref}
	for _, id := range []*gitrepo.OID{&p.Old, &p.New} {
		if string(*id) == zero {
			*id = ""
		}
	}
	return p, nil
}

func strange(text string) error {
	return fault.New(fault.BadOperand, "%.80q is nothing that git tells this hook", text).With("command", "hook")
}
