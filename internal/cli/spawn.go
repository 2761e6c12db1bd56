package cli

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"path/filepath"
	"sync"

	"github.com/VaultSovereign/git-vaultmesh/internal/anchor"
	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/internal/record"
	"github.com/VaultSovereign/git-vaultmesh/internal/setup"
	"github.com/VaultSovereign/git-vaultmesh/internal/spawn"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
	"github.com/VaultSovereign/git-vaultmesh/templates"
)

type spawnCmd struct {
	New    spawnNewCmd    `cmd:"" default:"withargs" help:"make a service"`
	List   spawnListCmd   `cmd:"" help:"list the templates"`
	Show   spawnShowCmd   `cmd:"" help:"say what a template asks and offers"`
	Update spawnUpdateCmd `cmd:"" help:"merge a newer template over what you changed"`
}

// answering are the flags that say which template, and with which answers.
type answering struct {
	With     []string `sep:"none" placeholder:"OPTION[=CHOICE]" help:"an option of the template; may be repeated"`
	Set      []string `sep:"none" placeholder:"QUESTION=ANSWER" help:"an answer; may be repeated"`
	Answers  string   `placeholder:"FILE" help:"a TOML file of answers, with a table of options [with]"`
	Template string   `placeholder:"URL@REF" help:"a template of a repository, at a tag, branch or commit"`
	Defaults bool     `help:"ask nothing: what is not said has its default"`

	AllowSecret bool `help:"record even what looks like a secret"`
}

type spawnNewCmd struct {
	Name       string `arg:"" help:"of the service"`
	Type       string `placeholder:"TYPE" help:"the template; in a repository of several, the folder"`
	Output     string `placeholder:"DIR" help:"the folder to make: NAME unless given"`
	NoGit      bool   `help:"write the files, and nothing else: no repository, no commit, no receipt"`
	DryRun     bool   `help:"say what would be written, write nothing"`
	CheckTools bool   `help:"make nothing where a tool that the service needs is missing or too old"`
	NoKey      bool   `xor:"nobody" help:"begin a ledger that trusts no key; in a repository that has one, leave the receipt unsigned"`
	answering
	signing
	stamping
	fetching
}

// born is what came of it.
type born struct {
	commit gitrepo.OID
	output templates.Digest
	ledger *setup.Outcome // begun for it; nil for one that is there
	record *record.Outcome
}

// Run plans everything in memory, and then makes all of it or nothing.
func (c *spawnNewCmd) Run(a *app) error {
	template, named, err := c.load(a, c.Type)
	if err != nil {
		return err
	}
	if err := template.CheckName(c.Name); err != nil {
		return err
	}
	where, err := c.survey(a)
	if err != nil {
		return err
	}
	request, err := c.request(a, template)
	if err != nil {
		return err
	}
	request.Name, request.Year = c.Name, where.year
	plan, err := template.Plan(request)
	if err != nil {
		return err
	}
	if err := c.refuseSecrets(plan, named); err != nil {
		return err
	}
	tools := a.askTools(template.Tools, c.CheckTools)
	if c.CheckTools {
		if err := lackFault(tools()); err != nil {
			return err
		}
	}
	var out *born
	if !c.DryRun {
		if out, err = c.make(a, where, plan, named); err != nil {
			return err
		}
	}
	return c.print(a, where, plan, named, out, tools())
}

// refuseSecrets looks through what a receipt keeps for ever.
func (f answering) refuseSecrets(plan *templates.Plan, named string) error {
	if f.AllowSecret {
		return nil
	}
	texts := maps.Clone(plan.Answers)
	texts["the template's address"] = named
	return record.RefuseSecret(texts)
}

// askTools asks the tools of a template for their versions, while other work is done; anew, also those
// that were new enough before.
func (a *app) askTools(tools []templates.Tool, anew bool) func() []spawn.Lack {
	var kept spawn.Memory
	if dir := a.userCache(); dir != "" && !anew {
		kept = cache{filepath.Join(dir, "tools")}
	}
	done := make(chan []spawn.Lack, 1)
	go func() { done <- spawn.Lacking(a.ctx, tools, a.env.Environ, kept) }()
	return sync.OnceValue(func() []spawn.Lack { return <-done })
}

