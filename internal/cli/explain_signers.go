package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/sign"
	"github.com/VaultSovereign/git-vaultmesh/internal/trust"
	"github.com/VaultSovereign/git-vaultmesh/internal/verify"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// In these commands a principal is p and its place in the covenant, from 0, and an
// authority a and its place: names are strangers' words, and may be anything.

// readCovenant puts the covenant that a receipt carries into the file covenant, one value
// a line, without the keys that are none: the tools take some of them.
func (x explainer) readCovenant(e *ledger.Entry) string {
	return x.blob(e, "receipt.json") + ` | LC_ALL=C awk -f flat.awk | sed -n 's/^\.genesis\.covenant\././p; s/^\.covenant\././p'` + withoutUnusable(e.Receipt) + ` > covenant`
}

// withoutUnusable leaves the keys out that a covenant has and that cannot be read, or are
// of a type that counts no more.
func withoutUnusable(r *receipt.Receipt) string {
	var places []string
	for i, p := range covenantIn(r).Principals {
		for j, k := range p.Keys {
			if _, err := sign.ParseKey(k.Type, k.Key); err != nil {
				places = append(places, fmt.Sprintf(`/^\.principals\[%d\]\.keys\[%d\]\./d`, i, j))
			}
		}
	}
	if places == nil {
		return ""
	}
	return " | sed '" + strings.Join(places, "; ") + "'"
}

// covenantIn is the covenant that a receipt carries, empty where it carries none.
func covenantIn(r *receipt.Receipt) *receipt.Covenant {
	switch {
	case r.Covenant != nil:
		return r.Covenant
	case r.Genesis != nil && r.Genesis.Covenant != nil:
		return r.Genesis.Covenant
	}
	return new(receipt.Covenant)
}

// readKeys does so, and puts its keys into the files allowed, keys.gpg and owners, what gpg
// says of them into packets, and the principals who have one secret into the file one.
func (x explainer) readKeys(e *ledger.Entry) []string {
	commands := []string{x.readCovenant(e), keysOf("ssh") + " > allowed", `while read -r p type key; do echo "$type $(echo $key | base64 -d | ` + asHex + `) $p"; done < allowed > secrets`}
	if carriesOpenPGP(e.Receipt) {
		commands = append(commands, ": > keys.gpg; "+keysOf("openpgp")+` | while read -r p key; do echo $key | base64 -d > key.gpg; cat key.gpg >> keys.gpg; echo "openpgp $(cat key.gpg | `+asHex+`) $p" >> secrets; `+
			`gpg --batch --show-keys --with-colons --with-keygrip key.gpg > said; sed -n "s/^grp:*\([^:]*\):.*/openpgp \1 $p/p" said >> secrets; sed -n "s/^fpr:*\([0-9A-F]*\):.*/$p \1/p" said; done > owners`,
			"gpg --batch --list-packets keys.gpg > packets")
	}
	return append(commands, sharing)
}

const asHex = `od -An -v -tx1 | tr -d ' \n'`

// sharing finds two keys that are one secret: the end of a key of SSH, which is of its
// number, is in another key, or a whole key, or what gpg calls its keygrip, is there twice.
const sharing = `awk '{ if ($2 in first) print first[$2], $3; else first[$2] = $3; hex[NR] = $2; who[NR] = $3; if ($1 !~ /^(sk-|openpgp$)/) end[NR] = substr($2, length($2) - 63) } END { for (i in end) for (j in hex) if (i != j && index(hex[j], end[i])) print who[i], who[j] }' secrets > one`

func carriesOpenPGP(r *receipt.Receipt) bool {
	return slices.ContainsFunc(covenantIn(r).Principals, func(p receipt.Principal) bool {
		return slices.ContainsFunc(p.Keys, func(k receipt.PublicKey) bool { return k.Type == "openpgp" })
	})
}

// withKeys is gpg with the keys of the covenant and no others.
const withKeys = "gpg --batch --no-default-keyring --keyring ./keys.gpg"

