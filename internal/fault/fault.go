// Package fault holds the coded errors of git-vaultmesh.
//
// A fault is for people and for programs at once: a stable code (VM and three
// digits, never renumbered), one sentence, the causes below it, and, looked
// up by code in one catalog, the exit class and the advice that mends it.
//
//	Error VM506: no receipt has the id 4f1c09
//	  └─ Fix: list what the ledger holds:
//	          git remembrancer query
//
// The package knows nothing of terminals or JSON: it gives the parts, the
// command line arranges them. It imports the standard library only.
package fault

import (
	"errors"
	"fmt"
	"maps"
	"strings"
)

// Code names a fault: "VM", one digit for the area, two for the fault.
// Areas: 1 usage and configuration, 2 receipt and canonical form, 3 signature,
// 4 time-stamp, 5 ledger, notes, merge and index, 6 covenant and hooks,
// 7 peers and network, 8 templates, 9 import, export and internal.
type Code string

// Exit is the exit status of a command. An unknown status is a failure.
type Exit int

// The exit classes. A class never changes its meaning.
const (
	ExitOK          Exit = 0   // done, valid
	ExitOther       Exit = 1   // anything that has no class
	ExitUsage       Exit = 2   // the command's words or its input are wrong
	ExitInvalid     Exit = 3   // the evidence does not hold
	ExitNotFound    Exit = 4   // nothing matches
	ExitRefused     Exit = 5   // refused by covenant or hook
	ExitRepository  Exit = 6   // the repository cannot be used
	ExitPeer        Exit = 7   // peer, network or time-stamp authority
	ExitRace        Exit = 8   // lost a race after retries
	ExitIncomplete  Exit = 9   // cannot be judged with what is here
	ExitInterrupted Exit = 130 // the user stopped it
)

// Error is a fault. Its fields may be read; build one with [New].
type Error struct {
	Code    Code
	Message string            // one sentence, lower case, no period
	Cause   error             // what lies below, or nil
	Details map[string]string // values for the {names} in the catalog's advice
}

// New makes a fault with a message in the manner of fmt.Sprintf.
func New(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Because returns a copy of e with cause below it. A cause that is no fault
// is flattened to its text, so that no foreign error type becomes part of
// what callers may rely on.
func (e *Error) Because(cause error) *Error {
	c := *e
	var f *Error
	switch {
	case cause == nil:
		c.Cause = nil
	case errors.As(cause, &f):
		c.Cause = cause
	default:
		c.Cause = errors.New(cause.Error())
	}
	return &c
}

// With returns a copy of e in which {name} in the catalog's advice reads value.
func (e *Error) With(name, value string) *Error {
	c := *e
	c.Details = maps.Clone(e.Details)
	if c.Details == nil {
		c.Details = make(map[string]string)
	}
	c.Details[name] = value
	return &c
}

// Error is the code, the message and the causes in one line.
func (e *Error) Error() string {
	s := string(e.Code) + ": " + e.Message
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Exit is the exit class of the fault's code.
func (e *Error) Exit() Exit { return Lookup(e.Code).Exit }

// Fix is the catalog's advice with the fault's details filled in. A {name}
// without a detail stays as <name>. The detail "where", lines that show the
// place of the fault in what was typed, follows.
func (e *Error) Fix() string {
	fix := fill(Lookup(e.Code).Fix, e.Details)
	if where := e.Details["where"]; where != "" {
		fix += "\n" + where
	}
	return fix
}

// Causes lists the sentences below the fault, outermost first.
func (e *Error) Causes() []string {
	causes := []string{}
	for err := e.Cause; err != nil; err = errors.Unwrap(err) {
		if f, ok := err.(*Error); ok {
			causes = append(causes, f.Message)
			continue
		}
		return append(causes, err.Error())
	}
	return causes
}

// Has tells whether err, or something below it, is a fault with that code.
func Has(err error, code Code) bool {
	for err != nil {
		var f *Error
		if !errors.As(err, &f) {
			return false
		}
		if f.Code == code {
			return true
		}
		err = f.Cause
	}
	return false
}

// From returns err as a fault. An error that is none becomes VM901, a fault
// of the program itself.
func From(err error) *Error {
	var f *Error
	if errors.As(err, &f) {
		return f
	}
	return New(Internal, "unexpected failure").Because(err)
}

func fill(text string, details map[string]string) string {
	var b strings.Builder
	for {
		open := strings.IndexByte(text, '{')
		if open < 0 {
			break
		}
		end := strings.IndexByte(text[open:], '}')
		if end < 0 {
			break
		}
		name := text[open+1 : open+end]
		b.WriteString(text[:open])
		if v, ok := details[name]; ok {
			b.WriteString(word(name, v))
		} else {
			b.WriteString("<" + name + ">")
		}
		text = text[open+end+1:]
	}
	return strings.TrimRight(b.String()+text, " ")
}

// Quote makes a value one word of a shell, as far as it is none: advice is
// there to be typed. Control characters become question marks, so that a value
// never begins a line of its own.
func Quote(value string) string {
	value = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7F {
			return '?'
		}
		return r
	}, value)
	special := func(r rune) bool {
		return r < 0x80 && !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("_./:@%+=,-^", r))
	}
	if value != "" && !strings.ContainsFunc(value, special) {
		return value
	}
	return "'" + strings.ReplaceAll(value, "'", `'\''`) + "'"
}

// word is a detail as it stands in advice. The details program, command and how
// are words of our own, none or several.
func word(name, value string) string {
	if name == "program" || name == "command" || name == "how" {
		return value
	}
	return Quote(value)
}
