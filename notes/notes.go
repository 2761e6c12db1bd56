package notes

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// Ref is where the notes lie.
const Ref = "refs/notes/vaultmesh"

// The limits of what is read; what is over them is somebody else's, and left out.
const (
	maxNote = 1 << 20
	maxTree = 4 << 20
)

// lineForm is what a line of ours ends in.
var lineForm = regexp.MustCompile(` vaultmesh:[0-9a-f]{64}$`)

// Line is the line about a receipt in the note of its commit.
func Line(id receipt.ID, r *receipt.Receipt) string { return r.Title() + " vaultmesh:" + id.String() }

// Set is all notes, as they stand or are to stand.
type Set struct {
	// Ledger is the head of the ledger that they were made from, "" when
	// nobody says.
	Ledger gitrepo.OID

	commit gitrepo.OID              // that the ref names, "" for none
	root   gitrepo.OID              // its tree
	base   gitrepo.OID              // the tree of the last commit of ours, where others put commits on top
	fans   map[string]gitrepo.OID   // folders of the root that were not read, by their two digits
	blobs  blobs                    // of each commit
	before blobs                    // the same as of base, where it is read
	theirs blobs                    // the same as of notes that are taken in
	lines  map[gitrepo.OID][]string // ours, that are to be added
	trees  map[gitrepo.OID]bool     // that are there already
}

// blobs are those of each commit's note: more than one in a tree that git did
// not write.
type blobs map[gitrepo.OID][]gitrepo.OID

// Read reads where the notes of a repository stand. What they say is read when
// it is needed. The faults are those of reading the ref and its objects.
func Read(ctx context.Context, repo *gitrepo.Repo) (*Set, error) {
	s := &Set{fans: make(map[string]gitrepo.OID), blobs: make(blobs), before: make(blobs), lines: make(map[gitrepo.OID][]string), trees: make(map[gitrepo.OID]bool)}
	refs, err := repo.Exact(ctx, Ref)
	if err != nil || refs[Ref] == "" {
		return s, err
	}
	s.commit = refs[Ref]
	// Git puts a commit on top for each note that somebody writes: what ours
	// were made from is said by the first of ours below.
	for id, steps := s.commit, 0; id != "" && steps < maxStrangers; steps++ {
		c, err := readCommit(ctx, repo, id)
		if err != nil {
			return s, err
		}
		if s.root == "" {
			s.root = c.Tree
		}
		if head, ok := strings.CutPrefix(c.Message, message("")); ok {
			s.Ledger, s.base = gitrepo.OID(strings.TrimSuffix(head, "\n")), c.Tree
			break
		}
		id = ""
		if len(c.Parents) > 0 {
			id = c.Parents[0]
		}
	}
	if s.root != "" {
		return s, nil
	}
	// To git a ref that names a tree has notes too.
	root, err := repo.Peel(ctx, s.commit, gitrepo.TypeTree, maxTree)
	if fault.Has(err, fault.ObjectMissing) {
		return s, nil // no notes: whatever it is, it is built over
	}
	s.root = root.ID
	return s, err
}

// maxStrangers is how many commits of others are looked through.
const maxStrangers = 1000

// readCommit reads a commit, and an empty one where there is none that can be
// read.
func readCommit(ctx context.Context, repo *gitrepo.Repo, id gitrepo.OID) (gitrepo.Commit, error) {
	o, err := repo.Peel(ctx, id, gitrepo.TypeCommit, gitrepo.MaxCommit)
	if interruption(err) != nil {
		return gitrepo.Commit{}, err
	}
	c, parseErr := gitrepo.ParseCommit(repo.Algorithm(), o.Data)
	if err != nil || parseErr != nil {
		return gitrepo.Commit{}, nil
	}
	return c, nil
}

// interruption is err where it is one, and none where it is another error.
func interruption(err error) error {
	if fault.Has(err, fault.Interrupted) {
		return err
	}
	return nil
}

