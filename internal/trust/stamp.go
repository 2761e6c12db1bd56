package trust

import (
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// authority is a time-stamp authority of a covenant, read.
type authority struct {
	name string
}

func compileAuthorities(v *Version, list []receipt.Authority) []authority {
	var read []authority
	for _, a := range list {
		read = append(read, authority{name: a.Name})
	}
	return read
}

// stamps judges the tokens of a folder by the authorities of a version.
func stamps(f Folder, v *Version) []Stamp { return nil }
