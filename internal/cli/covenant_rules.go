package cli

import (
	"fmt"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/guard"
	"github.com/VaultSovereign/git-vaultmesh/internal/policy"
	"github.com/VaultSovereign/git-vaultmesh/internal/rules"
	"github.com/VaultSovereign/git-vaultmesh/internal/trust"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// documented is the covenant of a document, or the one in force where none is named.
func (f anchoring) documented(a *app, file string, by fetching) (*receipt.Covenant, error) {
	if file != "" {
		text, err := a.read(file, policy.MaxSize)
		if err != nil {
			return nil, err
		}
		return policy.Parse(text, file)
	}
	_, chain, err := a.openChain(by, f)
	if err != nil {
		return nil, err
	}
	if chain.Latest() == nil {
		return nil, noCovenant()
	}
	return chain.Latest().Covenant, nil
}

type covenantTestCmd struct {
	File string `arg:"" optional:"" help:"a document, in TOML, that is not in force yet; - is standard input"`
	anchoring
	fetching
}

// testedRule is what came of one test, as programs are told.
type testedRule struct {
	Rule    string   `json:"rule"`
	Test    string   `json:"test"`
	Passes  bool     `json:"passes"` // as the test says
	Kept    bool     `json:"kept"`   // the rule says so too
	Missing []string `json:"missing"`
}

// Run runs the tests of all rules, and warns of what is hardly meant.
func (c *covenantTestCmd) Run(a *app) error {
	body, err := c.documented(a, c.File, c.fetching)
	if err != nil {
		return err
	}
	outcomes := rules.Test(body.Rules, guard.Signers(trust.SignersIn(body)))
	list, failed := []testedRule{}, []string{}
	for _, o := range outcomes {
		t := testedRule{o.Rule, o.Test, o.Want, o.Kept(), []string{}}
		for _, l := range o.Lacks {
			t.Missing = append(t.Missing, l.Text)
		}
		if !t.Kept {
			failed = append(failed, o.Rule+", "+o.Test+": "+saying(o))
		}
		list = append(list, t)
	}
	doubts := rules.Doubts(body, guard.Signers(trust.SignersIn(body)))
	if a.out.structured() {
		if err := a.out.emit(struct {
			Tests    []testedRule `json:"tests"`
			Warnings []string     `json:"warnings"`
		}{list, doubtful(doubts)}); err != nil {
			return err
		}
	} else {
		for i, t := range list {
			a.out.line("%s  %s  %s", pad(map[bool]string{true: "ok", false: "fails"}[t.Kept], -5), t.Rule, t.Test)
			if !t.Kept {
				a.out.line("       %s", saying(outcomes[i]))
			}
		}
		a.out.line("%s, %s", plural(len(body.Rules), "rule"), plural(len(list), "test"))
		for _, text := range doubtful(doubts) {
			a.out.warn("%s", text)
		}
	}
	if len(failed) == 0 {
		return nil
	}
	return fault.New(fault.TestOfRule, "%d of %s do not come to what they say", len(failed), plural(len(list), "test")).Because(listed(fault.TestOfRule, failed))
}

// saying is what a rule says in place of what its test says.
func saying(o rules.Outcome) string {
	if o.Want {
		return "it should pass, and is refused: " + o.Lacks[0].Text
	}
	return "it should be refused, and passes"
}

// listed makes a chain of causes out of sentences.
func listed(code fault.Code, sentences []string) error {
	var below error
	for i := len(sentences) - 1; i >= 0; i-- {
		below = fault.New(code, "%s", sentences[i]).Because(below)
	}
	return below
}

func doubtful(list []rules.Doubt) []string {
	texts := []string{}
	for _, d := range list {
		texts = append(texts, "rule "+d.Rule+": "+d.Text)
	}
	return texts
}

// warnOfRules warns of rules that are hardly meant, before they are recorded.
func (a *app) warnOfRules(body *receipt.Covenant) {
	principals := guard.Signers(trust.SignersIn(body))
	for _, text := range doubtful(rules.Doubts(body, principals)) {
		a.out.warn("%s", text)
	}
	for _, o := range rules.Test(body.Rules, principals) {
		if !o.Kept() {
			a.out.warn("rule %s fails its test %q: %s", o.Rule, o.Test, saying(o))
		}
	}
}

type covenantExplainCmd struct {
	Rule string `arg:"" help:"the name of a rule"`
	File string `name:"covenant" placeholder:"FILE" help:"out of this document, in place of the covenant in force"`
	anchoring
	fetching
}

// Run says in words what a rule is about and asks for.
func (c *covenantExplainCmd) Run(a *app) error {
	body, err := c.documented(a, c.File, c.fetching)
	if err != nil {
		return err
	}
	for _, r := range body.Rules {
		if r.Name != c.Rule {
			continue
		}
		if a.out.structured() {
			return a.out.emit(r)
		}
		a.out.line("%s: %s", r.Name, r.Sentence)
		for _, line := range rules.Explain(r) {
			a.out.line("  %s", line)
		}
		return nil
	}
	names := []string{}
	for _, r := range body.Rules {
		names = append(names, r.Name)
	}
	err = nil
	if len(names) > 0 {
		err = fmt.Errorf("there are %s", strings.Join(names, ", "))
	}
	return fault.New(fault.NoRule, "the covenant has no rule %.80q", c.Rule).Because(err)
}
