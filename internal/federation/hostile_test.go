package federation

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// attack is what a hostile remote shows, and by which faults it is held back.
type attack struct {
	name  string
	codes []fault.Code
	show  func(*attacker)
}

// attacks are all of them. Different people see different things of some, see [world.infest].
var attacks = []attack{
	{"rewound", []fault.Code{fault.Rewound}, (*attacker).rewind},
	{"removed", []fault.Code{fault.Rewound}, (*attacker).remove},
	{"forked", []fault.Code{fault.Rewound, fault.NotAccepted}, (*attacker).fork},
	{"unsigned", []fault.Code{fault.NotAccepted}, func(a *attacker) { a.write(a.clone, a.evilRelease(), nil) }},
	{"a stranger's", []fault.Code{fault.NotAccepted}, func(a *attacker) { a.write(a.clone, a.evilRelease(), a.stranger) }},
	{"another ledger", []fault.Code{fault.OtherLedger, fault.Rewound}, (*attacker).begin2},
	{"another ledger's receipt", []fault.Code{fault.Invalid}, (*attacker).replay},
	{"a changed file", []fault.Code{fault.Invalid, fault.BadTree, fault.OtherLedger}, func(a *attacker) { a.put(a.head.Tree, a.path(), "changed", a.id) }},
	{"a removed file", []fault.Code{fault.Invalid, fault.BadTree, fault.OtherLedger}, func(a *attacker) { a.put(a.head.Tree, a.path(), "", a.id) }},
	{"a stray file", []fault.Code{fault.Invalid, fault.BadTree}, func(a *attacker) { a.put(a.head.Tree, "stray", "stray", a.id) }},
	{"an evil merge", []fault.Code{fault.Invalid}, (*attacker).evil},
	{"a history of its own", []fault.Code{fault.Rewound, fault.Invalid, fault.BadTree, fault.OtherLedger}, (*attacker).relive},
	{"no ledger at all", []fault.Code{fault.Rewound, fault.BadTree, fault.BadLedgerRef, fault.OtherLedger, fault.Invalid}, func(a *attacker) { a.put("", "README", "hello") }},
}

// twoFaced is of two remotes that seem to be one: what each shows is signed and holds, but
// other people see other things. It cannot be told from recording, and is taken.
var twoFaced = attack{"two faces", nil, func(a *attacker) {
	a.clone.shown = a.write(a.clone, a.evilRelease(), a.signer)
	a.taken[a.clone.shown] = true
}}

// attacker is a hostile clone at work on its repository.
type attacker struct {
	*world
	clone *clone
	repo  *gitrepo.Repo
	id    gitrepo.OID // what an honest one has, and it shows first
	head  gitrepo.Commit
}

// infest makes hostile remotes for some clones. Every second one is two remotes, each
// known to other people, that show different things.
func (w *world) infest(n int, order []int) {
	for i := range n {
		faces, honestly := 1+i%2, w.random.IntN(2) == 0
		for face := range faces {
			h := w.newClone(fmt.Sprintf("h%d%c", i, "ab"[face]), "")
			h.attack = attacks[order[(i+face)%len(order)]]
			if faces == 2 && honestly {
				h.attack = twoFaced
			}
			w.hostile = append(w.hostile, h)
			for j, c := range w.clones {
				if !c.hub && (j%faces == face || w.random.IntN(2) == 0) {
					w.link(c, h)
				}
			}
		}
	}
}

func (w *world) enemies() string {
	var names []string
	for _, h := range w.hostile {
		names = append(names, h.attack.name)
	}
	return strings.Join(names, ", ")
}

// attack has a hostile remote take what an honest clone has, and show something else.
func (w *world) attack(h *clone) {
	w.t.Helper()
	w.pretend(h, h.attack.show)
}

// repent has it show what an honest one has.
func (w *world) repent(h *clone) {
	w.t.Helper()
	w.pretend(h, func(*attacker) {})
}

