//go:build !unix

package outcome

// syncDir does nothing: the system cannot sync a directory.
func syncDir(string) error { return nil }