// make makes the service: as files, as a part of a repository, or as one of its own.
func (c *spawnNewCmd) make(a *app, where *site, plan *templates.Plan, named string) (*born, error) {
	stage, err := spawn.NewStage(where.place)
	if err != nil {
		return nil, err
	}
	defer stage.Close()
	defer survivePipes()() // what hooks say may have no reader
	if !c.NoGit && !where.within {
		return c.found(a, stage, plan, named)
	}
	if err := stage.Write(a.ctx, plan); err != nil {
		return nil, err
	}
	if c.NoGit {
		return &born{output: plan.Digest()}, stage.Place(a.ctx)
	}
	return c.join(a, stage, where, plan, named)
}

// found makes a repository on the stage, with a first commit, a ledger and the receipt, and puts it in
// its place when all of that is done.
func (c *spawnNewCmd) found(a *app, stage *spawn.Stage, plan *templates.Plan, named string) (*born, error) {
	own := gitrepo.Own(gitrepo.Options{Dir: stage.Dir, Env: a.env.Environ})
	initiated := meanwhile(func() error { return gitrepo.Init(a.ctx, own) })
	err := stage.Write(a.ctx, plan)
	if err := cmp.Or(err, initiated()); err != nil {
		return nil, err
	}
	var words bytes.Buffer // of hooks, which must not come into ours
	committed := meanwhile(func() error { return gitrepo.FirstCommit(a.ctx, own, &words, firstMessage(plan)) })
	defer a.leave()
	first, out, err := c.begin(a, own, plan)
	if commitErr := committed(); commitErr != nil {
		err = commitErr
	}
	_, _ = words.WriteTo(a.out.messages())
	if err == nil {
		err = a.keepPending(first)
	}
	if err == nil {
		err = c.recordFirst(a, out, plan, named)
	}
	if err != nil {
		return nil, err
	}
	a.leave()
	if err := stage.Place(a.ctx); err != nil {
		return nil, err
	}
	a.remember(anchor.Known{Ledger: out.ledger.Ledger, Name: out.ledger.Name})
	return out, nil
}

// meanwhile does something while something else is done, and returns a function that waits for it.
func meanwhile(work func() error) func() error {
	done := make(chan error, 1)
	go func() { done <- work() }()
	return sync.OnceValue(func() error { return <-done })
}

// leave closes the repository on the stage.
func (a *app) leave() {
	if a.repo != nil {
		a.repo.Close()
		a.repo = nil
	}
}

// begin begins the ledger of a new repository, and has git carry it.
func (c *spawnNewCmd) begin(a *app, own gitrepo.Options, plan *templates.Plan) (*record.Outcome, *born, error) {
	if err := a.openAs(own); err != nil {
		return nil, nil, err
	}
	begin := initCmd{Name: plan.Name, Offline: true, NoKey: c.NoKey, signing: c.signing, stamping: c.stamping}
	ledger, first, err := begin.ledger(a)
	if err != nil {
		return nil, nil, err
	}
	return first, &born{ledger: ledger}, a.configureLedger(ledger.Ledger)
}

// recordFirst records what was committed first.
func (c *spawnNewCmd) recordFirst(a *app, out *born, plan *templates.Plan, named string) error {
	id, commit, err := a.repo.ResolveCommit(a.ctx, "HEAD")
	if err != nil {
		return err
	}
	out.commit = id
	if out.output, err = a.committed(plan, id, commit.Tree, ""); err != nil {
		return err
	}
	return c.write(a, out, plan, named, commit.Tree, "")
}

// firstMessage is that of the commit that a service is born with.
func firstMessage(plan *templates.Plan) string {
	return "spawn: make " + plan.Name + " from the template " + plan.Template.ID
}

