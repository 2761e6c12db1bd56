package guard

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/internal/rules"
	"github.com/VaultSovereign/git-vaultmesh/internal/sign"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// maxCauses bounds how many findings an error lists.
const maxCauses = 60

// Broken are the verdicts of rules that are not kept.
func Broken(all []Verdict) []Verdict {
	return slices.DeleteFunc(slices.Clone(all), func(v Verdict) bool { return len(v.Lacks) == 0 })
}

// unknown tells whether a verdict only says that nobody can tell.
func (v Verdict) unknown() bool {
	return !slices.ContainsFunc(v.Lacks, func(l rules.Lack) bool { return !l.Unknown })
}

// Refusal is the fault of rules that are not kept, nil where all are: RuleBroken
// (VM617), or Incomplete (VM513) where it only cannot be told. It lists each ref with
// its rule, what is missing, and the commands that bring it.
func (g *Guard) Refusal(ctx context.Context, all []Verdict) error {
	broken := Broken(all)
	if len(broken) == 0 {
		return nil
	}
	var causes []string
	for _, v := range broken {
		causes = append(causes, fmt.Sprintf("%s breaks %s: %s", v.what(), v.Rule.Name, v.Rule.Sentence))
		for _, l := range v.Lacks {
			causes = append(causes, "missing: "+l.Text)
		}
	}
	first := broken[0]
	err := fault.New(fault.RuleBroken, "%s breaks the rule %s", first.what(), first.Rule.Name)
	if len(broken) > 1 {
		err = fault.New(fault.RuleBroken, "rules of the covenant are broken %d times", len(broken))
	}
	how := g.advice(ctx, broken)
	if !slices.ContainsFunc(broken, func(v Verdict) bool { return !v.unknown() }) {
		err = fault.New(fault.Incomplete, "whether a rule is kept cannot be told here")
		how = "fetch what is not here, which the remote has, or that this clone was cut from:\ngit fetch\ngit fetch --unshallow"
	}
	if len(causes) > maxCauses {
		causes = append(causes[:maxCauses], fmt.Sprintf("and %d more", len(causes)-maxCauses))
	}
	var below error
	for _, c := range slices.Backward(causes) {
		below = fault.New(err.Code, "%s", c).Because(below)
	}
	return err.Because(below).With("how", how)
}

// advice is what to do about rules that are broken: what can be brought, or to ask who
// made the rule.
func (g *Guard) advice(ctx context.Context, broken []Verdict) string {
	if mends := g.Mends(ctx, broken); len(mends) > 0 {
		return "bring what is missing, and push again:\n" + strings.Join(mends, "\n")
	}
	return "nothing brings that: the rule forbids it; see what it says, and since when:\ngit vaultmesh covenant explain " + fault.Quote(broken[0].Rule.Name) + "\ngit vaultmesh covenant log"
}

// what says what was to be pushed.
func (v Verdict) what() string {
	name := cmp.Or(v.Push.Ref, "what is checked")
	switch {
	case v.Push.New == "":
		return "the deletion of " + name
	case v.Commit == "":
		return name + ", which leads to no commit,"
	}
	return name + " at " + v.Commit.Short()
}

// Mends are the commands that bring what is missing, in the order in which they are to
// be typed, each once.
func (g *Guard) Mends(ctx context.Context, broken []Verdict) []string {
	m := &mender{
		remote: quoted(g.Remote), rails: g.Rails, component: g.ledgerName(ctx), head: g.checkedOut(ctx), tags: g.namedTags(ctx, broken),
		branches: g.ownBranches(ctx, broken),
	}
	for _, v := range broken {
		for _, l := range v.Lacks {
			m.add(m.mend(v, l)...)
		}
	}
	if m.sealed { // with the release
		m.list = slices.DeleteFunc(m.list, func(line string) bool { return line == sealCommand })
	}
	ours := func(line string) bool { return strings.HasPrefix(line, "git vaultmesh ") }
	if last := slices.Index(m.list, m.sync()); last >= 0 {
		m.list = append(slices.Delete(m.list, last, last+1), m.sync())
	} else if slices.ContainsFunc(m.list, ours) {
		m.add(m.sync())
	}
	return m.list
}

// mender makes the commands.
type mender struct {
	remote    string
	component string // the ledger's name
	rails     int
	head      gitrepo.OID
	tags      map[string]namedTag
	branches  map[string]bool // that are where the commands are typed, as they are pushed

	list   []string
	sealed bool // one of them seals
}

// namedTag is a tag that can be named by its own name where the commands are typed.
type namedTag struct {
	commit gitrepo.OID
	signed bool // by a principal
}

const sealCommand = "git vaultmesh seal"

