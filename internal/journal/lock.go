package journal

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/besra-ml/besra/internal/disk"
)

// hold takes the lock of a directory, which closing the file lets go. The file names the process that has it.
func hold(dir string) (*os.File, error) {
	path := filepath.Join(dir, "lock")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	locked, err := disk.Lock(f)
	if err == nil && !locked {
		owner, _ := io.ReadAll(io.LimitReader(f, 20))
		err = fmt.Errorf("%w %s", ErrInUse, strings.TrimSpace(string(owner)))
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	// Only for the message above: without it, the lock is as good.
	_ = f.Truncate(0)
	_, _ = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return f, nil
}
