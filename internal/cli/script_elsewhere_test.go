//go:build !linux

package cli

import "github.com/rogpeppe/go-internal/testscript"

// cmdReads is for Linux alone: scripts skip it elsewhere.
func cmdReads(ts *testscript.TestScript, neg bool, args []string) { ts.Fatalf("reads is for Linux") }
