//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd || windows)

package disk

import (
	"errors"
	"os"
)

// Lock refuses: without locks, two processes could write the same files.
func Lock(*os.File) (bool, error) { return false, errors.ErrUnsupported }
