//go:build !unix

package cli

func ignoreFileLimits() {}
