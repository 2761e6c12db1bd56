//go:build !unix

package cli

import "github.com/rogpeppe/go-internal/testscript"

func cmdAsNobody(ts *testscript.TestScript, neg bool, args []string) { ts.Fatalf("needs Unix") }

func cmdTmpfs(ts *testscript.TestScript, neg bool, args []string) { ts.Fatalf("needs Unix") }

func cmdPeak(ts *testscript.TestScript, neg bool, args []string) { ts.Fatalf("needs Unix") }

func cmdDefused(ts *testscript.TestScript, neg bool, args []string) { ts.Fatalf("needs Unix") }

func canMount() bool { return false }