// committed is the digest of what was committed, which a hook may have changed.
func (a *app) committed(plan *templates.Plan, id, tree gitrepo.OID, folder string) (templates.Digest, error) {
	output, same, err := spawn.Output(a.ctx, a.repo, plan, id, tree, folder)
	if err == nil && !same {
		a.out.note("a hook or filter of yours has changed what was committed; the receipt says what that is")
	}
	return output, err
}

// configureLedger has git carry the ledger of a new repository.
func (a *app) configureLedger(id receipt.ID) error {
	var lines []gitrepo.Setting
	for _, s := range setup.Settings(a.gitConfig, a.config, id) {
		lines = append(lines, gitrepo.Setting{Name: s.Name, Value: s.Value})
	}
	a.config.Ledger = id
	return a.repo.Configure(lines)
}

// join puts the files in their place in a repository, commits them and records it. What was done is taken
// back when a later step fails.
func (c *spawnNewCmd) join(a *app, stage *spawn.Stage, where *site, plan *templates.Plan, named string) (*born, error) {
	release, err := a.repo.Ballast()
	if err != nil {
		return nil, err
	}
	defer release()
	if err := stage.Place(a.ctx); err != nil {
		return nil, err
	}
	id, commit, err := a.repo.CommitFolder(a.ctx, a.out.messages(), where.folder, firstMessage(plan))
	if err != nil {
		release()
		a.clear(stage, where.folder)
		return nil, err
	}
	out := &born{commit: id}
	out.output, err = a.committed(plan, id, commit.Tree, where.folder)
	if err == nil {
		err = c.write(a, out, plan, named, commit.Tree, where.folder)
	}
	if err != nil {
		release()
		a.takeBack(stage, where.folder, id, commit)
		return nil, err
	}
	return out, nil
}

// takeBack undoes a commit that could not be recorded, unless somebody has gone on from it.
func (a *app) takeBack(stage *spawn.Stage, folder string, id gitrepo.OID, commit gitrepo.Commit) {
	ctx := context.WithoutCancel(a.ctx)
	parent := gitrepo.OID("")
	if len(commit.Parents) > 0 {
		parent = commit.Parents[0]
	}
	if err := a.repo.TakeBack(ctx, id, parent); err != nil {
		a.out.warn("the commit %s stays, and is not recorded", id.Short())
		return
	}
	a.clear(stage, folder)
}

// clear removes files that were put in their place, and takes them out of git's index.
func (a *app) clear(stage *spawn.Stage, folder string) {
	stage.Undo()
	if err := a.repo.Unstage(context.WithoutCancel(a.ctx), folder); err != nil {
		a.out.warn("%s is gone, and stays staged: %s", folder, fault.From(err).Message)
	}
}

// write records the receipt.
func (c *spawnNewCmd) write(a *app, out *born, plan *templates.Plan, named string, tree gitrepo.OID, folder string) error {
	place, err := c.recorder(a)
	if err != nil {
		return err
	}
	r := spawn.Receipt(a.repo, plan, named, out.output, folder, out.commit, tree)
	if out.record, err = record.Own(a.ctx, place, r); err != nil {
		return err
	}
	if out.ledger == nil {
		return a.afterSpawn(out.record)
	}
	if err := a.keepPending(out.record); err != nil {
		return err
	}
	return a.annotateTaken(2) // of the genesis and of this one
}

// recorder is where and when the receipt is recorded, and who signs it.
func (c *spawnNewCmd) recorder(a *app) (record.Place, error) {
	p := a.place()
	p.Working = func() {}
	var err error
	if p.Signer, err = c.orUnsigned(a, c.NoKey); err == nil {
		p.Stamper, err = a.stamper(c.stamping)
	}
	return p, err
}

// afterSpawn is what follows a receipt that was recorded: none of it takes the receipt back.
func (a *app) afterSpawn(out *record.Outcome) error {
	if err := a.keepPending(out); err != nil {
		return err
	}
	a.noteStrangers(out)
	if err := a.annotate(); err != nil && !fault.Has(err, fault.Interrupted) {
		return err
	}
	return nil
}
