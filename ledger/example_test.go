package ledger_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"os/exec"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

func ExamplePath() {
	at := receipt.Time(1795356300)
	fmt.Println(at)
	fmt.Println(ledger.Path(receipt.Sum([]byte("the bytes of a receipt")), at))
	// Output:
	// 2026-11-22T14:05:00Z
	// 2026/11/22/34/34114aea30490001f5b8cbc8958ef8f4e1eeb4baf24a1cf24808264587f456ab
}

// Reading a ledger: which one it is, what it holds, and one receipt by the
// beginning of its id.
func Example() {
	dir, id := exampleRepository()
	defer os.RemoveAll(dir)
	ctx := context.Background()
	l, err := ledger.OpenAt(ctx, dir, "")
	if err != nil {
		log.Fatal(err)
	}
	defer l.Close()

	genesis, err := l.Genesis(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("ledger", genesis.ID.Short(), "of", genesis.Receipt.Genesis.Name)
	err = l.Walk(ctx, ledger.Visitor{Entry: func(e *ledger.Entry) error {
		fmt.Println(e.Receipt.RecordedAt, e.ID.Short(), e.Receipt.Title())
		return nil
	}})
	if err != nil {
		log.Fatal(err)
	}
	found, err := l.Find(ctx, id.String()[:6])
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(found), found[0].Files[0].Name, len(found[0].Problems()))
	// Output:
	// ledger 16dc264b13 of api
	// 2026-11-20T09:00:00Z 16dc264b13 genesis
	// 2026-11-22T14:05:00Z 16ee55d9ed release api v1.4.0
	// 1 receipt.json 0
}

// exampleRepository is a repository with a ledger of two receipts, and the id
// of the second.
func exampleRepository() (dir string, id receipt.ID) {
	dir, err := os.MkdirTemp("", "ledger")
	if err != nil {
		log.Fatal(err)
	}
	if err := exec.Command("git", "init", "--quiet", dir).Run(); err != nil {
		log.Fatal(err)
	}
	ada := receipt.Person{Name: "Ada", Email: "ada@example.com"}
	genesis := &receipt.Receipt{
		Kind: receipt.KindGenesis, RecordedAt: 1795165200, Recorder: ada,
		Genesis: &receipt.Genesis{Name: "api", Nonce: strings.Repeat("0f", 16)},
	}
	release := &receipt.Receipt{
		Kind: receipt.KindRelease, RecordedAt: 1795356300, Recorder: ada, Ledger: appendReceipt(dir, genesis),
		Component: "api", Version: "v1.4.0",
	}
	return dir, appendReceipt(dir, release)
}

func appendReceipt(dir string, r *receipt.Receipt) receipt.ID {
	ctx := context.Background()
	repo, err := gitrepo.Open(ctx, gitrepo.Options{Dir: dir, Env: os.Environ()})
	if err != nil {
		log.Fatal(err)
	}
	defer repo.Close()
	raw, err := r.Encode()
	if err != nil {
		log.Fatal(err)
	}
	who := "Ada <ada@example.com> 1795356300 +0100"
	_, err = ledger.Update(ctx, repo, ledger.DefaultRef, nil, func(*ledger.Ledger) (*ledger.Change, error) {
		return &ledger.Change{
			Additions: []ledger.Addition{{Receipt: raw}},
			Author:    who, Committer: who, Message: ledger.Message("record", r, receipt.Sum(raw)),
		}, nil
	})
	if err != nil {
		log.Fatal(err)
	}
	return receipt.Sum(raw)
}
