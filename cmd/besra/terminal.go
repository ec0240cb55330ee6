package main

import (
	"io"
	"os"
)

// isTerminal tells whether w shows lines to somebody, who can be shown a line that changes.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
