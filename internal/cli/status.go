package cli

import (
	"fmt"
	"strconv"

	"github.com/fatih/color"

	"github.com/VaultSovereign/git-vaultmesh/internal/config"
	"github.com/VaultSovereign/git-vaultmesh/internal/doctor"
	"github.com/VaultSovereign/git-vaultmesh/internal/federation"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/internal/record"
	"github.com/VaultSovereign/git-vaultmesh/internal/verify"
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
	names, n, err := verify.Leaves(a.ctx, l, bar.add)
	bar.done()
	if err != nil {
		return err
	}
	root, err := verify.RootOf(names)
	if err != nil {
		return err
	}
	peers, err := a.standing(l.Head)
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
			Receipts     int64            `json:"receipts"`
			Files        int              `json:"files"`
			Root         string           `json:"root"`    // over the names of all files, as a seal has it
			Pending      int              `json:"pending"` // time-stamps that are still to be had
			Peers        []standingPeer   `json:"peers"`   // as they were met or fetched last
			Checks       []doctor.Finding `json:"checks"`
		}{l.Ref, genesis.ID.String(), genesis.Receipt.Genesis.Name, string(l.Head), n, len(names), root.String(), len(kept), peers, findings})
	}
	a.field("ledger", genesis.Receipt.Genesis.Name)
	a.field("id", genesis.ID.String())
	a.field("ref", l.Ref)
	a.field("head", string(l.Head))
	a.field("receipts", strconv.FormatInt(n, 10))
	a.field("root", root.String())
	if len(kept) > 0 {
		a.field("pending", fmt.Sprintf("%d time-stamps", len(kept)))
	}
	for _, p := range peers {
		a.field("peer", p.Peer+": "+standingWords[p.State])
	}
	for _, f := range findings {
		if f.Status != doctor.OK {
			printFinding(a, f)
		}
	}
	return nil
}

// standingPeer is how a peer stood when it was met or fetched from last.
type standingPeer struct {
	Peer  string           `json:"peer"`
	State federation.State `json:"state"`
	Head  string           `json:"head"`
}

var standingWords = map[federation.State]string{
	federation.Same: "up to date", federation.Ahead: "has more; git vaultmesh sync takes it", federation.Behind: "lacks something; git vaultmesh sync pushes it",
	federation.Diverged: "has diverged; git vaultmesh sync merges it", federation.InStep: "has the same receipts, by other merges", federation.Empty: "not met yet; git vaultmesh sync meets it",
	federation.HeldBack: "held back; git vaultmesh peer status says why",
}

// standing says how the peers stand to a head, by what is known here of them: what
// git fetched, or what was seen when they were met.
func (a *app) standing(head gitrepo.OID) ([]standingPeer, error) {
	list := []standingPeer{}
	names := a.config.Peers
	if r := a.config.PushRemote(); len(names) == 0 && r != "" {
		names = []string{r}
	}
	for _, name := range names {
		tracking, seen := config.TrackingRef(name, a.config.Ref), federation.SeenRef(name, a.config.Ref)
		incoming, removed := federation.IncomingRef(name, a.config.Ref), federation.RemovedRef(name, a.config.Ref)
		refs, err := a.repo.Exact(a.ctx, tracking, seen, incoming, removed)
		if err != nil {
			return nil, err
		}
		there := refs[seen]
		if fetched := refs[tracking]; fetched != "" && fetched != there {
			newer := there == ""
			if !newer {
				if newer, err = a.repo.IsAncestor(a.ctx, there, fetched); err != nil {
					return nil, err
				}
			}
			if newer {
				there = fetched
			}
		}
		state, err := federation.Standing(a.ctx, a.repo, head, there)
		if err != nil {
			return nil, err
		}
		if refs[incoming] != "" || refs[removed] != "" {
			state = federation.HeldBack
		}
		list = append(list, standingPeer{name, state, string(there)})
	}
	return list, nil
}

// examine runs the doctor's checks on the open repository.
func (a *app) examine() []doctor.Finding {
	return doctor.Examine(a.ctx, doctor.Patient{Repo: a.repo, GitConfig: a.gitConfig, Config: a.config, Env: a.env.Environ})
}

func printFinding(a *app, f doctor.Finding) {
	colors := map[doctor.Status]color.Attribute{doctor.OK: color.FgGreen, doctor.Warning: color.FgYellow, doctor.Problem: color.FgRed}
	a.out.line("%s %s: %s", styled{pad(string(f.Status), -8), colors[f.Status]}, f.Check, f.Detail)
}
