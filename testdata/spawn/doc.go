// Package spawn tests what `git vaultmesh spawn` makes, as those who get it
// would: every type with every combination of options is made, and what comes
// of it is read by the programs and schemas that it is written for, tested by
// its own tests, run, asked, and stopped.
//
// It is a module of its own, so that its validators are none of the product's
// dependencies, and it knows the product by its commands alone: a type that is
// added is tested without a change here, as long as it is written in a language
// that is known here. `make test-spawn` runs it.
package spawn
