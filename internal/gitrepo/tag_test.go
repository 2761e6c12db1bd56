package gitrepo

import (
	"strings"
	"testing"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

func TestParseTag(t *testing.T) {
	id := strings.Repeat("a", 40)
	head := "object " + id + "\ntype commit\ntag v1\ntagger a <a@example.com> 1 +0000\n\n"
	pgp, ssh := "-----BEGIN PGP SIGNATURE-----\nx\n-----END PGP SIGNATURE-----\n", "-----BEGIN SSH SIGNATURE-----\ny\n-----END SSH SIGNATURE-----\n"
	for _, c := range []struct{ text, message, signature string }{
		{head, head, ""},
		{head + "words\n" + pgp, head + "words\n", pgp},
		{head + ssh, head, ssh},
		{head + "words\n" + pgp + ssh, head + "words\n" + pgp, ssh}, // as git: the last one counts
		{head + "in a line " + pgp, head + "in a line " + pgp, ""},
	} {
		tag, err := ParseTag("sha1", []byte(c.text))
		if err != nil || string(tag.Message) != c.message || string(tag.Signature) != c.signature || tag.Name != "v1" || tag.Type != TypeCommit || string(tag.Object) != id {
			t.Errorf("%q: %+v, %v", c.text, tag, err)
		}
	}
	for _, text := range []string{
		"", "object " + id + "\ntype commit\ntag v1\n", "type commit\nobject " + id + "\ntag v1\n\n", "object HEAD\ntype commit\ntag v1\n\n",
		"object " + id + "\ntype commit\n\ntag v1\n\n", strings.Replace(head, id, id+"0", 1),
	} {
		if _, err := ParseTag("sha1", []byte(text)); !fault.Has(err, fault.ObjectCorrupt) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