func (w *world) pretend(h *clone, show func(*attacker)) {
	w.t.Helper()
	ctx := context.Background()
	repo := w.open(h)
	defer repo.Close()
	honest := w.clones[w.random.IntN(len(w.clones))]
	must(w.t, repo.Fetch(ctx, io.Discard, "../"+filepath.Base(honest.dir), ledger.DefaultRef, "refs/heads/honest"))
	id, head, err := repo.ResolveCommit(ctx, "refs/heads/honest")
	must(w.t, err)
	a := &attacker{w, h, repo, id, head}
	a.move(id)
	show(a)
}

func (a *attacker) move(to gitrepo.OID) {
	a.t.Helper()
	old, err := a.repo.Ref(context.Background(), ledger.DefaultRef)
	must(a.t, err)
	if old != to {
		must(a.t, a.repo.UpdateRef(context.Background(), ledger.DefaultRef, to, old))
	}
}

func (a *attacker) evilRelease() *receipt.Receipt {
	a.versions++
	return &receipt.Receipt{Kind: receipt.KindRelease, Ledger: a.genesis, RecordedAt: 1795356300, Recorder: receipt.Person{Name: "Mallory"}, Component: "api", Version: fmt.Sprint("evil", a.versions)}
}

// rewind shows the beginning.
func (a *attacker) rewind() { a.move(a.first()) }

// remove shows no ledger.
func (a *attacker) remove() {
	must(a.t, a.repo.DeleteRef(context.Background(), ledger.DefaultRef, a.id))
}

func (a *attacker) first() gitrepo.OID {
	id, c := a.id, a.head
	for len(c.Parents) > 0 {
		var err error
		id = c.Parents[0]
		_, c, err = a.repo.ResolveCommit(context.Background(), string(id))
		must(a.t, err)
	}
	return id
}

// fork shows another history from the beginning on.
func (a *attacker) fork() {
	a.rewind()
	a.write(a.clone, a.evilRelease(), a.stranger)
}

// begin2 shows a ledger that begins otherwise.
func (a *attacker) begin2() {
	must(a.t, a.repo.DeleteRef(context.Background(), ledger.DefaultRef, a.id))
	a.write(a.clone, a.other(), a.signer)
}

func (a *attacker) other() *receipt.Receipt {
	return &receipt.Receipt{Kind: receipt.KindGenesis, RecordedAt: 1795356300, Recorder: receipt.Person{Name: "Mallory"}, Genesis: &receipt.Genesis{Name: "other", Nonce: strings.Repeat("0b", 16)}}
}

// replay shows a receipt that belongs to another ledger.
func (a *attacker) replay() {
	genesis, err := a.other().Encode()
	must(a.t, err)
	r := a.evilRelease()
	r.Ledger = receipt.Sum(genesis)
	raw, err := r.Encode()
	must(a.t, err)
	a.put(a.head.Tree, ledger.Path(receipt.Sum(raw), r.RecordedAt)+"/receipt.json", string(raw), a.id)
}

// evil shows a merge that brings something by itself.
func (a *attacker) evil() {
	a.write(a.clone, a.evilRelease(), a.signer)
	side, c, err := a.repo.ResolveCommit(context.Background(), ledger.DefaultRef)
	must(a.t, err)
	a.move(a.id)
	first := a.first()
	if first == a.id {
		a.put(c.Tree, a.path(), "changed", a.id)
		return
	}
	a.put(c.Tree, "2026/11/22/00/"+strings.Repeat("0", 64)+"/receipt.json", "{}", first, side)
}

// relive shows the same entries by a history in which they were away for a time.
func (a *attacker) relive() {
	first := a.first()
	_, c, err := a.repo.ResolveCommit(context.Background(), string(first))
	must(a.t, err)
	if c.Tree == a.head.Tree {
		a.put(c.Tree, a.path(), "changed", first)
		return
	}
	for _, tree := range []gitrepo.OID{a.head.Tree, c.Tree, a.head.Tree} {
		next := gitrepo.Commit{Tree: tree, Parents: []gitrepo.OID{first}, Author: ident, Committer: ident, Message: "x\n"}
		first = a.object(gitrepo.TypeCommit, next.Encode())
	}
	a.move(first)
}

