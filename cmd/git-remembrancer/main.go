// Command git-remembrancer is found by git as `git remembrancer`.
package main

import (
	"os"

	"github.com/VaultSovereign/git-vaultmesh/internal/cli"
)

func main() { os.Exit(cli.Main(cli.Process(cli.Remembrancer))) }
