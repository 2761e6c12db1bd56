//go:build !unix

package cli

func ignoreFileLimits() {}

// survivePipes does nothing where no signal says that a pipe is not read.
func survivePipes() (stop func()) { return func() {} }