// load reads what notes say: all of it, or only the folders of commits that
// get lines, where the root is laid out as we do and nobody else wrote to it.
func (s *Set) load(ctx context.Context, repo *gitrepo.Repo, all bool) error {
	all = all || len(s.theirs) > 0
	if s.root == "" {
		return nil
	}
	if s.base != "" && s.base != s.root {
		if err := s.readTrees(ctx, repo, s.before, map[string][]gitrepo.OID{"": {s.base}}); err != nil {
			return err
		}
		all = true
	}
	entries, err := gitrepo.ReadTree(ctx, repo, s.root, maxTree)
	if interruption(err) != nil {
		return err
	}
	ours := err == nil && !all
	for _, e := range entries {
		ours = ours && e.Mode == gitrepo.ModeTree && len(e.Name) == 2 && strings.Trim(e.Name, "0123456789abcdef") == "" && s.fans[e.Name] == ""
		s.fans[e.Name] = e.ID
	}
	if !ours {
		clear(s.fans)
		return s.readTrees(ctx, repo, s.blobs, map[string][]gitrepo.OID{"": {s.root}})
	}
	needed := make(map[string][]gitrepo.OID)
	for commit := range s.lines {
		if id := s.fans[string(commit[:2])]; id != "" {
			needed[string(commit[:2])] = []gitrepo.OID{id}
		}
	}
	for digits := range needed {
		delete(s.fans, digits)
	}
	return s.readTrees(ctx, repo, s.blobs, needed)
}

