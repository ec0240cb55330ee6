package entity

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/besra-ml/besra/internal/disk"
)

const (
	keySize = 32  // bytes of a key that is made here
	minKey  = 16  // bytes
	maxFile = 512 // bytes
)

// NewKey makes a key.
func NewKey() []byte {
	key := make([]byte, keySize)
	_, _ = rand.Read(key) // never fails
	return key
}

// ReadKey reads a key's file: hexadecimal digits on one line.
func ReadKey(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular() || info.Size() > maxFile:
		return nil, fmt.Errorf("%s: is not a key's file", path)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return ParseKey(path, string(data))
}

// ParseKey reads a key, hexadecimal digits, of which errors say where it stands.
func ParseKey(where, text string) ([]byte, error) {
	key, err := hex.DecodeString(strings.TrimSpace(text))
	if err != nil || len(key) < minKey {
		return nil, fmt.Errorf("%s: want at least %d hexadecimal digits: openssl rand -hex %d", where, 2*minKey, keySize)
	}
	return key, nil
}

// ReadOrMakeKey reads a key's file, and makes it, for its owner alone, when it is not there.
func ReadOrMakeKey(path string) ([]byte, error) {
	key, err := ReadKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	key = NewKey()
	temporary := path + ".new"
	if err := writeKey(temporary, key); err != nil {
		return nil, err
	}
	if err := os.Rename(temporary, path); err != nil {
		return nil, err
	}
	_ = disk.SyncDir(filepath.Dir(path)) // some systems do not sync folders
	return key, nil
}

func writeKey(path string, key []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(hex.EncodeToString(key) + "\n")
	return errors.Join(err, f.Sync(), f.Close())
}
