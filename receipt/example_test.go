package receipt_test

import (
	"fmt"

	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

func Example() {
	r := &receipt.Receipt{
		Kind:       receipt.KindRelease,
		Ledger:     receipt.Sum([]byte("the genesis receipt")),
		RecordedAt: 1795356300,
		Recorder:   receipt.Person{Name: "Ada", Email: "ada@example.com"},
		Component:  "api",
		Version:    "v1.4.0",
		Subjects:   []receipt.Subject{{Name: "api.tar.gz", SHA256: receipt.Sum([]byte("the archive"))}},
	}
	b, err := r.Encode()
	if err != nil {
		fmt.Println(err)
		return
	}
	again, err := receipt.Parse(b)
	fmt.Println(receipt.Sum(b).Short(), again.Component, again.Version, again.RecordedAt, err)
	// Output: ebc9a2c0a3 api v1.4.0 2026-11-22T14:05:00Z <nil>
}
