package cli

import (
	"fmt"
	"slices"

	"github.com/VaultSovereign/git-vaultmesh/internal/trust"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// timestamps explains that every token stamps the receipt or a signature of it, and that
// those that count verify under the roots in the covenant, at their own time.
func (x explainer) timestamps() []string {
	if len(x.tokens) == 0 {
		return nil
	}
	commands := []string{written("token.awk", "token.awk"), "{ echo " + x.receipt.ID.String() + "; " + x.names + ` | sed -n 's/^\(ssh\|openpgp\)-\([0-9a-f]*\)\.sig$/\2/p'; } > imprints`}
	if slices.ContainsFunc(x.tokens, x.counts) {
		commands = append(commands, x.blob(x.covenant, "receipt.json")+writeRoots)
	}
	for _, t := range x.tokens {
		token := x.blob(x.receipt, t.File) + " > token; " + wellFormed + " && " + imprinted
		if x.counts(t) {
			token += " && " + verifies(x.receipt, t)
		}
		commands = append(commands, token)
	}
	return commands
}

// dated explains that tokens beside a receipt prove the moments at which its signatures
// are judged.
func (x explainer) dated(j vouched) []string {
	counting := slices.DeleteFunc(slices.Clone(j.finding.Tokens), func(t trust.Stamp) bool { return t.Err != nil })
	i := slices.IndexFunc(x.versions, func(e *ledger.Entry) bool { return e.ID == x.chain.Vouching(j.ID).ID })
	if len(counting) == 0 || i < 0 {
		return nil
	}
	commands := []string{x.blob(x.versions[i], "receipt.json") + writeRoots}
	for _, t := range counting {
		commands = append(commands, x.blob(j.Entry, t.File)+" > token; openssl ts -reply -in token -text > said && "+verifies(j.Entry, t))
	}
	return commands
}

// verifies explains that the file token, of which said says what openssl reads in it, is of
// its time, over its file, and by an authority of the covenant whose roots are in roots.pem.
func verifies(e *ledger.Entry, t trust.Stamp) string {
	at := t.Time.UTC()
	return fmt.Sprintf(`grep -q -E '^Time stamp: %s(\.[0-9]+)? %d GMT$' said && openssl ts -verify -in token -digest %s -CAfile roots.pem -attime %d`,
		at.Format("Jan _2 15:04:05"), at.Year(), digestOf(e, t.Over), at.Unix())
}

// wellFormed fails where the file token is not in the form in which tokens are kept.
const wellFormed = `openssl ts -reply -in token -text > said && openssl asn1parse -inform DER -in token > parsed && ` +
	`openssl asn1parse -inform DER -in token -strparse $(awk '/id-smime-ct-TSTInfo/ { inner = 1 } inner && /OCTET STRING/ { sub(/:.*/, ""); print $1; exit }' parsed) -out stamped > inner && ` +
	`LC_ALL=C awk -f token.awk reading=said said size=$(wc -c < token) reading=token parsed size=$(wc -c < stamped) reading=stamped inner`

// imprinted compares the hash in what openssl says of a token with those in the file imprints.
const imprinted = `sed -n '/^Message data:/,/^Serial number:/s/^ *00[01]0 - \(.\{47\}\).*/\1/p' said | tr -d ' \n-' | grep -q -x -F -f imprints`

// counts tells whether a token is one by an authority of the covenant.
func (x explainer) counts(t trust.Stamp) bool { return t.Err == nil && x.covenant != nil }

// writeRoots makes a file of certificates out of the roots in a covenant.
const writeRoots = ` | grep -o '"roots":\["[^]]*' | cut -d[ -f2 | tr -d '"' | tr , '\n' | ` +
	"while read -r der; do echo $der | base64 -d | openssl x509 -inform DER; done > roots.pem"

// rails explains that as many authorities have stamped as must have, and that what they
// have stamped are the signatures of enough principals.
func (x explainer) rails() []string {
	stamps := x.finding.Stamps()
	_, covenant := x.judgedBy()
	if x.receipt.Receipt == nil || covenant == nil || x.covenant == nil || len(x.chain.Rails(x.receipt.Receipt)) == 0 {
		return nil
	}
	if len(stamps) == 0 && !x.finding.Since.IsZero() && !slices.ContainsFunc(x.chain.Rails(x.receipt.Receipt), severalStamps) {
		return []string{"# no token counts, and the seal of step 16 proves the time"}
	}
	stamped := func(name string) bool {
		return slices.ContainsFunc(stamps, func(t trust.Stamp) bool { return t.Over == name })
	}
	commands := append(x.whoSigned(vouched{x.receipt, x.finding, covenant}, stamped), enough("flat"))
	commands = append(commands, x.readCovenant(x.covenant)+"; cp covenant names; : > rails")
	commands = append(commands, x.whoStamped(stamps)...)
	return append(commands, x.readCovenant(x.versions[len(x.versions)-1]),
		"LC_ALL=C awk -f counts.awk reading=receipt flat reading=covenant covenant reading=names names reading=rails rails")
}

// severalStamps tells whether a rail asks for more than the one time that a seal proves.
func severalStamps(r trust.Rail) bool { return r.Count > 1 }

// whoStamped puts the authorities whose tokens hold, as the file names says of them, into
// the file rails.
func (x explainer) whoStamped(stamps []trust.Stamp) []string {
	var commands []string
	for _, t := range stamps {
		n := x.place(t.Authority)
		commands = append(commands,
			fmt.Sprintf(`sed -n 's/^\.tsas\[%d\]\.roots\[[0-9]*\] "\(.*\)"$/\1/p' names | while read -r der; do echo $der | base64 -d | openssl x509 -inform DER; done > a%d.pem`, n, n),
			fmt.Sprintf(`sed -n 's/^\.tsas\[%d\]\.pins\[[0-9]*\] "\(.*\)"$/\1/p' names > pins; sed -n 's/^\.tsas\[%d\]\.policy "\(.*\)"$/OID:\1/p' names > policy`, n, n),
			fmt.Sprintf("%s > token; openssl ts -verify -in token -digest %s -CAfile a%d.pem -attime %d && ", x.blob(x.receipt, t.File), digestOf(x.receipt, t.Over), n, t.Time.Unix())+
				tokenSigner+fmt.Sprintf(" && { test ! -s pins || %s | grep -q -x -F -f pins; } && { test ! -s policy || test \"$(%s)\" = \"$(%s)\"; } && echo a%d >> rails", signerHash, policyAsked, policyGiven, n))
	}
	return commands
}

// Of the file token: who signed it, the SHA-256 of that certificate, and the policy in it,
// as openssl names it, beside the one that the file policy asks for.
const (
	tokenSigner = "openssl ts -reply -in token -token_out -out signed && openssl cms -verify -inform DER -in signed -noverify -signer signer.pem -out stamped"
	signerHash  = "openssl x509 -in signer.pem -outform DER | sha256sum | cut -c1-64"
	policyGiven = `openssl asn1parse -inform DER -in stamped | sed -n 's/.*OBJECT *://p' | head -n 1`
	policyAsked = `openssl asn1parse -genstr "$(cat policy)" | sed -n 's/.*OBJECT *://p'`
)

// place is that of an authority in the covenant that vouches for the tokens; -1, which no
// token has, where it is not in it.
func (x explainer) place(name string) int {
	return slices.IndexFunc(x.chain.Vouching(x.receipt.ID).Covenant.TSAs, func(a receipt.Authority) bool { return a.Name == name })
}

// digestOf is the SHA-256 of a file of a receipt.
func digestOf(e *ledger.Entry, name string) string {
	for _, f := range e.Files {
		if f.Name == name && f.Type != "receipt" {
			return f.Digest.String()
		}
	}
	return e.ID.String()
}
