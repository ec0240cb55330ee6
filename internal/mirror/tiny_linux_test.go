package mirror_test

import (
	"fmt"
	"syscall"
	"testing"
)

// tiny makes a directory one of a file system of so many bytes, until it is freed and has enough; where that takes rights
// that there are not, files may have no more.
func tiny(t *testing.T, dir string, bytes uint64) (free func()) {
	t.Helper()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", bytes)); err != nil {
		t.Logf("no file system can be mounted here: %v", err)
		return limit(t, bytes)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	return func() { must(t, syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size=64m")) }
}
