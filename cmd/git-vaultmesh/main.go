// Command git-vaultmesh is found by git as `git vaultmesh`.
package main

import (
	"os"

	"github.com/VaultSovereign/git-vaultmesh/internal/cli"
)

func main() { os.Exit(cli.Main(cli.Process(cli.Vaultmesh))) }
