package record

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// body makes the object named after the kind, from --field name=value.
func (d *draft) body(ctx context.Context, p Place, q Request) error {
	d.receipt.Attestation = q.Attestation
	texts, times := d.bodyFields()
	for _, field := range q.Fields {
		name, value, ok := strings.Cut(field, "=")
		value = strings.ReplaceAll(value, "\r\n", "\n")
		switch {
		case !ok:
			return fault.New(fault.BadOperand, "%.80q is not a field of the form name=value", field)
		case texts[name] != nil:
			*texts[name] = value
		case times[name] != nil:
			at, err := p.Repo.ParseDate(ctx, value, p.Now)
			if err != nil {
				return err
			}
			t := receipt.TimeOf(at.From)
			*times[name] = &t
		default:
			return fault.New(fault.BadOperand, "a %s has no field %.40q%s", q.Kind, name, haveFields(texts, times))
		}
	}
	return nil
}

// bodyFields makes an empty body, and says by name where each field goes.
func (d *draft) bodyFields() (texts map[string]*string, times map[string]**receipt.Time) {
	switch d.receipt.Kind {
	case receipt.KindDecision:
		b := &receipt.Decision{Status: "proposed"}
		d.receipt.Decision = b
		texts = map[string]*string{"status": &b.Status, "title": &b.Title, "context": &b.Context, "decision": &b.Decision, "consequences": &b.Consequences}
	case receipt.KindIncident:
		b := new(receipt.Incident)
		d.receipt.Incident = b
		texts = map[string]*string{"severity": &b.Severity, "impact": &b.Impact, "cause": &b.Cause, "action": &b.Action}
		times = map[string]**receipt.Time{"started_at": &b.StartedAt, "ended_at": &b.EndedAt}
	case receipt.KindDiscovery:
		b := new(receipt.Discovery)
		d.receipt.Discovery = b
		texts = map[string]*string{"title": &b.Title, "finding": &b.Finding}
	}
	return texts, times
}

func haveFields(texts map[string]*string, times map[string]**receipt.Time) string {
	names := slices.Collect(maps.Keys(texts))
	names = slices.AppendSeq(names, maps.Keys(times))
	if len(names) == 0 {
		return ": it has none"
	}
	slices.Sort(names)
	return "; it has " + strings.Join(names, ", ")
}
