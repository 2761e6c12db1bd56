package sign

import (
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// Owned is a key and whose it is said to be.
type Owned struct {
	Name string
	Key  *Key
}

// ReadAllowedSigners reads a file of allowed signers (ssh-keygen(1), "ALLOWED
// SIGNERS"); name is for messages. A line that is for other namespaces only, or for
// a certificate authority, is passed over. Patterns name nobody, so a line with one
// is a fault, as any that cannot be read: BadKey (VM308).
func ReadAllowedSigners(text []byte, name, namespace string) ([]Owned, error) {
	var list []Owned
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		principals, rest, _ := strings.Cut(line, " ")
		public, _, options, _, err := ssh.ParseAuthorizedKey([]byte(rest))
		if err != nil {
			return nil, badKey("%s:%d: there is no SSH public key", name, n)
		}
		if !forNamespace(options, namespace) {
			continue
		}
		key, err := sshKey(public)
		if err != nil {
			return nil, fault.From(badKey("%s:%d", name, n)).Because(err)
		}
		owner := strings.Trim(principals, `"`)
		if strings.ContainsAny(owner, "*?,!") {
			return nil, badKey("%s:%d: %.80q is a pattern, and a key is one principal's", name, n, owner)
		}
		list = append(list, Owned{owner, key})
	}
	if len(list) == 0 {
		return nil, badKey("%s names no key for the namespace %s", name, namespace)
	}
	return list, nil
}

// forNamespace tells whether the options of a line let its key sign in a
// namespace, or in git's, for which such files are mostly kept.
func forNamespace(options []string, namespace string) bool {
	for _, o := range options {
		switch value, found := strings.CutPrefix(strings.ToLower(o), "namespaces="); {
		case strings.EqualFold(o, "cert-authority"):
			return false
		case found:
			list := strings.Split(strings.Trim(value, `"`), ",")
			for _, one := range list {
				if one == namespace || one == "git" || one == "*" {
					return true
				}
			}
			return false
		}
	}
	return true
}