// readTrees reads trees by the digits that lead to them, a level at a time, in
// any fan-out. What is no note is passed over, and so is a tree that was met
// before: in a hostile one a few kilobytes could be millions of folders.
func (s *Set) readTrees(ctx context.Context, repo *gitrepo.Repo, into blobs, level map[string][]gitrepo.OID) error {
	whole := len(gitrepo.ZeroOID(repo.Algorithm()))
	met := make(map[gitrepo.OID]bool)
	for len(level) > 0 {
		next := make(map[string][]gitrepo.OID)
		var digits []string
		var ids []gitrepo.OID
		for _, d := range slices.Sorted(maps.Keys(level)) {
			for _, id := range level[d] {
				if !met[id] {
					digits, ids = append(digits, d), append(ids, id)
				}
				met[id] = true
			}
		}
		err := repo.ReadMany(ctx, ids, maxTree, func(i int, o gitrepo.Object, err error) error {
			if err != nil {
				return err // what cannot be read must not pass for what is not there
			}
			entries, err := gitrepo.TreeOf(repo.Algorithm(), o)
			if err != nil {
				return nil
			}
			s.trees[ids[i]] = true
			for _, e := range entries {
				name := digits[i] + strings.ToLower(e.Name) // git takes capital digits too
				switch {
				case e.Name == "" || len(name) > whole || strings.Trim(name, "0123456789abcdef") != "":
				case e.Mode == gitrepo.ModeTree && len(name) < whole:
					next[name] = append(next[name], e.ID)
				case e.Mode != gitrepo.ModeTree && len(name) == whole: // to git anything else is a note
					into[gitrepo.OID(name)] = append(into[gitrepo.OID(name)], e.ID)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		level = next
	}
	return nil
}

// Add adds a line of ours to the note of a commit.
func (s *Set) Add(commit gitrepo.OID, line string) {
	s.lines[commit] = append(s.lines[commit], line)
}

// Origin is what the notes are made from: a ledger's head and the date of it,
// as in a commit: seconds and zone.
type Origin struct {
	Head gitrepo.OID
	Date string
}

// Write makes the notes of what was read and added, and moves the ref there.
// With fresh set, our lines that were read are left out: those that were added
// are all there are. It is false when nothing had to be written. The faults are
// those of [gitrepo.Repo.Write] and [gitrepo.Repo.UpdateRef].
func (s *Set) Write(ctx context.Context, repo *gitrepo.Repo, from Origin, fresh bool) (bool, error) {
	if err := s.load(ctx, repo, fresh); err != nil {
		return false, err
	}
	w, head, err := s.made(ctx, repo, from, fresh)
	if err != nil || head == s.commit {
		return false, err
	}
	if err := repo.Write(ctx, w.objects); err != nil {
		return false, err
	}
	return true, repo.UpdateRef(ctx, Ref, head, s.commit)
}

// made makes the objects of the notes, and says which commit they come to.
func (s *Set) made(ctx context.Context, repo *gitrepo.Repo, from Origin, fresh bool) (*writing, gitrepo.OID, error) {
	w := &writing{Set: s, algorithm: repo.Algorithm()}
	if err := w.notes(ctx, repo, fresh); err != nil {
		return nil, "", err
	}
	who := "git-vaultmesh <git-vaultmesh@invalid> " + from.Date
	commit := gitrepo.Commit{Tree: w.tree(), Author: who, Committer: who, Message: message(from.Head)}
	return w, w.add(gitrepo.TypeCommit, commit.Encode()), nil
}

func message(head gitrepo.OID) string {
	if head == "" {
		return "vaultmesh: notes\n\nVaultmesh-Ledger: "
	}
	return fmt.Sprintf("vaultmesh: notes\n\nVaultmesh-Ledger: %s\n", head)
}

// writing is a set on its way into objects.
type writing struct {
	*Set
	algorithm string
	note      map[gitrepo.OID]gitrepo.OID // the blob of each commit's note
	objects   []gitrepo.Object
}

func (w *writing) add(kind string, data []byte) gitrepo.OID {
	o := gitrepo.NewObject(w.algorithm, kind, data)
	w.objects = append(w.objects, o)
	return o.ID
}

// note is what the note of a commit is to say.
type note struct {
	ours, others []string
	theirs       []string    // what others wrote in notes that are taken in
	whole        gitrepo.OID // the blob that is taken in, where it has nothing of ours
	blob         gitrepo.OID // the one it has, where it has one
	foreign      bool        // that blob has nothing of ours
	unreadable   bool        // nobody knows what others wrote there
}

// question asks what a blob says of a commit's note. Of an earlier one only
// our lines count: others may have meant to remove theirs. Of one that is taken in
// only those of others do: ours are made from the ledger here.
type question struct {
	commit, blob gitrepo.OID
	from         source
}

// source is where a blob comes from.
type source int

const (
	present source = iota
	earlier
	takenIn
)

// notes settles the blob of each commit's note.
func (w *writing) notes(ctx context.Context, repo *gitrepo.Repo, fresh bool) error {
	w.note = make(map[gitrepo.OID]gitrepo.OID)
	said, err := w.read(ctx, repo, w.questions(fresh), fresh)
	if err != nil {
		return err
	}
	for commit, lines := range w.lines {
		if said[commit] == nil {
			said[commit] = new(note)
		}
		said[commit].ours = append(said[commit].ours, lines...)
	}
	for _, commit := range slices.Sorted(maps.Keys(said)) {
		n := said[commit]
		others := strings.Join(n.others, "\n\n")
		all := together(others, n.theirs)
		switch text := spell(n.ours, all); {
		case n.unreadable:
			w.note[commit] = n.blob
		case n.whole != "" && len(n.ours) == 0 && all == n.theirs[0]:
			w.note[commit] = n.whole
		case n.foreign && len(n.ours) == 0 && all == others:
			w.note[commit] = n.blob
		case text != "":
			w.note[commit] = w.add(gitrepo.TypeBlob, []byte(text))
		}
	}
	return nil
}

// questions lists what has to be read. A note with nothing to change stays as
// it is.
func (w *writing) questions(fresh bool) []question {
	var asked []question
	for _, commit := range slices.Sorted(maps.Keys(w.blobs)) {
		blobs, touched := w.blobs[commit], len(w.before) > 0 && !slices.Equal(w.blobs[commit], w.before[commit]) || w.differs(commit)
		if !fresh && !touched && len(blobs) == 1 && len(w.lines[commit]) == 0 {
			w.note[commit] = blobs[0]
			continue
		}
		for _, b := range blobs {
			asked = append(asked, question{commit, b, present})
		}
	}
	for _, commit := range slices.Sorted(maps.Keys(w.theirs)) {
		if w.differs(commit) {
			for _, b := range w.theirs[commit] {
				asked = append(asked, question{commit, b, takenIn})
			}
		}
	}
	for _, commit := range slices.Sorted(maps.Keys(w.before)) {
		if !fresh && !slices.Equal(w.blobs[commit], w.before[commit]) {
			for _, b := range w.before[commit] {
				asked = append(asked, question{commit, b, earlier})
			}
		}
	}
	return asked
}

// read has the questions answered.
func (w *writing) read(ctx context.Context, repo *gitrepo.Repo, asked []question, fresh bool) (map[gitrepo.OID]*note, error) {
	said := make(map[gitrepo.OID]*note)
	ids := make([]gitrepo.OID, len(asked))
	for i, q := range asked {
		ids[i] = q.blob
	}
	err := repo.ReadMany(ctx, ids, maxNote, func(i int, o gitrepo.Object, err error) error {
		q := asked[i]
		if said[q.commit] == nil {
			said[q.commit] = new(note)
		}
		n := said[q.commit]
		ours, others := split(string(o.Data))
		switch {
		case interruption(err) != nil:
			return err
		case q.from == earlier:
			n.ours = append(n.ours, ours...)
			return nil
		case q.from == takenIn:
			if err == nil && o.Type == gitrepo.TypeBlob && others != "" {
				n.theirs = append(n.theirs, others)
			}
			if len(ours) == 0 && len(n.theirs) == 1 {
				n.whole = q.blob
			}
			return nil
		case err != nil:
			n.blob, n.unreadable = q.blob, true
			return nil
		case o.Type != gitrepo.TypeBlob:
			return nil
		}
		n.foreign = n.blob == "" && len(ours) == 0
		n.blob = q.blob
		if !fresh {
			n.ours = append(n.ours, ours...)
		}
		if others != "" && !slices.Contains(n.others, others) {
			n.others = append(n.others, others)
		}
		return nil
	})
	return said, err
}

// tree makes the tree: two digits, then the rest. Trees that are there
// already are not written again.
func (w *writing) tree() gitrepo.OID {
	fans := make(map[string][]gitrepo.TreeEntry)
	for commit, blob := range w.note {
		fans[string(commit[:2])] = append(fans[string(commit[:2])], gitrepo.TreeEntry{Mode: gitrepo.ModeFile, Name: string(commit[2:]), ID: blob})
	}
	var root []gitrepo.TreeEntry
	for digits, id := range w.fans {
		root = append(root, gitrepo.TreeEntry{Mode: gitrepo.ModeTree, Name: digits, ID: id})
	}
	for _, fan := range slices.Sorted(maps.Keys(fans)) {
		root = append(root, gitrepo.TreeEntry{Mode: gitrepo.ModeTree, Name: fan, ID: w.addTree(fans[fan])})
	}
	return w.addTree(root)
}

func (w *writing) addTree(entries []gitrepo.TreeEntry) gitrepo.OID {
	slices.SortFunc(entries, gitrepo.CompareEntries)
	o := gitrepo.NewObject(w.algorithm, gitrepo.TypeTree, gitrepo.EncodeTree(entries))
	if !w.trees[o.ID] {
		w.objects = append(w.objects, o)
	}
	return o.ID
}

// split takes a note apart into our lines and what others wrote.
func split(note string) (ours []string, others string) {
	var rest []string
	for line := range strings.SplitSeq(note, "\n") {
		if lineForm.MatchString(line) {
			ours = append(ours, line)
		} else {
			rest = append(rest, line)
		}
	}
	return ours, strings.Trim(strings.Join(rest, "\n"), "\n")
}

// spell is a note's text: our lines, each once, then what others wrote.
func spell(ours []string, others string) string {
	slices.Sort(ours)
	text := strings.Join(slices.Compact(ours), "\n")
	switch {
	case text == "" && others == "":
		return ""
	case text == "" || others == "":
		return text + others + "\n"
	}
	return text + "\n\n" + others + "\n"
}
