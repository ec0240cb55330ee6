package mirror

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/besra-ml/besra/internal/disk"
)

// A room is a folder in which one process at a time keeps copies of what one address has. All goes through an os.Root,
// which follows no link out of it.
type room struct {
	*os.Root
	lock *os.File
	keep bool // what is in it stays when the process ends
}

// maxRooms is how many processes of one machine may have copies of one address.
const maxRooms = 64

// The folders of a room.
const (
	modelsFolder = "models" // a directory of models
	bundleFolder = "bundle" // a single bundle
	objectFolder = "object" // a single object
	tmpFolder    = "tmp"    // what is being fetched
)

// takeRoom takes a room for what identity says, below dir: that of the last process, if it has ended. Without dir the
// room is among the system's temporary files, and is emptied at the end.
func takeRoom(dir, identity string) (*room, error) {
	sum := sha256.Sum256([]byte(identity))
	keep := dir != ""
	dir = cmp.Or(dir, os.TempDir())
	if keep {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
	}
	base := filepath.Join(dir, "besra-"+hex.EncodeToString(sum[:6]))
	for n := range maxRooms {
		path := base
		if n > 0 {
			path = fmt.Sprintf("%s-%d", base, n)
		}
		r, err := enter(path)
		if err != nil {
			return nil, fmt.Errorf("a place for copies of models (models.cache names another): %w", err)
		}
		if r != nil {
			r.keep = keep
			return r, nil
		}
	}
	return nil, fmt.Errorf("%d processes have copies of the same models in %s", maxRooms, dir)
}

// enter enters a room; nil: it is another's.
func enter(path string) (*room, error) {
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	if info, err := os.Lstat(path); err != nil || !info.IsDir() || !isOurs(info) {
		return nil, err // in a directory that everybody writes to, somebody else may have made it
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	r := &room{Root: root}
	if r.lock, err = root.OpenFile("lock", os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	if locked, err := disk.Lock(r.lock); err != nil || !locked {
		return nil, errors.Join(err, r.lock.Close(), root.Close())
	}
	for _, folder := range []string{modelsFolder, bundleFolder, objectFolder} {
		if err := root.MkdirAll(folder, 0o700); err != nil {
			return nil, errors.Join(err, r.leave())
		}
	}
	if err := errors.Join(root.RemoveAll(tmpFolder), root.Mkdir(tmpFolder, 0o700)); err != nil {
		return nil, errors.Join(err, r.leave())
	}
	return r, nil
}

// path returns where a folder of the room is.
func (r *room) path(folder string) string { return filepath.Join(r.Name(), folder) }

// leave lets others have the room. It stays itself, as they may be about to take it.
func (r *room) leave() error {
	var err error
	if !r.keep {
		for _, folder := range []string{modelsFolder, bundleFolder, objectFolder, tmpFolder} {
			err = errors.Join(err, r.RemoveAll(folder))
		}
	}
	return errors.Join(err, r.lock.Close(), r.Close())
}