// vouched is a receipt, what its signatures came to, and the covenant by which.
type vouched struct {
	*ledger.Entry
	finding  trust.Finding
	covenant *ledger.Entry
}

// whoSigned puts the principals whose signatures count, by the keys of a covenant, into
// the file people. Only signatures that some say to be meant are looked at. Which keys were
// taken out of use is in the file revoked; the moment at which one is judged is when its
// signature is proven to have been there by step 15 or 16, or now.
func (x explainer) whoSigned(j vouched, meant func(name string) bool) []string {
	raw := x.blob(j.Entry, "receipt.json")
	commands := append(x.readKeys(j.covenant), ": > people")
	for _, f := range j.Files {
		if !meant(f.Name) {
			continue
		}
		file, at := x.blob(j.Entry, f.Name)+" > sig; ", j.finding.ProvenOf(f.Name)
		if j.finding.Err != nil && at.After(x.now) {
			commands = append(commands, "# "+f.Name+" is of a time that is yet to come, and counts for nobody now")
			continue
		}
		unrevoked := fmt.Sprintf(" p=%d t=%s revoked && ", bit(!at.IsZero()), receipt.TimeOf(x.moment(at)))
		switch {
		case f.Type == "ssh":
			commands = append(commands, file+armored+" && p=$(ssh-keygen -Y find-principals -s sig -f allowed) && "+raw+` | ssh-keygen -Y verify -f allowed -I "$p" -n vaultmesh -s sig > said && `+
				inUse+`k="$(sed 's/.* //' said)"`+unrevoked+`echo "$p" >> people; true`)
		case f.Type == "openpgp" && carriesOpenPGP(j.covenant.Receipt):
			commands = append(commands, ": > said; "+file+onePacket+" && "+strongBinary+" && "+raw+" | "+withKeys+" --faked-system-time "+x.moment(at).UTC().Format("20060102T150405!")+" --status-fd 1 --verify sig - > said 2> gpg.log; grep -q '^.GNUPG:. GOODSIG ' said && "+
				fmt.Sprintf(`awk -f selfsigned.awk k="$(sed -n 's/^.GNUPG:. VALIDSIG //p' said)" t=%d packets && `, x.moment(at).Unix())+
				inUse+`k="$(sed -n 's/^.GNUPG:. VALIDSIG //p' said)"`+unrevoked+
				`sed -n 's/^.GNUPG:. VALIDSIG \([0-9A-F]*\) .*/ \1/p' said | grep -F -f - owners | cut -d' ' -f1 >> people; true`)
		}
	}
	return commands
}

// moment is when a signature is judged.
func (x explainer) moment(proven time.Time) time.Time {
	if proven.IsZero() {
		return x.now
	}
	return proven
}

func bit(is bool) int {
	if is {
		return 1
	}
	return 0
}

// enough compares the file people with what the covenant asks for of a receipt whose
// values are in a file.
func enough(values string) string {
	return "LC_ALL=C awk -f counts.awk reading=receipt " + values + " reading=covenant covenant reading=one one reading=people people"
}

// quorum explains that enough principals have signed a receipt other than the one that is
// explained, by those of its signatures that some say to be meant.
func (x explainer) quorum(j vouched, meant func(name string) bool) []string {
	commands := append([]string{x.blob(j.Entry, "receipt.json") + " | LC_ALL=C awk -f flat.awk > other"}, x.dated(j)...)
	return append(append(commands, x.whoSigned(j, meant)...), enough("other"))
}

func all(string) bool { return true }

// none explains that no other receipts have a body that begins so, as no text within a
// receipt does, than some.
func (x explainer) none(body string, but []*ledger.Entry) string {
	known := " -e none"
	for _, e := range but {
		known += " -e " + e.ID.String()
	}
	return x.listing(body) + " | grep -v -F" + known + " | cmp -s - /dev/null"
}

