// Package tsa is time-stamps (RFC 3161): tokens that are kept, the requests
// for them, a client for authorities, and an authority of one's own.
//
// What a token is for: an authority signed that it has seen a SHA-256 at a
// time, so what has that SHA-256 was there before. What it is not for: it says
// nothing of who made the thing, and nothing that the authority's key does not
// bear: whoever has the key stamps any time.
//
// A token is kept as a TimeStampResp (RFC 3161 section 2.4.2) in one spelling,
// in a file named rfc3161-<SHA-256 of the file>.tsr, so that openssl reads it:
//
//	30 82 04 3c                 SEQUENCE
//	   30 03 02 01 00           PKIStatusInfo: granted, and nothing else
//	   30 82 04 33 06 09 …      TimeStampToken, one CMS SignedData (RFC 5652)
//
//	$ openssl ts -verify -digest a0ed… -in rfc3161-8d92….tsr -CAfile root.pem -attime 1795356330
//
// All of it is DER; there is one signer, and nothing that is not signed besides
// certificates; the hash is SHA-256. [Parse] takes nothing else, [Normalize]
// makes it of an authority's answer.
//
// A token is verified at its own time: a certificate that expired since is
// fine. It is verified with roots that the caller trusts, always.
//
// The form is frozen with version 0.1.0 of the ledger. docs/spec/timestamp.md
// is the normative text.
package tsa
