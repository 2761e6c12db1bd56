// Package receipt is the unit of memory: one canonical JSON object that says
// what happened, to what, from which commit, by whom and when.
//
// What it is for: making such an object from a filled [Receipt] ([Receipt.Encode]),
// and reading one strictly ([Parse]), so that equal receipts are equal bytes
// and the SHA-256 of the bytes is the receipt's identity ([Digest]). What it
// is not for: deciding whom to trust, or where receipts are kept. It touches
// neither git nor the clock.
//
// A receipt is canonical in the sense of docs/spec/canonical.md (RFC 8785 with
// integers only), at most [MaxSize] bytes, and has no fields but those of its
// kind. Fields that do not apply are absent, never null. One of them, whole:
//
//	{"commit":"sha1:8f6e3c1f6c3a1e1f5f2f4d6a7b8c9d0e1f2a3b4c","component":"api",
//	"evidence":[{"media_type":"text/markdown","name":"notes.md","sha256":"dd4a…","size":29,"stored":true}],
//	"kind":"release","ledger":"0f3e…","recorded_at":"2026-11-22T14:05:00Z",
//	"recorder":{"email":"ada@example.com","name":"Ada"},"schema":"vaultmesh.receipt/v1",
//	"subjects":[{"name":"api.tar.gz","sha256":"ed7a…","size":18}],"version":"v1.4.0"}
//
// (without the line breaks, and with all 64 digits of each hash.)
//
// The format is frozen with version 0.1.0 of the program. A receipt of a kind
// or schema that this version does not know is read as far as every receipt
// reads alike, and says so ([Receipt.Future]).
//
// docs/spec/receipt.md is the normative text.
package receipt
