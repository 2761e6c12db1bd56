// Package notes links commits to the receipts about them, as git notes: so
// that git log, which knows nothing of ledgers, tells what was shipped from a
// commit.
//
// Notes are derived: whoever has the ledger can make them again, and gets the
// same bytes. Nothing is verified with them, they are never fetched or pushed
// by themselves, and deleting them loses nothing but what others wrote beside.
//
// The ref refs/notes/vaultmesh names one commit without parents. Its date is
// that of the ledger's head, its message names that head:
//
//	vaultmesh: notes
//
//	Vaultmesh-Ledger: 1d5a36e1f96bfc28beec0723e6b360e7afdbed9e
//
// Its tree has a file for each commit that receipts name, under two digits and
// the rest of the commit's id. A note has a line for each receipt, sorted, and
// behind an empty line what somebody else wrote there:
//
//	deployment api v1.4.0 vaultmesh:818f3397a418437d82410a3efb03cdf5cc6753118398832b840382b23423c616
//	release api v1.4.0 vaultmesh:1b1f00f61cf8fec47789be9c2ab905097ab94018e61edd265bb04aa1ba3068b1
//
// The format is described in docs/spec/notes.md. It is frozen with 0.1.0.
package notes
