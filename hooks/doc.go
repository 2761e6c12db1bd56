// Package hooks knows git's hooks: it puts a part of ours beside whatever hook is
// there, takes it out again, and reads what git tells hooks.
//
// What it is for: writing and removing the part ([Install], [Uninstall]), saying
// what is there ([Look]), and reading git's lines strictly ([ReadPushes],
// [ReadMoves], [ParseUpdate]). What it is not for: judging a push. It knows no
// receipts and no ledger, runs no hook, and reads nothing from the network.
//
// Where there is no hook, ours is three lines, such as
//
//	#!/bin/sh
//	command -v git-vaultmesh >/dev/null || { echo "git-vaultmesh is not on PATH: …" >&2; exit 1; }
//	exec git vaultmesh hook run pre-push "$@" # git vaultmesh hook sha256:0c3b…
//
// In a shell script that is there, the same goes behind the first line, between two
// lines with which ours begins and ends, and what git writes to the hook's standard
// input goes to both. Another program that is there is kept beside it under its name
// and [Kept], and called after ours. The SHA-256 is that of the bytes before it, or
// of the lines between; where it is another one, somebody changed our part, and it
// is neither replaced nor removed.
//
// The first three lines of a form are recognised for ever; the lines between may
// change with a version, and are then replaced by [Install]. Taking the part out
// leaves the bytes and the mode that were there before.
//
// docs/hooks.md says how this lives beside the programs that manage hooks.
package hooks
