package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/canon"
	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/trust"
	"github.com/VaultSovereign/git-vaultmesh/internal/verify"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// In these commands a principal is p and its place in the covenant, from 0, and an
// authority a and its place: names are strangers' words, and may be anything.

// readCovenant puts the covenant that a receipt carries into the file covenant, one value
// a line.
func (x explainer) readCovenant(e *ledger.Entry) string {
	return x.blob(e, "receipt.json") + ` | LC_ALL=C awk -f flat.awk | sed -n 's/^\.genesis\.covenant\././p; s/^\.covenant\././p' > covenant`
}

// readKeys does so, and puts its keys into the files allowed, keys.gpg and owners.
func (x explainer) readKeys(e *ledger.Entry) []string {
	keys := func(kind string) string {
		return `sed -n '/^\.principals\[[0-9]*\]\.keys\[[0-9]*\]\.key /{N;s/^\.principals\[\([0-9]*\)\]\.keys\[[0-9]*\]\.key "\(.*\)"\n[^ ]* "` + kind + `"$/p\1 \2/p;}' covenant`
	}
	commands := []string{x.readCovenant(e), keys("ssh") + " > allowed"}
	if carriesOpenPGP(e.Receipt) {
		commands = append(commands, ": > keys.gpg; "+keys("openpgp")+` | while read -r p key; do echo $key | base64 -d > key.gpg; cat key.gpg >> keys.gpg; `+
			`gpg --batch --show-keys --with-colons key.gpg | sed -n "s/^fpr:*\([0-9A-F]*\):.*/$p \1/p"; done > owners`)
	}
	return commands
}

func carriesOpenPGP(r *receipt.Receipt) bool {
	c := r.Covenant
	if r.Genesis != nil {
		c = r.Genesis.Covenant
	}
	return c != nil && slices.ContainsFunc(c.Principals, func(p receipt.Principal) bool {
		return slices.ContainsFunc(p.Keys, func(k receipt.PublicKey) bool { return k.Type == "openpgp" })
	})
}

// withKeys is gpg with the keys of the covenant and no others.
const withKeys = "gpg --batch --no-default-keyring --keyring ./keys.gpg"

// whoSigned puts the principals whose signatures hold, by the keys of a covenant, into the
// file people. Only signatures that some say to be meant are looked at.
func (x explainer) whoSigned(e, covenant *ledger.Entry, meant func(name string) bool) []string {
	raw := x.blob(e, "receipt.json")
	commands := append(x.readKeys(covenant), ": > people")
	for _, f := range e.Files {
		if !meant(f.Name) {
			continue
		}
		file := x.blob(e, f.Name) + " > sig; "
		switch {
		case f.Type == "ssh":
			commands = append(commands, file+"p=$(ssh-keygen -Y find-principals -s sig -f allowed) && "+raw+` | ssh-keygen -Y verify -f allowed -I "$p" -n vaultmesh -s sig && echo "$p" >> people; true`)
		case f.Type == "openpgp" && carriesOpenPGP(covenant.Receipt):
			commands = append(commands, file+onePacket+raw+" | "+withKeys+" --status-fd 1 --verify sig - 2> gpg.log | "+
				`sed -n 's/^\[GNUPG:] VALIDSIG \([0-9A-F]*\) .*/ \1/p' | grep -F -f - owners | cut -d' ' -f1 >> people; true`)
		}
	}
	return commands
}

// enough compares the file people with what a covenant asks for.
func enough(quorums []receipt.Quorum) []string {
	var commands []string
	for _, q := range quorums {
		if q.Group == "" {
			commands = append(commands, fmt.Sprintf("test $(LC_ALL=C sort -u people | wc -l) -ge %d", q.Count))
			continue
		}
		commands = append(commands,
			"GROUP="+fault.Quote(spelled(q.Group))+` awk '$1 ~ /^\.principals\[[0-9]+\]\.groups\[[0-9]+\]$/ && substr($0, length($1) + 2) == ENVIRON["GROUP"] { split($1, at, /[][]/); print "p" at[2] }' covenant | LC_ALL=C sort -u > members`,
			fmt.Sprintf("test $(LC_ALL=C sort -u people | LC_ALL=C comm -12 - members | wc -l) -ge %d", q.Count))
	}
	return commands
}

// spelled is a text as canonical JSON has it.
func spelled(text string) string {
	b, err := canon.Spell(map[string]string{"t": text}, 1<<20)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(strings.TrimPrefix(string(b), `{"t":`), "}")
}

func all(string) bool { return true }

