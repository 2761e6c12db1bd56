package main

import (
	"bufio"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// benchRules are about tags and about a folder, as a team may have them.
func benchRules() []receipt.Rule {
	rule := func(name string, refs, paths []string, require receipt.Requirement) receipt.Rule {
		require.Authorities = []string{}
		if require.Receipts == nil {
			require.Receipts = []receipt.Kind{}
		}
		if require.Signers == nil {
			require.Signers = []receipt.Quorum{}
		}
		return receipt.Rule{Name: name, Sentence: name, Refs: refs, Paths: paths, Components: []string{}, Require: require, Tests: []receipt.RuleTest{}}
	}
	return []receipt.Rule{
		rule("login", []string{"refs/heads/main"}, []string{"login/*"}, receipt.Requirement{Decision: true, NoRewind: true}),
		rule("release-tags", []string{"refs/tags/v*"}, []string{}, receipt.Requirement{Receipts: []receipt.Kind{receipt.KindRelease}, Signers: []receipt.Quorum{{Count: 1}}, NoRewind: true}),
	}
}

// mostCommits is how many commits are pushed at once.
const mostCommits = 10000

// push times pushes to which no rule objects beside the same without hooks: of one commit,
// the first one without an index among them, and of many.
func (b *setting) push(runs int) error {
	hub := filepath.Join(b.work, "pushed.git")
	for _, args := range [][]string{
		{"git", "init", "-q", "--bare", hub},
		{"git", "remote", "add", "pushed", hub},
		{"git", "push", "-q", "--no-verify", "pushed", "HEAD:refs/heads/main"},
		b.ours("hook", "install", "--file"),
	} {
		if err := b.run(b.repo, args); err != nil {
			return err
		}
	}
	defer func() { _ = b.run(b.repo, b.ours("hook", "uninstall")) }()
	one := func(option string) []string {
		return []string{"sh", "-c", "git commit -q --allow-empty -m {n} && PATH=" + b.work + ":$PATH git push -q " + option + " pushed HEAD:refs/heads/main"}
	}
	if err := b.compare(row{"push, one commit", one("--verify"), [][]string{one("--no-verify")}}, runs); err != nil {
		return err
	}
	if err := b.manyCommits(); err != nil {
		return err
	}
	many := func(option string) []string {
		return []string{"sh", "-c", "PATH=" + b.work + ":$PATH git push -q " + option + " pushed refs/heads/many:refs/heads/main && git push -q --no-verify --force pushed HEAD:refs/heads/main"}
	}
	return b.compare(row{fmt.Sprintf("push, %d commits", mostCommits), many("--verify"), [][]string{many("--no-verify")}}, min(runs, 5))
}

// firstPush times the first push of a clone that has no index yet, once.
func (b *setting) firstPush() error {
	line := "printf 'HEAD %s refs/heads/main %s\\n' $(git rev-parse HEAD) 0000000000000000000000000000000000000000 | " + b.ours()[0] + " hook run pre-push none none"
	took, peak, err := b.time([]string{"sh", "-c", "rm -rf .git/vaultmesh && " + line}, 0)
	if err == nil {
		fmt.Printf("%-24s %9.1f %6d  once, without an index\n", "pre-push, a branch", ms(took), peak)
	}
	return err
}

// manyCommits makes a branch that goes on from the one that is pushed.
func (b *setting) manyCommits() error {
	cmd := b.command(b.repo, []string{"git", "fast-import", "--quiet", "--force"}, 0)
	stream, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return err
	}
	w := bufio.NewWriter(stream)
	head, err := b.command(b.repo, []string{"git", "rev-parse", "HEAD"}, 0).Output()
	if err != nil {
		return err
	}
	for n := range mostCommits {
		fmt.Fprintf(w, "commit refs/heads/many\ncommitter Bench <bench@example.com> %d +0000\ndata 1\nx\n", time.Now().Unix())
		if n == 0 {
			fmt.Fprintf(w, "from %s", head)
		}
		fmt.Fprintf(w, "M 100644 inline src/%d/%d\ndata 1\nx\n\n", n%100, n)
	}
	return errors.Join(w.Flush(), stream.Close(), cmd.Wait())
}

// check times the four covenants, first anew and then as what is known by then lets it.
func (b *setting) check(runs int) error {
	took, peak, err := b.time(b.ours("covenant", "check", "--no-cache"), 0)
	if err != nil {
		return err
	}
	fmt.Printf("%-24s %9.1f %6d  once, everything judged anew\n", "covenant check, anew", ms(took), peak)
	return b.compare(row{"covenant check, again", b.ours("covenant", "check"), [][]string{{"git", "fsck", "--full"}}}, min(runs, 5))
}
