// Package hooks knows git's hooks: it puts a part of ours beside whatever hook is
// there, takes it out again, and reads what git tells hooks.
//
// What it is for: writing and removing the part ([Install], [Uninstall]), saying
// what is there ([Look]), and reading git's lines strictly ([ReadPushes],
// [ReadMoves], [ParseUpdate]). What it is not for: judging a push. It knows no
// receipts and no ledger, runs no hook, and reads nothing from the network.
//
// Where there is no hook, ours is three lines:
//
//	#!/bin/sh
//	command -v git-vaultmesh >/dev/null || { echo "git-vaultmesh is not on PATH, so this push is refused: install it, or push with --no-verify" >&2; exit 1; }
//	exec git vaultmesh hook run pre-push "$@" # git vaultmesh hook sha256:73ed3365869b8d47415b865b6f10101932c3fbc3bbd52b71bd64910502dbbfa8
//
// In a shell script that is there, the same goes behind the first line, between two
// lines with which ours begins and ends, and what git writes to the hook's standard
// input goes to both. Another program that is there is kept beside it under its name
// and [Kept], and called after ours. The SHA-256 is that of the bytes before it, or
// of the lines between; where it is another one, somebody changed our part, and it
// is neither replaced nor removed.
//
// What a version wrote is recognised by later ones, by its marks and its SHA-256, and
// replaced by [Install] where the words have changed. Taking the part out leaves the
// bytes and the mode that were there before. A git that runs the hooks of its
// configuration, from 2.54 on, can have the part there: [InstallConfig].
//
// docs/hooks.md says how this lives beside the programs that manage hooks.
package hooks
