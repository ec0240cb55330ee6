package bundle

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/besra-ml/besra"
	"github.com/besra-ml/besra/internal/strictyaml"
)

// What a zip file may hold. A folder is bounded by what its model may be.
const (
	maxEntries   = 10_000
	maxUnpacked  = 1 << 30  // bytes
	maxRatio     = 200      // of unpacked bytes to the zip's own
	freeUnpacked = 64 << 20 // bytes that any zip may unpack to
)

// contents reads the files of a bundle, and checks the digest of each.
type contents struct {
	fsys  fs.FS
	files map[string]string // the digests that the manifest lists
	sums  map[string]string // those of the files that were read
	notes []string
}

func newContents(fsys fs.FS) *contents { return &contents{fsys: fsys, sums: map[string]string{}} }

func (c *contents) has(path string) bool {
	_, err := fs.Stat(c.fsys, path)
	return err == nil
}

// use has read take what it needs of a file, and compares the digest of the whole file with the manifest's.
// The digest is judged first: whatever is wrong with half a file, the file is incomplete. Errors of read are
// returned as they are.
func (c *contents) use(path string, read func(r io.Reader, size int64) error) error {
	want, listed := c.files[path]
	f, size, err := c.open(path)
	if listed && errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %s is missing", ErrIncomplete, path)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, cause(err))
	}
	defer f.Close()
	if size > besra.MaxFile {
		return fmt.Errorf("%s: larger than %d bytes", path, int64(besra.MaxFile))
	}
	sum := sha256.New()
	t := io.TeeReader(io.LimitReader(f, size), sum)
	readErr := read(&sized{t, int(size)}, size)
	if _, err := io.Copy(io.Discard, t); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	got := hex.EncodeToString(sum.Sum(nil))
	c.sums[path] = got
	switch {
	case listed && got != want:
		return fmt.Errorf("%w: %s is not the file that %s lists: its digest is sha256:%s", ErrIncomplete, path, manifestFile, got)
	case !listed && c.files != nil:
		c.notes = append(c.notes, fmt.Sprintf("%s has no digest in %s: half a file would go unnoticed", path, manifestFile))
	}
	return readErr
}

// A sized reader knows how much there is, at the beginning.
type sized struct {
	io.Reader
	size int // bytes
}

func (s *sized) Len() int { return s.size }

// open opens a regular file and returns its size, beyond which it is not read.
func (c *contents) open(path string) (fs.File, int64, error) {
	info, err := fs.Stat(c.fsys, path) // before it is opened: a pipe might block
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, errors.New("is not a regular file")
	}
	f, err := c.fsys.Open(path)
	if err != nil {
		return nil, 0, err
	}
	info, err = f.Stat() // it may be another by now
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("is not a regular file")
	}
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, info.Size(), nil
}

// all returns a whole file of at most limit bytes.
func (c *contents) all(path string, limit int64) (data []byte, err error) {
	if _, listed := c.files[path]; !listed && !c.has(path) {
		return nil, fs.ErrNotExist
	}
	err = c.use(path, func(r io.Reader, size int64) error {
		if size > limit {
			return fmt.Errorf("%s: larger than %d bytes", path, limit)
		}
		var b bytes.Buffer
		b.Grow(int(size) + bytes.MinRead)
		_, err := b.ReadFrom(r)
		data = b.Bytes()
		return err
	})
	return data, err
}

// optional returns a small file that a bundle may have; nil when it has none.
func (c *contents) optional(path string) ([]byte, error) {
	if _, listed := c.files[path]; !listed && !c.has(path) {
		return nil, nil
	}
	data, err := c.all(path, strictyaml.MaxSize)
	if data == nil && err == nil {
		data = []byte{}
	}
	return data, err
}

// rest checks the listed files that nobody has read.
func (c *contents) rest() error {
	for _, path := range sortedKeys(c.files) {
		if _, read := c.sums[path]; read {
			continue
		}
		if err := c.use(path, func(io.Reader, int64) error { return nil }); err != nil {
			return err
		}
	}
	return nil
}

// digest returns the digest of all files that were read, by path.
func (c *contents) digest() string {
	h := sha256.New()
	for _, path := range sortedKeys(c.sums) {
		fmt.Fprintf(h, "%s %s\n", c.sums[path], path)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// isPath reports whether path leads to a file within a bundle, on every system.
func isPath(path string) bool {
	return fs.ValidPath(path) && path != "." && !strings.ContainsAny(path, "\\:\x00\n\r")
}

// checkZip refuses a zip file that is not what a bundle's is, before any of it is unpacked.
func checkZip(z *zip.Reader, size int64) error {
	if len(z.File) > maxEntries {
		return fmt.Errorf("has more than %d files", maxEntries)
	}
	seen := make(map[string]bool, len(z.File))
	limit := uint64(min(max(size*maxRatio, freeUnpacked), maxUnpacked))
	var total uint64
	for _, f := range z.File {
		name := strings.TrimSuffix(f.Name, "/")
		switch {
		case !isPath(name):
			return fmt.Errorf("%q: a path that leads out of the bundle", f.Name)
		case seen[name]:
			return fmt.Errorf("%q stands twice", f.Name)
		case !f.Mode().IsRegular() && !f.Mode().IsDir():
			return fmt.Errorf("%q: is not a regular file", f.Name)
		case f.UncompressedSize64 > limit-total:
			return fmt.Errorf("unpacks to more than %d bytes", limit)
		}
		seen[name] = true
		total += f.UncompressedSize64
	}
	return nil
}
