package cli

import (
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/doctor"
	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

type doctorCmd struct {
	Repair bool     `help:"look at every object of the ledger, bring back what is missing or damaged, and make notes and index anew"`
	From   []string `sep:"none" placeholder:"REMOTE-OR-FILE" help:"with --repair: who is asked first, a remote, a bundle or a repository; may be repeated"`
}

// Run looks at the clone and says what is in the way, with the fix for each.
func (c *doctorCmd) Run(a *app) error {
	if c.Repair {
		return c.repair(a)
	}
	if len(c.From) > 0 {
		return fault.New(fault.Usage, "--from is for doctor --repair")
	}
	if err := a.open(false); err != nil {
		return err
	}
	findings := a.examine()
	problems := 0
	for _, f := range findings {
		if f.Status == doctor.Problem {
			problems++
		}
	}
	if a.out.structured() {
		if err := a.out.emit(struct {
			Checks []doctor.Finding `json:"checks"`
		}{findings}); err != nil {
			return err
		}
	} else {
		c.print(a, findings)
	}
	if problems > 0 {
		return fault.New(fault.NotReady, "%d of %d checks found a problem", problems, len(findings))
	}
	return nil
}

func (c *doctorCmd) print(a *app, findings []doctor.Finding) {
	for _, f := range findings {
		printFinding(a, f)
		if f.Status == doctor.OK || f.Fix == "" {
			continue
		}
		for line := range strings.SplitSeq(f.Fix, "\n") {
			a.out.line("           %s", line)
		}
	}
}