// covenants explains that each version of the covenant follows from the one before: it
// names it, and enough of its principals have signed.
func (x explainer) covenants() []string {
	var commands []string
	for i, e := range x.versions {
		raw := x.blob(e, "receipt.json")
		commands = append(commands, fmt.Sprintf("test $(%s | sha256sum | cut -c1-64) = %s", raw, e.ID))
		if i == 0 || i > len(x.chain.Versions)-1 {
			continue
		}
		before, v := x.versions[i-1], x.chain.Versions[i]
		commands = append(commands,
			fmt.Sprintf(`test $(%s | LC_ALL=C awk -f flat.awk | grep -c -x -F -e '.covenant.previous "%s"' -e '.covenant.version %d') = 2`, raw, before.ID, v.Covenant.Version))
		commands = append(commands, x.whoSigned(e, before, all)...)
		commands = append(commands, enough(x.chain.Versions[i-1].Quorums(e.Receipt))...)
	}
	return append(commands, x.listing+" # for the eye: a rival that names the same previous one, and what was revoked when, docs/spec/covenant.md")
}

// signers explains that enough principals have signed the receipt.
func (x explainer) signers() []string {
	v, covenant := x.judgedBy()
	if x.receipt.Receipt == nil {
		return nil // what cannot be read, nobody can have meant
	}
	if covenant == nil {
		return []string{"# no covenant is in force, and nobody counts"}
	}
	commands := append(x.whoSigned(x.receipt, covenant, all), enough(v.Quorums(x.receipt.Receipt))...)
	return append(commands, `grep -e '^\.thresholds' -e '^\.revocations' -e '^\.principals\[[0-9]*\]\.name' covenant # for the eye: who the people are, that these thresholds are the ones, and that each key was valid when it is proven to have signed`)
}

// sealSigners explains that enough principals have signed a seal.
func (x explainer) sealSigners(s verify.Sealing) []string {
	v, covenant := x.version(s.Finding.Version)
	if covenant == nil {
		return nil
	}
	return append(x.whoSigned(s.Seal, covenant, all), enough(v.Quorums(s.Seal.Receipt))...)
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

// rails explains that as many authorities have stamped as must have, and that what they
// have stamped are the signatures of enough principals.
func (x explainer) rails() []string {
	if x.receipt.Receipt == nil {
		return nil
	}
	rails, stamps := x.chain.Rails(x.receipt.Receipt), x.finding.Stamps()
	v, covenant := x.judgedBy()
	if len(rails) == 0 || covenant == nil || x.covenant == nil {
		return nil
	}
	if len(stamps) == 0 && !x.finding.Since.IsZero() {
		return []string{"# no token counts, and the seal of step 16 proves the time"}
	}
	stamped := func(name string) bool {
		return slices.ContainsFunc(stamps, func(t trust.Stamp) bool { return t.Over == name })
	}
	commands := append(x.whoSigned(x.receipt, covenant, stamped), enough(v.Quorums(x.receipt.Receipt))...)
	commands = append(commands, x.readCovenant(x.covenant), ": > rails")
	commands = append(commands, x.whoStamped(stamps)...)
	for _, r := range rails {
		commands = append(commands, fmt.Sprintf("test $(LC_ALL=C sort -u rails | grep -c -x%s) -ge %d", x.among(r), r.Count))
	}
	return append(commands, `grep -e '^\.rules' -e '^\.tsas\[[0-9]*\]\.[np]' covenant || true # for the eye: which rules ask for time-stamps, and pins and policies`)
}

// whoStamped puts the authorities whose tokens hold into the file rails.
func (x explainer) whoStamped(stamps []trust.Stamp) []string {
	var commands []string
	for _, t := range stamps {
		n := x.place(t.Authority)
		commands = append(commands,
			fmt.Sprintf(`sed -n 's/^\.tsas\[%d\]\.roots\[[0-9]*\] "\(.*\)"$/\1/p' covenant | while read -r der; do echo $der | base64 -d | openssl x509 -inform DER; done > a%d.pem`, n, n),
			fmt.Sprintf("%s > token; openssl ts -verify -in token -digest %s -CAfile a%d.pem -attime %d && echo a%d >> rails", x.blob(x.receipt, t.File), x.digest(t.Over), n, t.Time.Unix(), n))
	}
	return commands
}

// among are the arguments of grep that find the authorities that count for a rail.
func (x explainer) among(r trust.Rail) string {
	if len(r.Authorities) == 0 {
		return " -e '.*'"
	}
	arguments := ""
	for _, name := range r.Authorities {
		arguments += fmt.Sprintf(" -e a%d", x.place(name))
	}
	return arguments
}

// place is that of an authority in the covenant that vouches for the tokens; -1, which no
// token has, where it is not in it.
func (x explainer) place(name string) int {
	return slices.IndexFunc(x.chain.Vouching(x.receipt.ID).Covenant.TSAs, func(a receipt.Authority) bool { return a.Name == name })
}
