package sign

import (
	"bytes"
	"crypto/ed25519"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

func allowedKey(t *testing.T) (line, fingerprint string) {
	_, private, err := ed25519.GenerateKey(nil)
	must(t, err)
	k := sshPrivate(t, private).PublicKey()
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(k))), ssh.FingerprintSHA256(k)
}

// What a line allows is what ssh-keygen says that it allows.
func TestAllowedSigners(t *testing.T) {
	t.Parallel()
	key, print := allowedKey(t)
	const passed = "passed over"
	for name, c := range map[string]struct{ line, owner, remark string }{
		"plain":                      {"ada@example.com KEY", "ada@example.com", ""},
		"with a comment":             {"ada KEY the laptop", "ada", ""},
		"with tabs":                  {"ada\tnamespaces=\"git\"\tKEY", "ada", ""},
		"a list of names":            {"ada@example.com,ada@work.example KEY", "ada@example.com", ""},
		"a list with a pattern":      {"*@example.com,ada KEY", "ada", ""},
		"quoted names":               {`"ada lovelace,ada" KEY`, "ada lovelace", ""},
		"for us":                     {`ada namespaces="vaultmesh" KEY`, "ada", ""},
		"for git":                    {`ada namespaces="file,git" KEY`, "ada", ""},
		"for all that begin so":      {`ada namespaces="vault*" KEY`, "ada", ""},
		"in capitals":                {`ada NameSpaces="vaultmesh" KEY`, "ada", ""},
		"for others":                 {`ada namespaces="file" KEY`, "", passed},
		"for a name in capitals":     {`ada namespaces="Vaultmesh" KEY`, "", passed},
		"for all but us":             {`ada namespaces="*,!vaultmesh,!git" KEY`, "", passed},
		"an authority":               {"*@example.com cert-authority KEY", "", passed},
		"over":                       {`ada valid-before="20260101" KEY`, "", passed + ": it was valid until 2026-01-01T00:00:00+01:00"},
		"over in this second":        {`ada valid-before="20261122110000Z" KEY`, "", passed},
		"not yet":                    {`ada valid-after="202611221201" KEY`, "", passed + ": it is not valid before 2026-11-22T12:01:00+01:00"},
		"since a minute":             {`ada valid-after="202611221159" KEY`, "ada", ""},
		"for a year":                 {`ada valid-after="20260101",valid-before="20270101Z" KEY`, "ada", "ends at 2027-01-01T00:00:00Z"},
		"for a year, and for others": {`ada namespaces="file",valid-before="20270101" KEY`, "", passed},
	} {
		now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.FixedZone("", 3600))
		other, _ := allowedKey(t)
		text := "# names\n\n" + strings.ReplaceAll(c.line, "KEY", key) + "\r\nother " + other + "\n"
		keys, remarks, err := AllowedSigners{File: "f", Namespace: Namespace, Now: now}.Read([]byte(text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		owner := ""
		if keys[0].Key.Fingerprint() == print {
			owner = keys[0].Name
		}
		if owner != c.owner {
			t.Errorf("%s: owner %q, want %q", name, owner, c.owner)
		}
		if said := strings.Join(remarks, "\n"); (said != "") != (c.remark != "") || !strings.Contains(said, c.remark) || said != "" && !strings.HasPrefix(said, "f:3: ") {
			t.Errorf("%s: remarks %q, want %q", name, said, c.remark)
		}
	}
}

func TestAllowedSignersThatAreNone(t *testing.T) {
	t.Parallel()
	key, _ := allowedKey(t)
	for name, c := range map[string]struct{ text, says string }{
		"nothing":                 {"# nobody\n", "names none"},
		"only for others":         {`ada namespaces="file" KEY`, "names none"},
		"only a pattern":          {"* KEY", `f:1: .*"*" is a pattern`},
		"patterns":                {"*@example.com,!eve KEY", "is a pattern"},
		"no key":                  {"ada", "f:1: .*there is no SSH public key"},
		"half a key":              {"ada ssh-ed25519 AAAA", "there is no SSH public key"},
		"an open quotation":       {`"ada KEY`, "do not end with one"},
		"an option of who knows":  {"ada no-touch-required KEY", `the option "no-touch-required"`},
		"a date that is none":     {`ada valid-before="tomorrow" KEY`, `"tomorrow" is no date`},
		"a month that is none":    {`ada valid-before="20261301" KEY`, "is no date"},
		"a date that is not said": {`ada valid-after= KEY`, "is no date"},
	} {
		_, _, err := AllowedSigners{File: "f", Namespace: Namespace, Now: noon}.Read([]byte(strings.ReplaceAll(c.text, "KEY", key)))
		if !fault.Has(err, fault.BadKey) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		words := strings.Split(c.says, ".*")
		if said := fault.From(err).Message; slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(said, w) }) {
			t.Errorf("%s: %s, want %s", name, said, c.says)
		}
	}
}

// A name from outside is anybody's, a pattern's too.
func TestAllowedSignersOfOneOwner(t *testing.T) {
	t.Parallel()
	key, _ := allowedKey(t)
	keys, _, err := AllowedSigners{File: "f", Namespace: Namespace, Owner: "ada", Now: noon}.Read([]byte("* " + key))
	if err != nil || keys[0].Name != "ada" {
		t.Errorf("%v, %v", keys, err)
	}
}

// ssh-keygen lets in whom we let in, where a line is for our namespace.
func TestAllowedSignersWithSSHKeygen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	run(t, dir, "", "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", "key")
	key := strings.TrimSpace(run(t, dir, "", "cat", "key.pub"))
	must(t, os.WriteFile(filepath.Join(dir, "m"), message, 0o600))
	run(t, dir, "", "ssh-keygen", "-q", "-Y", "sign", "-n", Namespace, "-f", "key", "m")
	for _, line := range []string{
		"ada KEY", "ada\tKEY", "ada,eve KEY", `"ada,eve" KEY a comment`, "*,ada KEY",
		`ada namespaces="vault*" KEY`, `ada namespaces="*,!vaultmesh,!git" KEY`, `ada namespaces="Vaultmesh" KEY`, `ada NAMESPACES="vaultmesh" KEY`,
		`ada valid-before="20261122" KEY`, `ada valid-before="20261123" KEY`, `ada valid-after="202611221400" KEY`, `ada valid-after="202611221100" KEY`,
		`ada valid-after="20200101",valid-before="20300101" KEY`, `ada valid-before="tomorrow" KEY`, "ada cert-authority KEY", "ada no-touch-required KEY",
	} {
		must(t, os.WriteFile(filepath.Join(dir, "allowed"), []byte(strings.ReplaceAll(line, "KEY", key)+"\n"), 0o600))
		verify := exec.Command("ssh-keygen", "-Y", "verify", "-Overify-time=20261122120000", "-n", Namespace, "-I", "ada", "-f", "allowed", "-s", "m.sig")
		verify.Dir, verify.Stdin, verify.Env = dir, bytes.NewReader(message), append(os.Environ(), "TZ=UTC")
		theirs := verify.Run() == nil
		_, _, err := AllowedSigners{File: "f", Namespace: Namespace, Now: noon}.Read([]byte(strings.ReplaceAll(line, "KEY", key)))
		if ours := err == nil; ours != theirs {
			t.Errorf("%s: %v, and ssh-keygen %v", line, ours, theirs)
		}
	}
}
