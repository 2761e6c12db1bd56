//go:build !unix

package cli

import "os"

// ownedByUs is true where a user's own folder is kept from others by the system.
func ownedByUs(os.FileInfo) bool { return true }
