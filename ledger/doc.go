// Package ledger keeps receipts under one git ref, refs/vaultmesh/ledger, as
// a set that only grows.
//
// What it is for: reading a ledger strictly ([Open], [Ledger.Walk]), finding
// receipts by id, and appending by one commit that either happens whole or
// not at all ([Update]). What it is not for: judging whom to trust, or
// merging; it says what is malformed and leaves the verdict to others.
//
// The ref names a commit whose tree is
//
//	VERSION                                   vaultmesh ledger 1
//	2026/11/22/4f/4f1c…64 hex…/receipt.json   canonical bytes; the folder's name is their SHA-256
//	                          /openpgp-<sha256>.sig, ssh-<sha256>.sig, rfc3161-<sha256>.tsr, evidence-<sha256>
//
// A path is a function of content: the date is the receipt's recorded_at in
// UTC, every other name is the SHA-256 of the bytes it names. So the union of
// two ledgers has no conflicts, and a name that does not fit its content shows.
//
// The layout is frozen with version 0.1.0 of the program. Files of a proof
// type that this version does not know are kept, checked by name and hash,
// and reported.
//
// docs/spec/ledger-ref.md is the normative text; the numbers of [Step] are
// those of its verification steps.
package ledger
