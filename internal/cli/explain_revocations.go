package cli

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// inUse reads the file revoked, in which each line is a key, a reason and a time. It fails
// where one of the keys k was out of use at the time t, or compromised and nothing proves (p)
// that the signature is older.
const inUse = `awk 'index(" " k " ", " " $1 " ") && (!p && $2 == "compromised" || $3 <= t) { out = 1 } END { exit out }' `

// takenOut writes the file revoked: out of the covenant that a receipt carries, and of
// revocations by receipts of their own.
func (x explainer) takenOut(covenant *ledger.Entry, receipts bool) []string {
	lines := func(from, file string) string {
		return `sed -n '/^\.` + from + `\.at /{N;N;s/^[^ ]* "\(.*\)"\n[^ ]* "\(.*\)"\n[^ ]* "\(.*\)"$/\2 \3 \1/p;}' ` + file
	}
	commands := append([]string{x.readCovenant(covenant), lines(`revocations\[[0-9]*\]`, "covenant") + " > revoked"}, x.otherForms(covenant, "revoked")...)
	if !receipts {
		return commands
	}
	for _, moment := range x.moments() {
		commands = append(commands, ": > revoking")
		for _, e := range moment {
			_, by := x.version(x.chain.FindingOf(e.ID).Version)
			commands = append(commands, x.quorum(vouched{e, x.chain.FindingOf(e.ID), by}, all)...)
			last := &commands[len(commands)-1]
			if !slices.Contains(x.chain.Revoking, e.ID) {
				*last = "! " + *last
				continue
			}
			*last += " && " + lines("revocation", "other") + " >> revoking"
			commands = append(commands, x.otherForms(e, "revoking")...)
		}
		commands = append(commands, "cat revoking >> revoked")
	}
	return append(commands, x.none(`"revocation":{"at":"`, x.revocations))
}

// otherForms adds to a file of keys that were taken out of use those that are the same
// secret in another form, where a receipt revokes one.
func (x explainer) otherForms(e *ledger.Entry, file string) []string {
	var commands []string
	for _, r := range revocationsIn(e.Receipt) {
		for _, other := range x.chain.SameSecret(r.Key) {
			commands = append(commands, fmt.Sprintf(`awk '$1 == "%s" { $1 = "%s"; print }' %s > same; cat same >> %s # for the eye: the two are one secret`, r.Key, other, file, file))
		}
	}
	return commands
}

// revocationsIn are those of a receipt, and of the covenant that it carries.
func revocationsIn(r *receipt.Receipt) []receipt.Revocation {
	if r.Revocation != nil {
		return []receipt.Revocation{*r.Revocation}
	}
	return covenantIn(r).Revocations
}

// moments are the revocations in the order in which they hold, those together that are
// proven to be of one moment, as they do not judge each other; and then the others.
func (x explainer) moments() [][]*ledger.Entry {
	var all [][]*ledger.Entry
	held := func(e *ledger.Entry) bool { return slices.Contains(x.chain.Revoking, e.ID) }
	for _, e := range x.inOrder() {
		finding := x.chain.FindingOf(e.ID)
		if _, by := x.version(finding.Version); by == nil {
			continue
		}
		if n := len(all) - 1; n >= 0 && held(all[n][0]) == held(e) && finding.Since.Equal(x.chain.FindingOf(all[n][0].ID).Since) {
			all[n] = append(all[n], e)
			continue
		}
		all = append(all, []*ledger.Entry{e})
	}
	return all
}

// inOrder are the revocations in the order in which they hold, and then the others.
func (x explainer) inOrder() []*ledger.Entry {
	place := func(e *ledger.Entry) int {
		if i := slices.Index(x.chain.Revoking, e.ID); i >= 0 {
			return i
		}
		return len(x.chain.Revoking)
	}
	return slices.SortedStableFunc(slices.Values(x.revocations), func(a, b *ledger.Entry) int { return cmp.Compare(place(a), place(b)) })
}

// revoking is the covenant whose revocations are about the receipt, and whether those by
// receipts are too: of a covenant, those of the one before.
func (x explainer) revoking() (covenant *ledger.Entry, receipts bool) {
	for i, e := range x.versions {
		if e.ID == x.receipt.ID {
			return x.versions[max(i-1, 0)], false
		}
	}
	return x.versions[len(x.versions)-1], true
}
