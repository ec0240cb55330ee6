//go:build !unix

package disk

// SyncDir does nothing: the system keeps names by itself, and has no call for it.
func SyncDir(string) error { return nil }
