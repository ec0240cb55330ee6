//go:build unix

package app

import (
	"syscall"
	"testing"
)

// openFiles asks for n open files, and returns how many this process may have.
func openFiles(t *testing.T, n int) int {
	t.Helper()
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		t.Fatal(err)
	}
	if l.Cur < uint64(n) && l.Cur < l.Max {
		l.Cur = min(l.Max, uint64(n))
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
			t.Fatal(err)
		}
	}
	return int(min(l.Cur, uint64(n)))
}
