//go:build !unix

package gitrepo

import "os"

// terminate ends a process where there is no way to ask it.
var terminate = os.Kill