// path is that of some file of the ledger.
func (a *attacker) path() string {
	a.t.Helper()
	var names []string
	for id := a.head.Tree; ; {
		entries, err := gitrepo.ReadTree(context.Background(), a.repo, id, ledger.MaxTree)
		must(a.t, err)
		entries = slices.DeleteFunc(entries, func(e gitrepo.TreeEntry) bool { return e.Name == "VERSION" })
		e := entries[a.random.IntN(len(entries))]
		names, id = append(names, e.Name), e.ID
		if e.Mode != gitrepo.ModeTree {
			return strings.Join(names, "/")
		}
	}
}

// put shows a commit whose tree has text at a path, or nothing where text is "".
func (a *attacker) put(tree gitrepo.OID, path, text string, parents ...gitrepo.OID) {
	a.t.Helper()
	c := gitrepo.Commit{Tree: a.graft(tree, strings.Split(path, "/"), text), Parents: parents, Author: ident, Committer: ident, Message: "x\n"}
	a.move(a.object(gitrepo.TypeCommit, c.Encode()))
}

func (a *attacker) object(kind string, data []byte) gitrepo.OID {
	a.t.Helper()
	o := gitrepo.NewObject(a.repo.Algorithm(), kind, data)
	must(a.t, a.repo.Write(context.Background(), []gitrepo.Object{o}))
	return o.ID
}

func (a *attacker) graft(tree gitrepo.OID, path []string, text string) gitrepo.OID {
	a.t.Helper()
	var entries []gitrepo.TreeEntry
	var below gitrepo.OID
	if tree != "" {
		var err error
		entries, err = gitrepo.ReadTree(context.Background(), a.repo, tree, ledger.MaxTree)
		must(a.t, err)
	}
	entries = slices.DeleteFunc(slices.Clone(entries), func(e gitrepo.TreeEntry) bool {
		if e.Name == path[0] {
			below = e.ID
		}
		return e.Name == path[0]
	})
	switch {
	case len(path) > 1:
		entries = append(entries, gitrepo.TreeEntry{Mode: gitrepo.ModeTree, Name: path[0], ID: a.graft(below, path[1:], text)})
	case text != "":
		entries = append(entries, gitrepo.TreeEntry{Mode: gitrepo.ModeFile, Name: path[0], ID: a.object(gitrepo.TypeBlob, []byte(text))})
	}
	slices.SortFunc(entries, gitrepo.CompareEntries)
	return a.object(gitrepo.TypeTree, gitrepo.EncodeTree(entries))
}

// heldBack asserts that what hostile remotes show now is held back by all that know
// them, for the right reason, and that the others are met nevertheless; and that one that shows
// what it should is met again.
func (w *world) heldBack() {
	w.t.Helper()
	for _, hostile := range []bool{false, true} {
		for _, h := range w.hostile {
			if hostile {
				w.attack(h)
			} else {
				w.repent(h)
			}
		}
		for _, c := range w.clones {
			if !c.hub {
				w.judged(c, hostile)
			}
		}
	}
	for _, h := range w.hostile {
		if h.attack.codes == nil {
			w.recorded[h.shown] = true
		}
	}
	w.converge()
	w.complete()
}

func (w *world) judged(c *clone, hostile bool) {
	w.t.Helper()
	met, err := c.sync(context.Background(), c.knows)
	must(w.t, err)
	for name, a := range met {
		i := slices.IndexFunc(w.hostile, func(h *clone) bool { return filepath.Base(h.dir) == name })
		switch {
		case i < 0 || !hostile || w.hostile[i].attack.codes == nil:
			if a.Err != nil {
				w.t.Fatalf("%s: %s is %s: %v", c.dir, name, a.State, a.Err)
			}
		case a.State != HeldBack || !slices.Contains(w.hostile[i].attack.codes, fault.From(a.Err).Code):
			w.t.Fatalf("%s: %s, which shows %s, is %s: %v", c.dir, name, w.hostile[i].attack.name, a.State, a.Err)
		}
	}
}
