//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd || windows)

package auth

import (
	"errors"
	"os"
)

// lockFile refuses: without locks, two processes could write the same file.
func lockFile(*os.File) (bool, error) { return false, errors.ErrUnsupported }