// ledgerName is what the ledger is called, as which a release is recorded unless somebody
// says otherwise.
func (g *Guard) ledgerName(ctx context.Context) string {
	genesis, err := g.Ledger.Genesis(ctx)
	if err != nil {
		return ""
	}
	return genesis.Receipt.Genesis.Name
}

// checkedOut is the commit that is checked out and whose files are as in it, "" where
// nobody knows.
func (g *Guard) checkedOut(ctx context.Context) gitrepo.OID {
	if g.Elsewhere {
		return ""
	}
	head, _, err := g.Repo.ResolveCommit(ctx, "HEAD")
	if err != nil {
		return ""
	}
	if tracked, untracked, err := g.Repo.Changes(ctx); err != nil || len(tracked)+len(untracked) > 0 {
		return ""
	}
	return head
}

// namedTags are those of the tags that break rules that can be named: they are here, and
// lead where the push has them lead; a tag may be pushed by another name than its own.
// Elsewhere it is one that calls itself so.
func (g *Guard) namedTags(ctx context.Context, broken []Verdict) map[string]namedTag {
	tags := make(map[string]namedTag)
	var refs []string
	for _, v := range broken {
		if strings.HasPrefix(v.Push.Ref, tagPrefix) && v.Commit != "" {
			refs = append(refs, v.Push.Ref)
		}
	}
	if len(refs) == 0 {
		return tags
	}
	here, err := g.Repo.Exact(ctx, refs...)
	if err != nil {
		return tags // the commit is named then
	}
	for _, v := range broken {
		ref := v.Push.Ref
		at, signed := here[ref], false
		if g.Elsewhere {
			at = v.Push.New
		}
		if at == "" || !slices.Contains(refs, ref) {
			continue
		}
		if commit, err := g.leadsTo(ctx, at); err != nil || commit != v.Commit {
			continue
		}
		if at != v.Commit {
			signed = g.signedTag(ctx, at, strings.TrimPrefix(ref, tagPrefix))
		}
		if signed || !g.Elsewhere {
			tags[ref] = namedTag{v.Commit, signed}
		}
	}
	return tags
}

// ownBranches are the pushed branches that are here by the same name, and lead where the
// push has them lead. Elsewhere all are taken for such.
func (g *Guard) ownBranches(ctx context.Context, broken []Verdict) map[string]bool {
	own := make(map[string]bool)
	for _, v := range broken {
		if strings.HasPrefix(v.Push.Ref, headPrefix) && v.Push.New != "" {
			own[v.Push.Ref] = g.Elsewhere
		}
	}
	if g.Elsewhere || len(own) == 0 {
		return own
	}
	here, err := g.Repo.Exact(ctx, slices.Collect(maps.Keys(own))...)
	if err != nil {
		return nil // the commits are named then
	}
	for _, v := range broken {
		if v.Push.New != "" && here[v.Push.Ref] == v.Push.New {
			own[v.Push.Ref] = true
		}
	}
	return own
}

// signedTag tells whether an object is a tag of a commit by a name, that a principal has
// signed, so that a release can be made of it.
func (g *Guard) signedTag(ctx context.Context, id gitrepo.OID, name string) bool {
	o, err := g.Repo.Read(ctx, id, ledger.MaxEvidence)
	if err != nil || o.Type != gitrepo.TypeTag {
		return false
	}
	t, err := gitrepo.ParseTag(g.Repo.Algorithm(), o.Data)
	if err != nil || t.Name != name || t.Type != gitrepo.TypeCommit {
		return false
	}
	kind, stored, err := sign.Detect(t.Signature)
	if err != nil {
		return false
	}
	_, err = g.Bench.Chain().Vouches(kind, stored, t.Message, time.Time{}, g.Now)
	return err == nil
}

func (m *mender) add(lines ...string) {
	for _, line := range lines {
		if !slices.Contains(m.list, line) {
			m.list = append(m.list, line)
		}
	}
}

func (m *mender) sync() string { return strings.TrimSpace("git vaultmesh sync " + m.remote) }

func quoted(s string) string {
	if s == "" {
		return ""
	}
	return fault.Quote(s)
}

const (
	tagPrefix  = "refs/tags/"
	headPrefix = "refs/heads/"
)

// mend are the commands that bring one thing.
func (m *mender) mend(v Verdict, l rules.Lack) []string {
	commit := fault.Quote(cmp.Or(string(v.Commit), "COMMIT"))
	switch l.Need {
	case rules.NeedReceipts, rules.NeedFresh:
		return []string{m.record(v, l.Kind)}
	case rules.NeedSigners:
		return []string{"git vaultmesh sign " + l.Receipt.Short()}
	case rules.NeedStamps:
		return []string{"git vaultmesh timestamp " + l.Receipt.Short()}
	case rules.NeedSeal:
		return []string{sealCommand}
	case rules.NeedRepeat:
		return []string{"git vaultmesh reproduce " + commit + " -- make dist"}
	case rules.NeedTests:
		return []string{m.attest(v)}
	case rules.NeedDecision:
		if tag, is := strings.CutPrefix(v.Push.Ref, tagPrefix); is && v.Commit == "" {
			return []string{"git tag --force " + fault.Quote(tag) + " COMMIT"}
		}
		return []string{m.record(v, receipt.KindDecision)}
	case rules.NeedPushed:
		return []string{m.sync()}
	case rules.NeedCleanPeer:
		return []string{"git vaultmesh peer status"}
	case rules.NeedNoRewind:
		return m.keep(v)
	}
	return nil
}