// covenants explains that each version of the covenant follows from the one before, that
// enough of its principals have signed it, that no other follows, and that what was
// accepted here before is among them.
func (x explainer) covenants() []string {
	commands := []string{written("counts.awk", "counts.awk"), written("packet.awk", "packet.awk"), written("selfsigned.awk", "selfsigned.awk")}
	for i, e := range x.versions {
		commands = append(commands, fmt.Sprintf("test $(%s | sha256sum | cut -c1-64) = %s", x.blob(e, "receipt.json"), e.ID))
		if i == 0 || i > len(x.chain.Versions)-1 {
			continue
		}
		commands = append(commands, x.takenOut(x.versions[i-1], false)...)
		commands = append(commands, x.quorum(vouched{e, x.chain.FindingOf(e.ID), x.versions[i-1]}, all)...)
		commands = append(commands, fmt.Sprintf(`test $(grep -c -x -F -e '.covenant.previous "%s"' -e '.covenant.version %d' other) = 2`, x.versions[i-1].ID, x.chain.Versions[i].Covenant.Version))
	}
	for _, e := range x.rivals {
		commands = append(commands, x.rival(e)...)
	}
	commands = append(commands, x.pinned()...)
	return append(commands, x.none(`"covenant":{"federation":{"accept":"`, slices.Concat(x.versions, x.rivals, x.strays)))
}

// rival explains that a covenant which would follow on one of the versions is not signed
// by enough of its principals, or was not yet when the one that follows was.
func (x explainer) rival(e *ledger.Entry) []string {
	i := slices.IndexFunc(x.versions, func(v *ledger.Entry) bool { return v.ID == e.Receipt.Covenant.Previous })
	if i < 0 {
		return nil
	}
	j, meant := vouched{e, x.chain.FindingOf(e.ID), x.versions[i]}, all
	if i+1 < len(x.chain.Versions) && !x.chain.Versions[i+1].From.IsZero() && slices.ContainsFunc(x.chain.Breaches, func(b trust.Breach) bool { return b.ID == e.ID }) {
		meant = func(name string) bool {
			at := j.finding.ProvenOf(name)
			return !at.IsZero() && !at.After(x.chain.Versions[i+1].From)
		}
	}
	waits := slices.ContainsFunc(x.chain.Waiting, func(w trust.Waiting) bool { return w.ID == e.ID }) // also for keys that receipts revoked
	commands := append(x.takenOut(x.versions[i], waits), x.quorum(j, meant)...)
	last := &commands[len(commands)-1]
	*last = "! " + *last
	return commands
}

// signers explains that enough principals have signed the receipt.
func (x explainer) signers() []string {
	_, covenant := x.judgedBy()
	if x.receipt.Receipt == nil {
		return nil // what cannot be read, nobody can have meant
	}
	if covenant == nil {
		return []string{"# no covenant is in force, and nobody counts"}
	}
	commands := x.takenOut(x.revoking())
	commands = append(commands, x.whoSigned(vouched{x.receipt, x.finding, covenant}, all)...)
	return append(commands, enough("flat"))
}

// sealSigners explains that enough principals have signed a seal.
func (x explainer) sealSigners(s verify.Sealing) []string {
	_, covenant := x.version(s.Finding.Version)
	if covenant == nil {
		return nil
	}
	return append(x.takenOut(x.versions[len(x.versions)-1], true), x.quorum(vouched{s.Seal, s.Finding, covenant}, all)...)
}

// judgedBy is the version by which the receipt was judged, and the receipt that carries
// it; nil where there is none.
func (x explainer) judgedBy() (*trust.Version, *ledger.Entry) { return x.version(x.finding.Version) }

// version is the version of a number, or the last one, and the receipt that carries it.
func (x explainer) version(number int64) (*trust.Version, *ledger.Entry) {
	for i, v := range x.chain.Versions {
		last := i == len(x.chain.Versions)-1
		if i < len(x.versions) && (v.Covenant.Version == number || last) {
			return v, x.versions[i]
		}
	}
	return nil, nil
}
