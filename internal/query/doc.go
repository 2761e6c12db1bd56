package query

import (
	"maps"
	"slices"

	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// Doc is what can be asked about one receipt.
type Doc struct {
	ID        receipt.ID
	Kind      receipt.Kind
	Component string
	Version   string
	Commit    receipt.Object
	Ref       string
	At        receipt.Time     // when it happened, else when it was recorded: a claim
	Labels    []string         // NAME=VALUE, sorted by name
	Digests   []receipt.Digest // of subjects and evidence
	Links     []receipt.ID     // receipts that it links to
	Signers   []string         // what its signatures claim to be by, not verified
	Texts     []string         // in which words are looked for, these and all of the above that people read
}

// DocOf is what can be asked about a receipt. Of one of a later version that is
// its kind and time.
func DocOf(id receipt.ID, r *receipt.Receipt) *Doc {
	d := &Doc{ID: id, Kind: r.Kind, Component: r.Component, Version: r.Version, Commit: r.Commit, Ref: r.Ref, At: r.HappenedAt()}
	for _, name := range slices.Sorted(maps.Keys(r.Labels)) {
		d.Labels = append(d.Labels, name+"="+r.Labels[name])
	}
	d.add(r.Component, r.Version, string(r.Kind), r.Note, r.Recorder.Name, r.Recorder.Email, r.Ref, r.ChainRef)
	for _, s := range r.Subjects {
		d.add(s.Name)
		d.Digests = append(d.Digests, s.SHA256)
	}
	for _, e := range r.Evidence {
		d.add(e.Name)
		d.Digests = append(d.Digests, e.SHA256)
	}
	for _, l := range r.Links {
		d.Links = append(d.Links, l.Receipt)
	}
	d.add(d.Labels...)
	d.add(bodyTexts(r)...)
	return d
}

// add adds texts, but for empty ones, in which nothing is found.
func (d *Doc) add(texts ...string) {
	for _, t := range texts {
		if t != "" {
			d.Texts = append(d.Texts, t)
		}
	}
}

// bodyTexts are the texts of a kind's body that people write.
func bodyTexts(r *receipt.Receipt) []string {
	switch {
	case r.Genesis != nil:
		return []string{r.Genesis.Name}
	case r.Decision != nil:
		d := r.Decision
		return []string{d.Title, d.Status, d.Context, d.Decision, d.Consequences}
	case r.Incident != nil:
		i := r.Incident
		return []string{i.Severity, i.Impact, i.Cause, i.Action}
	case r.Discovery != nil:
		return []string{r.Discovery.Title, r.Discovery.Finding}
	case r.Attestation != nil:
		return append([]string{r.Attestation.Type, r.Attestation.Tool}, r.Attestation.Command...)
	case r.Spawn != nil:
		return []string{r.Spawn.Template}
	case r.Import != nil:
		return append([]string{r.Import.Source}, r.Import.Damage...)
	case r.Revocation != nil:
		return []string{r.Revocation.Key, r.Revocation.Reason}
	}
	return nil
}
