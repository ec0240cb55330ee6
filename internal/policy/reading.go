package policy

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"

	"github.com/besra-ml/besra/internal/strictyaml"
)

// A reading is what the files held.
type reading struct {
	set    Set
	files  []watched // the policies' own, then the lists
	digest [sha256.Size]byte
}

// errBusy says that somebody writes the files just now.
var errBusy = errors.New("changes while it is read")

// gather reads the policies at path and their lists.
func gather(path string) (r reading, err error) {
	sum := sha256.New()
	if err := r.watch(path); err != nil {
		return reading{}, err
	}
	data, err := strictyaml.ReadFile(path)
	if err != nil {
		return reading{}, err
	}
	add(sum, sha256.Sum256(data))
	if r.set, err = ParseSet(path, data); err != nil {
		return reading{}, err
	}
	err = r.set.Load(func(name string) (io.ReadCloser, error) {
		name = beside(path, name)
		if err := r.watch(name); err != nil {
			return nil, err
		}
		return openSummed(name, sum)
	})
	if err != nil {
		return reading{}, fmt.Errorf("%s: %w", path, err)
	}
	for _, f := range r.files {
		if f.changed() {
			return reading{}, fmt.Errorf("%s: %w", f.path, errBusy)
		}
	}
	sum.Sum(r.digest[:0])
	return r, nil
}

func (r *reading) watch(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	r.files = append(r.files, watched{path, info})
	return nil
}

// A watched file, as it looked before it was read.
type watched struct {
	path string
	info fs.FileInfo
}

func (f watched) changed() bool {
	now, err := os.Stat(f.path)
	return err != nil || !os.SameFile(now, f.info) || now.Size() != f.info.Size() || !now.ModTime().Equal(f.info.ModTime())
}

// sum adds the digest of the file's contents to h.
func (f watched) sum(h hash.Hash) error {
	s, err := openSummed(f.path, h)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, s)
	return errors.Join(err, s.Close())
}

func add(h hash.Hash, sum [sha256.Size]byte) { h.Write(sum[:]) }

// A summed file adds the digest of its contents to another when it is closed.
type summed struct {
	*os.File
	own, to hash.Hash
}

func openSummed(path string, to hash.Hash) (*summed, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	return &summed{f, sha256.New(), to}, nil
}

func (s *summed) Read(p []byte) (int, error) {
	n, err := s.File.Read(p)
	s.own.Write(p[:n])
	return n, err
}

// WriteTo hides the file's own, which would go past Read.
func (s *summed) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, struct{ io.Reader }{s})
}

func (s *summed) Close() error {
	add(s.to, [sha256.Size]byte(s.own.Sum(nil)))
	return s.File.Close()
}
