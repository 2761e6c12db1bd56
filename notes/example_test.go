package notes_test

import (
	"fmt"

	"github.com/VaultSovereign/git-vaultmesh/notes"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

func ExampleLine() {
	r := &receipt.Receipt{Kind: receipt.KindRelease, Component: "api", Version: "v1.4.0"}
	fmt.Println(notes.Line(receipt.Sum([]byte("{}")), r))
	// Output: release api v1.4.0 vaultmesh:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a
}
