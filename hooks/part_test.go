package hooks

import (
	"os/exec"
	"strings"
	"testing"
)

// All forms of all hooks, as parts.
func eachPart(visit func(p Part)) {
	for _, h := range All() {
		for _, optional := range []bool{false, true} {
			visit(Part{h, optional})
		}
	}
}

func TestAloneIsThreeLinesAndFound(t *testing.T) {
	t.Parallel()
	eachPart(func(p Part) {
		text := p.Alone()
		if strings.Count(text, "\n") != 3 {
			t.Errorf("%v has %d lines", p, strings.Count(text, "\n"))
		}
		if f := find([]byte(text), p.Hook); f.how != WholeFile || !f.replaceable || f.drift != "" {
			t.Errorf("%v: %+v", p, f)
		}
	})
}

// No byte of ours can be another one without that being seen, and none can be missing.
func TestEveryChangeOfOursIsDrift(t *testing.T) {
	t.Parallel()
	before, after := "#!/bin/sh\n", "exit 0\n"
	eachPart(func(p Part) {
		block := p.block()
		for _, whole := range []struct{ text, head, tail string }{{p.Alone(), "", ""}, {before + block + after, before, after}} {
			for i := len(whole.head); i < len(whole.text)-len(whole.tail); i++ {
				changed := []byte(whole.text)
				changed[i] ^= 1
				if f := find(changed, p.Hook); f.replaceable {
					t.Fatalf("%v: byte %d changed: %+v", p, i, f)
				}
				if f := find([]byte(whole.text[:i]+whole.text[i+1:]), p.Hook); f.replaceable {
					t.Fatalf("%v: byte %d missing: %+v", p, i, f)
				}
			}
		}
	})
}

// Every shell that is here reads what we write.
func TestShellsReadTheParts(t *testing.T) {
	t.Parallel()
	for _, shell := range []string{"sh", "bash", "dash", "ksh", "zsh"} {
		if _, err := exec.LookPath(shell); err != nil {
			continue
		}
		eachPart(func(p Part) {
			for _, text := range []string{p.Alone(), shebang + p.block() + callKept, p.Command()} {
				cmd := exec.Command(shell, "-n")
				cmd.Stdin = strings.NewReader(text)
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Errorf("%s: %v\n%s\n%s", shell, err, out, text)
				}
			}
		})
	}
}

func TestChainable(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"#!/bin/sh\nexit\n": 10, "#!/bin/sh -e\n": 13, "#! /usr/bin/env bash\n": 21, "#!/opt/bin/bash\nexec make test \"$@\"\n": 16,
		"#!/bin/sh": 0, "#!/bin/sh\r\n": 0, "#!/usr/bin/python3\n": 0, "#!/bin/zsh\n": 0, "exit 0\n": 0, "": 0, "#!/bin/bash --posix\n": 0,
		"#!/bin/sh\n'''exec' \"/long/python\" \"$0\" \"$@\"\n": 0, "#!/bin/sh\ntail -n +3 \"$0\" | sh\n": 0, "#!/bin/sh\n\x00": 0, "#!/bin/bash\nawk 1 ${0}\n": 0,
		"#!/bin/sh\n. \"$(dirname \"$0\")/h\"": 10,
	} {
		if got := chainable([]byte(text)); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}

func TestCalledByHand(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"#!/bin/sh\ngit vaultmesh hook run pre-push \"$@\"\n": ByHand, "git-vaultmesh hook run pre-push": ByHand,
		"# git vaultmesh hook run pre-push\n": "", "git vaultmesh hook run pre-pushed\n": "", "git vaultmesh hook run update\n": "",
	} {
		if f := find([]byte(text), PrePush); f.how != want {
			t.Errorf("%q: %+v", text, f)
		}
	}
}
