package guard

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/rules"
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
func Refusal(all []Verdict, remote string) error {
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
	how := strings.Join(Mends(broken, remote), "\n")
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
func Mends(broken []Verdict, remote string) []string {
	var list []string
	add := func(lines ...string) {
		for _, line := range lines {
			if !slices.Contains(list, line) {
				list = append(list, line)
			}
		}
	}
	recorded := false
	for _, v := range broken {
		for _, l := range v.Lacks {
			commands := v.mend(l, remote)
			add(commands...)
			recorded = recorded || slices.ContainsFunc(commands, func(c string) bool { return strings.HasPrefix(c, "git vaultmesh ") })
		}
	}
	last := slices.Index(list, sync(remote))
	if last >= 0 {
		list = slices.Delete(list, last, last+1)
	}
	if recorded {
		list = append(list, sync(remote))
	}
	return slices.Insert(list, 0, "bring what is missing, and push again:")
}

func sync(remote string) string {
	return strings.TrimSpace("git vaultmesh sync " + quoted(remote))
}

func quoted(s string) string {
	if s == "" {
		return ""
	}
	return fault.Quote(s)
}

// mend are the commands that bring one thing.
func (v Verdict) mend(l rules.Lack, remote string) []string {
	commit := fault.Quote(cmp.Or(string(v.Commit), "COMMIT"))
	switch l.Need {
	case rules.NeedReceipts, rules.NeedFresh:
		return []string{v.record(l.Kind)}
	case rules.NeedSigners:
		return []string{"git vaultmesh sign " + l.Receipt.Short()}
	case rules.NeedStamps:
		return []string{"git vaultmesh timestamp " + l.Receipt.Short()}
	case rules.NeedSeal:
		return []string{"git vaultmesh seal"}
	case rules.NeedRepeat:
		return []string{"git vaultmesh reproduce " + commit + " -- make dist"}
	case rules.NeedTests:
		return []string{"git vaultmesh attest tests -- make test"}
	case rules.NeedDecision:
		if tag, is := strings.CutPrefix(v.Push.Ref, "refs/tags/"); is && v.Commit == "" {
			return []string{"git tag --force " + fault.Quote(tag) + " COMMIT"}
		}
		return []string{v.record(receipt.KindDecision)}
	case rules.NeedPushed:
		return []string{sync(remote)}
	case rules.NeedCleanPeer:
		return []string{"git vaultmesh peer status"}
	case rules.NeedNoRewind:
		switch {
		case strings.HasPrefix(v.Push.Ref, "refs/tags/"):
			return []string{"git tag NEWNAME " + commit}
		case v.Push.New != "":
			return []string{"git pull --no-rebase " + cmp.Or(quoted(remote), "origin") + " " + fault.Quote(strings.TrimPrefix(v.Push.Ref, "refs/heads/"))}
		}
	}
	return nil
}

// record is the command that records a receipt of a kind about the commit that a ref is
// to lead to.
func (v Verdict) record(kind receipt.Kind) string {
	component, version := "NAME", "VERSION"
	for _, c := range v.Rule.Components {
		if !strings.Contains(c, "*") {
			component = c
			break
		}
	}
	about := string(v.Commit)
	if tag, ok := strings.CutPrefix(v.Push.Ref, "refs/tags/"); ok {
		version, about = tag[strings.LastIndexByte(tag, '/')+1:], tag
	}
	commit := fault.Quote(cmp.Or(about, "COMMIT"))
	switch kind {
	case receipt.KindDecision:
		return "git vaultmesh record decision --commit " + commit + " --field status=accepted --field title=TITLE"
	case receipt.KindIncident:
		return "git vaultmesh record incident --commit " + commit + " --field severity=SEVERITY"
	case receipt.KindDiscovery:
		return "git vaultmesh record discovery --commit " + commit + " --field title=TITLE"
	case receipt.KindAttestation:
		return "git vaultmesh attest tests -- make test"
	case receipt.KindSeal:
		return "git vaultmesh seal"
	case receipt.KindDeployment:
	default:
		kind = receipt.KindRelease
	}
	return fmt.Sprintf("git vaultmesh record %s --component %s --version %s --commit %s", kind, fault.Quote(component), fault.Quote(version), commit)
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
