package auth

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/besra-ml/besra/internal/disk"
)

// patience is how long one who changes the file waits for another.
const patience = 5 * time.Second

// hold takes a lock, or waits for it. The file stays: who removed it could remove another's.
func hold(ctx context.Context, path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errors.New("another process has held it for too long"))
	defer cancel()
	for {
		locked, err := disk.Lock(f)
		switch {
		case err != nil:
			f.Close()
			return nil, fmt.Errorf("%s: %w", path, err)
		case locked:
			return func() { f.Close() }, nil
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, fmt.Errorf("%s: %w", path, context.Cause(ctx))
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// replaceFile writes a file whole or not at all, and durably. A new one is its owner's alone; one that is there keeps
// its owner and group, whose service would not read it otherwise, and is never open to all.
func replaceFile(path string, data []byte) error {
	mode := fs.FileMode(0o600)
	before, err := os.Stat(path)
	if err == nil {
		mode |= before.Mode().Perm() & 0o040
	}
	temporary := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+"."+rand.Text()[:8])
	f, err := os.OpenFile(temporary, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if before != nil {
		err = errors.Join(err, keepOwner(f, before), f.Chmod(mode))
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(temporary, path)
	}
	if err != nil {
		_ = os.Remove(temporary)
		return err
	}
	return disk.SyncDir(filepath.Dir(path))
}
