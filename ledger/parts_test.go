package ledger

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// visit is what a visit of parts is told.
func visit(t *testing.T, b *builder, v Parts) (seen map[gitrepo.OID]Part, failed map[gitrepo.OID]error) {
	t.Helper()
	seen, failed = make(map[gitrepo.OID]Part), make(map[gitrepo.OID]error)
	v.Each = func(p Part, _ gitrepo.Object, err error) error {
		if _, again := seen[p.ID]; again && !p.IsFolder() {
			t.Errorf("%+v is visited twice", p)
		}
		seen[p.ID] = p
		if err != nil {
			failed[p.ID] = err
		}
		return nil
	}
	if err := v.Visit(context.Background(), b.open(), gitrepo.OID(b.head())); err != nil {
		t.Fatal(err)
	}
	return seen, failed
}

// What is visited is what git finds to lead from the head.
func TestPartsAreAllThereIs(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []string{"sha1", "sha256"} {
		first := genesis(t, "parts", "2026-11-20T09:00:00Z")
		b := newBuilder(t, algorithm)
		b.mustUpdate(first)
		for i := range 5 {
			b.mustUpdate(release(t, first, "2026-11-2"+fmt.Sprint(i)+"T09:00:00Z", "v1"))
		}
		seen, failed := visit(t, b, Parts{})
		var got []string
		for id := range seen {
			got = append(got, string(id))
		}
		slices.Sort(got)
		var want []string
		for text := range strings.Lines(b.git("", "rev-list", "--objects", DefaultRef)) {
			id, _, _ := strings.Cut(strings.TrimSpace(text), " ")
			want = append(want, id)
		}
		slices.Sort(want)
		if !slices.Equal(got, want) || len(failed) > 0 {
			t.Errorf("visited %d and git finds %d, failed %v", len(got), len(want), failed)
		}
		cut, _ := visit(t, b, Parts{Ends: map[gitrepo.OID]bool{gitrepo.OID(b.head()): true}})
		commits := 0
		for _, p := range cut {
			if p.Type == gitrepo.TypeCommit {
				commits++
			}
		}
		if commits != 1 {
			t.Errorf("%d commits are visited before the history ends", commits)
		}
	}
}

// What cannot be read is told with its place, and the rest is visited all the same.
func TestPartsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	b, _, receipts := planted(t, "sha1", 10)
	folder := folderOf(t, receipts[1])
	all, _ := visit(t, b, Parts{})
	blob := b.git("", "rev-parse", DefaultRef+":"+folder+"/receipt.json")
	other := b.git("", "rev-parse", DefaultRef+":"+folderOf(t, receipts[2]))
	b.swapObject(blob, b.blob("x").id)
	b.removeObject(other)
	seen, failed := visit(t, b, Parts{})
	if len(failed) != 2 || len(seen) != len(all)-1 { // what lies below the folder is not seen
		t.Errorf("visited %d of %d, failed %v", len(seen), len(all), failed)
	}
	wantFault(t, failed[gitrepo.OID(blob)], fault.ObjectCorrupt)
	wantFault(t, failed[gitrepo.OID(other)], fault.ObjectMissing)
	if p := seen[gitrepo.OID(blob)]; p.Path != folder+"/receipt.json" || p.Type != gitrepo.TypeBlob {
		t.Errorf("told of %+v", p)
	}
	if p := seen[gitrepo.OID(other)]; !p.IsFolder() {
		t.Errorf("told of %+v", p)
	}
}

// A few kilobytes of trees that name each other over and over are not a million folders.
func TestPartsOfATreeThatNamesItselfOverAndOver(t *testing.T) {
	t.Parallel()
	b := newBuilder(t, "sha1")
	one := b.raw(line{"receipt.json", b.blob("{}")})
	var folders, fans, days, months, years []line
	for i := range 1000 {
		folders = append(folders, line{fmt.Sprintf("00%062x", i), one})
	}
	fan := b.raw(folders...)
	for i := range 256 {
		fans = append(fans, line{fmt.Sprintf("%02x", i), fan})
	}
	day := b.raw(fans...)
	for i := range 28 {
		days = append(days, line{fmt.Sprintf("%02d", i+1), day})
	}
	month := b.raw(days...)
	for i := range 12 {
		months = append(months, line{fmt.Sprintf("%02d", i+1), month})
	}
	year := b.raw(months...)
	for i := range 1000 {
		years = append(years, line{fmt.Sprint(2000 + i), year})
	}
	b.ledger(b.raw(append(years, line{"VERSION", b.blob("vaultmesh ledger 1\n")})...))
	visited := 0
	err := Parts{Each: func(Part, gitrepo.Object, error) error {
		visited++
		return nil
	}}.Visit(context.Background(), b.repo, gitrepo.OID(b.head()))
	if err != nil || visited > 1100 {
		t.Errorf("%d parts are visited, %v", visited, err)
	}
}

// A receipt is put together out of all versions of its folder; what does not have the
// SHA-256 in its name is left out and told.
func TestRemainsOfSeveralVersions(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	b := newBuilder(t, "sha1")
	first := genesis(t, "remains", "2026-11-20T09:00:00Z")
	raw := release(t, first, "2026-11-21T09:00:00Z", "v1", "kept")
	good, evidence := b.blob(string(raw)), b.blob("kept")
	name := evidenceName(receipt.Sum([]byte("kept")))
	signature := Proof{Type: "ssh", Data: []byte("signature")}
	folder := folderOf(t, raw)
	versions := []gitrepo.OID{
		gitrepo.OID(b.tree(files{"receipt.json": b.blob("{}"), name: b.blob("other"), signature.Name(): b.blob("signature")}).id),
		gitrepo.OID(b.tree(files{"receipt.json": good}).id),
		gitrepo.OID(b.tree(files{"receipt.json": good, name: evidence, "stray": good}).id),
		"1111111111111111111111111111111111111111",
	}
	gather := func(path string, versions ...gitrepo.OID) (*Entry, []Problem, []string) {
		var told []string
		r := RemainsIn(b.repo)
		e, err := r.Gather(ctx, path, versions, func(name string, err error) { told = append(told, name) })
		if err != nil {
			t.Fatal(err)
		}
		if e == nil {
			return nil, nil, told
		}
		problems, err := r.Problems(ctx, e)
		if err != nil {
			t.Fatal(err)
		}
		return e, problems, told
	}
	e, problems, told := gather(folder, versions...)
	if e == nil || len(problems) > 0 || len(e.Files) != 3 || string(e.Raw) != string(raw) || !slices.Equal(told, []string{""}) {
		t.Errorf("%+v, %v, told %q", e, problems, told)
	}
	if e, _, told := gather(folder, versions[0]); e != nil || len(told) != 2 {
		t.Errorf("%+v, told %q", e, told)
	}
	if _, problems, _ := gather(folder, versions[1]); len(problems) != 1 { // it lacks its evidence
		t.Errorf("%v", problems)
	}
	// found under another date it lies where its content wants it; under another id it is none
	if e, problems, _ := gather(strings.Replace(folder, "/21/", "/22/", 1), versions[2]); e == nil || len(problems) > 0 || e.Path != folder {
		t.Errorf("%+v, %v", e, problems)
	}
	if e, _, _ := gather(folder[:len(folder)-1]+"x", versions[2]); e != nil {
		t.Errorf("%+v", e)
	}
}
