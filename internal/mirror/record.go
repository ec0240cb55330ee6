package mirror

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
)

// A record says what a folder is a copy of. It lies in the folder, so that both come and go together.
type record struct {
	Files map[string]recorded // by path
	twice bool                // it was fetched again to be sure
}

type recorded struct {
	Key    string
	Size   int64
	ETag   string
	SHA256 string // of the copy
}

const maxRecord = 8 << 20 // bytes

// of reports whether the copy is one of these files as they are.
func (r *record) of(files map[string]Object) bool {
	if r == nil || len(r.Files) != len(files) {
		return false
	}
	for name, o := range files {
		if !r.has(name, o) {
			return false
		}
	}
	return true
}

func (r *record) has(name string, o Object) bool {
	if r == nil {
		return false
	}
	is, ok := r.Files[name]
	return ok && is.Key == o.Key && is.Size == o.Size && is.ETag == o.ETag
}

func (r *record) write(root *os.Root, folder string) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return root.WriteFile(path.Join(folder, recordFile), text, 0o600)
}

// readRecord reads a folder's record and holds every file of the folder against it: whatever became of the folder since
// it was written, it is a copy, or an error.
func readRecord(root *os.Root, folder string) (*record, error) {
	f, err := root.Open(path.Join(folder, recordFile))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var r record
	text, err := io.ReadAll(io.LimitReader(f, maxRecord))
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil {
		return nil, err
	}
	found := 0
	err = fs.WalkDir(root.FS(), folder, func(at string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name := at[len(folder)+1:]
		if name == recordFile {
			return nil
		}
		is, ok := r.Files[name]
		if !ok || !d.Type().IsRegular() {
			return fmt.Errorf("%s: not of the copy", name)
		}
		found++
		sum, err := sumOf(root, at)
		if err == nil && sum != is.SHA256 {
			err = fmt.Errorf("%s: changed", name)
		}
		return err
	})
	if err == nil && found != len(r.Files) {
		err = errors.New("files are missing")
	}
	return &r, err
}

// sumOf returns the digest of a file.
func sumOf(root *os.Root, name string) (string, error) {
	f, err := root.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
