package cli

import (
	"fmt"
	"strconv"

	"github.com/fatih/color"

	"github.com/VaultSovereign/git-vaultmesh/internal/doctor"
	"github.com/VaultSovereign/git-vaultmesh/internal/record"
)

type statusCmd struct{ fetching }

// Run says what ledger this clone has, and which checks found something.
func (c *statusCmd) Run(a *app) error {
	l, err := a.openLedger(false, c.fetching)
	if err != nil {
		return err
	}
	genesis, err := l.Genesis(a.ctx)
	if err != nil {
		return err
	}
	bar := a.progress("counting receipts")
	n, err := l.Count(a.ctx, bar.addMany)
	bar.done()
	if err != nil {
		return err
	}
	kept, err := record.ReadPending(a.repo)
	if err != nil {
		return err
	}
	findings := a.examine()
	if a.out.structured() {
		return a.out.emit(struct {
			Ref          string           `json:"ref"`
			Ledger       string           `json:"ledger"`
			Name         string           `json:"name"`
			LedgerCommit string           `json:"ledger_commit"`
			Receipts     int              `json:"receipts"`
			Pending      int              `json:"pending"` // time-stamps that are still to be had
			Checks       []doctor.Finding `json:"checks"`
		}{l.Ref, genesis.ID.String(), genesis.Receipt.Genesis.Name, string(l.Head), n, len(kept), findings})
	}
	a.field("ledger", genesis.Receipt.Genesis.Name)
	a.field("id", genesis.ID.String())
	a.field("ref", l.Ref)
	a.field("head", string(l.Head))
	a.field("receipts", strconv.Itoa(n))
	if len(kept) > 0 {
		a.field("pending", fmt.Sprintf("%d time-stamps", len(kept)))
	}
	for _, f := range findings {
		if f.Status != doctor.OK {
			printFinding(a, f)
		}
	}
	return nil
}

// examine runs the doctor's checks on the open repository.
func (a *app) examine() []doctor.Finding {
	return doctor.Examine(a.ctx, doctor.Patient{Repo: a.repo, GitConfig: a.gitConfig, Config: a.config, Env: a.env.Environ})
}

func printFinding(a *app, f doctor.Finding) {
	colors := map[doctor.Status]color.Attribute{doctor.OK: color.FgGreen, doctor.Warning: color.FgYellow, doctor.Problem: color.FgRed}
	a.out.line("%s %s: %s", styled{pad(string(f.Status), -8), colors[f.Status]}, f.Check, f.Detail)
}