// keep are the commands that push what is new without a loss: a tag under another name,
// and what is here as the branch of that name together with what the remote has. Any other
// commit gets a branch of its own, and of a deletion there is nothing to push.
func (m *mender) keep(v Verdict) []string {
	remote := cmp.Or(m.remote, "origin")
	branch := strings.TrimPrefix(v.Push.Ref, headPrefix)
	switch commit := fault.Quote(cmp.Or(string(v.Commit), string(v.Push.New))); {
	case v.Push.New == "":
		return nil
	case strings.HasPrefix(v.Push.Ref, tagPrefix):
		return []string{"git tag NEWNAME " + commit, "git push " + remote + " NEWNAME"}
	case m.branches[v.Push.Ref]:
		return []string{"git switch " + fault.Quote(branch), "git pull --no-rebase " + remote + " " + fault.Quote(branch)}
	default:
		return []string{"git push " + remote + " " + commit + ":refs/heads/NEWNAME"}
	}
}

// attest is the command that runs the tests of a commit: in a clean checkout, unless it is
// the one that is checked out, with nothing changed.
func (m *mender) attest(v Verdict) string {
	if v.Commit == m.head || v.Commit == "" {
		return "git vaultmesh attest tests -- make test"
	}
	return "git vaultmesh attest tests --worktree " + string(v.Commit) + " -- make test"
}

// record is the command that records a receipt of a kind about the commit that a ref is
// to lead to.
func (m *mender) record(v Verdict, kind receipt.Kind) string {
	commit := fault.Quote(cmp.Or(string(v.Commit), "COMMIT"))
	tag, isTag := strings.CutPrefix(v.Push.Ref, tagPrefix)
	if _, named := m.tags[v.Push.Ref]; named {
		commit = fault.Quote(tag)
	}
	switch kind {
	case receipt.KindDecision:
		return "git vaultmesh record decision --commit " + commit + " --field status=accepted --field title=TITLE"
	case receipt.KindIncident:
		return "git vaultmesh record incident --commit " + commit + " --field severity=SEVERITY"
	case receipt.KindDiscovery:
		return "git vaultmesh record discovery --commit " + commit + " --field title=TITLE"
	case receipt.KindAttestation:
		return m.attest(v)
	case receipt.KindSeal:
		return sealCommand
	case receipt.KindDeployment:
	default:
		kind = receipt.KindRelease
	}
	if m.tags[v.Push.Ref].signed && kind == receipt.KindRelease {
		return m.release(v, tag)
	}
	version := "VERSION"
	if isTag {
		version = tag[strings.LastIndexByte(tag, '/')+1:]
	}
	line := fmt.Sprintf("git vaultmesh record %s --component %s --version %s --commit %s", kind, fault.Quote(cmp.Or(m.componentOf(v.Rule), "NAME")), fault.Quote(version), commit)
	if isTag && commit != fault.Quote(version) { // which tag it is, nothing else says
		line += " --ref " + fault.Quote(v.Push.Ref)
	}
	return line
}

// release is the command that makes the release of a signed tag, with as many time-stamps
// as can be had.
func (m *mender) release(v Verdict, tag string) string {
	m.sealed = true
	line := "git vaultmesh release seal " + fault.Quote(tag)
	if c := m.componentOf(v.Rule); c != m.component && c != "" {
		line += " --component " + fault.Quote(c)
	}
	if m.rails < releaseRails {
		line += fmt.Sprintf(" --rails %d", m.rails)
	}
	return line
}

// releaseRails is how many authorities stamp a release, unless less is said.
const releaseRails = 2

// componentOf is a component that a rule means: the ledger's, or one that it names.
func (m *mender) componentOf(r receipt.Rule) string {
	if m.component != "" && (len(r.Components) == 0 || slices.ContainsFunc(r.Components, func(p string) bool { return receipt.Glob(p, m.component) })) {
		return m.component
	}
	for _, c := range r.Components {
		if !strings.Contains(c, "*") {
			return c
		}
	}
	return ""
}

// Status is what the rule comes to.
func (v Verdict) Status() Status {
	switch {
	case len(v.Lacks) == 0:
		return Kept
	case v.unknown():
		return Incomplete
	}
	return IsBroken
}
