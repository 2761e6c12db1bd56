//go:build unix

package gitrepo

import "syscall"

// terminate asks a process to end, and lets it clean up.
const terminate = syscall.SIGTERM
