package main

import (
	"path/filepath"
	"slices"

	"github.com/VaultSovereign/git-vaultmesh/templates"
)

// spawns is the row of a service that is made with its first commit, ledger and receipt, beside a repository with one file
// and one commit.
func (b *setting) spawns() ([]row, error) {
	types, err := templates.Types(templates.Builtin())
	if err != nil || !slices.Contains(types, "service") {
		return nil, err
	}
	at := func(name string) string { return filepath.Join(b.work, name+"-{n}") }
	plain := []string{"sh", "-c", "git init -q " + at("plain") + " && cd " + at("plain") + " && echo one > file && git add . && git commit -q -m one"}
	return []row{{"spawn service", b.ours("spawn", "orders", "--type", "service", "--output", at("spawned")), [][]string{plain}}}, nil
}
