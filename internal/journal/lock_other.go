//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd || windows)

package journal

import (
	"errors"
	"os"
)

// lockFile refuses: without locks, two processes could write the same journal.
func lockFile(*os.File) (bool, error) { return false, errors.ErrUnsupported }
