//go:build !unix

package gitrepo

import (
	"os"
	"os/exec"
)

// terminate ends a process where there is no way to ask it.
var terminate = os.Kill

// detach does nothing where terminals are not taken away like that.
func detach(*exec.Cmd) {}
