//go:build unix

package mirror

import (
	"io/fs"
	"os"
	"syscall"
)

// isOurs reports whether nobody else can change what is in a directory.
func isOurs(info fs.FileInfo) bool {
	s, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(s.Uid) == os.Geteuid() && info.Mode().Perm()&0o022 == 0
}
