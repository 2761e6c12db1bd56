package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// meet times syncs with a hub beside the round trip to it, and a clone of the hub with
// its first query beside the clone alone.
func (b *setting) meet(runs int) error {
	hub := filepath.Join(b.work, "hub.git")
	for _, args := range [][]string{
		{"git", "init", "-q", "--bare", hub},
		{"git", "push", "-q", hub, "HEAD:refs/heads/main", ledger.DefaultRef},
		{"git", "-C", hub, "gc", "-q"},
		b.ours("peer", "add", "hub", hub),
		b.ours("sync"),
	} {
		if err := b.run(b.repo, args); err != nil {
			return err
		}
	}
	trip := []string{"git", "ls-remote", hub, ledger.DefaultRef}
	if err := b.compare(row{"sync, nothing new", b.ours("sync"), [][]string{trip}}, runs); err != nil {
		return err
	}
	give := []string{"sh", "-c", "git commit -q --allow-empty -m {n} && git push -q " + hub + " HEAD:refs/heads/main"}
	if err := b.compare(row{"record, sync", []string{"sh", "-c", b.ours()[0] + " record --component api --version sync-{n} && " + b.ours()[0] + " sync"}, [][]string{give}}, runs); err != nil {
		return err
	}
	clone := "rm -rf clone && git clone -q " + hub + " clone"
	ask := clone + " && cd clone && " + b.remembers()[0] + " query needle"
	return b.compare(row{"clone and first query", []string{"sh", "-c", ask}, [][]string{{"sh", "-c", clone}}}, min(runs, 3))
}

// run runs a command that is not timed.
func (b *setting) run(dir string, args []string) error {
	if out, err := b.command(dir, args, 0).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", args, err, out)
	}
	return nil
}

// merge times the merge of two ledgers that each have as many new receipts, once, and
// then the merge of what is merged.
func (b *setting) merge(receipts int) error {
	base, one, two := *b, *b, *b
	base.repo, one.repo, two.repo = filepath.Join(b.work, "base"), filepath.Join(b.work, "merge-one"), filepath.Join(b.work, "merge-two")
	if err := b.run("", []string{"git", "init", "-q", base.repo}); err != nil {
		return err
	}
	// The ledger has a covenant that names who signs: what the sides bring is judged by it.
	for _, args := range [][]string{{"git", "commit", "-q", "--allow-empty", "-m", "one"}, b.ours("init")} {
		if err := b.run(base.repo, args); err != nil {
			return err
		}
	}
	for i, side := range []*setting{&one, &two} {
		if err := b.run("", []string{"git", "clone", "-q", base.repo, side.repo}); err != nil {
			return err
		}
		lines := side.repo + ".json"
		if err := writeLines(lines, i, receipts); err != nil {
			return err
		}
		for _, args := range [][]string{b.ours("init"), b.ours("record", "--batch", lines)} {
			if err := b.run(side.repo, args); err != nil {
				return err
			}
		}
	}
	if err := b.run(one.repo, []string{"git", "fetch", "-q", two.repo, ledger.DefaultRef + ":refs/other"}); err != nil {
		return err
	}
	took, peak, err := one.time(b.ours("merge", "refs/other"), 0)
	if err != nil {
		return err
	}
	fmt.Printf("%-24s %9.1f %6d  once, %d new receipts on each side\n", "merge", ms(took), peak, receipts)
	took, _, err = one.time(b.ours("merge", "refs/other"), 0)
	if err == nil {
		fmt.Printf("%-24s %9.1f         of what is merged\n", "merge again", ms(took))
	}
	return err
}

// writeLines writes lines for a batch that nobody else writes.
func writeLines(file string, who, receipts int) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	began := time.Now()
	for n := range receipts {
		r := realistic(receipt.ID{}, n, receipts)
		fmt.Fprintf(w, `{"kind":%q,"component":"side-%d","version":%q,"commit":"none","at":%q,"note":%q}`+"\n", r.Kind, who, r.Version, began.UTC().Format(time.RFC3339), r.Note)
	}
	return errors.Join(w.Flush(), f.Close())
}
