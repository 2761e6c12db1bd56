// Package counterfeit makes time-stamps of RFC 3161 for tests: good ones, and every
// kind of bad one that a reader must refuse, by name.
//
// It shares no code with what reads and verifies them (internal/tsa): a mistake made
// there is not made here too. Nothing of the programs imports it, which a test keeps
// (internal/deps). It panics where the machine cannot make a key or a certificate.
package counterfeit
