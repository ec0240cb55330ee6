// Package lambdazip writes what AWS Lambda runs by the runtime provided.al2023: a zip with a program, bootstrap, and files
// beside it. The same files make the same bytes, whatever their times, modes, owners and order are.
package lambdazip

import (
	"archive/zip"
	"compress/flate"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"
)

// What Lambda takes: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html.
const (
	MaxUnpacked = 250 << 20 // bytes of all files, layers included
	MaxUpload   = 50 << 20  // bytes of a zip that is uploaded as it is; a larger one comes from S3
)

// Bootstrap is the name of the program.
const Bootstrap = "bootstrap"

// A File is one of the zip's.
type File struct {
	Name string // its path, with slashes
	Open func() (io.ReadCloser, error)
	Sum  string // hexadecimal SHA-256 that its bytes must have; "": any
}

// A Packed file is in the zip.
type Packed struct {
	Name string
	Size int64 // bytes, unpacked
}

var (
	errChanged  = errors.New("has changed while it was packed")
	errTooLarge = fmt.Errorf("the files are larger than the %d MiB that Lambda unpacks: take versions out, or keep models in S3 (models.dir)", MaxUnpacked>>20)
)

// Write writes a zip of files, and returns what is in it, by name. It refuses paths that lead out of it, ones that stand
// twice, and more than Lambda unpacks.
func Write(w io.Writer, files []File) ([]Packed, error) { return write(w, files, MaxUnpacked) }

func write(w io.Writer, files []File, left int64) ([]Packed, error) {
	files = slices.Clone(files)
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	if err := check(files); err != nil {
		return nil, err
	}
	z := zip.NewWriter(w)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) {
		return flate.NewWriter(w, flate.BestCompression)
	})
	var all []Packed
	for _, f := range files {
		n, err := add(z, f, left)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		all = append(all, Packed{f.Name, n})
		left -= n
	}
	return all, z.Close()
}

// check refuses names that files cannot have beside each other. They are in order.
func check(files []File) error {
	taken := map[string]bool{}
	for _, f := range files {
		if !fs.ValidPath(f.Name) || f.Name == "." || strings.ContainsAny(f.Name, "\\:\x00\n\r") {
			return fmt.Errorf("%.80q: is not the path of a file in a zip", f.Name)
		}
		if taken[f.Name] {
			return fmt.Errorf("%s: stands twice", f.Name)
		}
		taken[f.Name] = true
	}
	for _, f := range files {
		for dir := f.Name; strings.Contains(dir, "/"); {
			dir = dir[:strings.LastIndexByte(dir, '/')]
			if taken[dir] {
				return fmt.Errorf("%s: is a file, and %s is below it", dir, f.Name)
			}
		}
	}
	return nil
}

// epoch is when all files were changed last: the first time that a zip can tell.
var epoch = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// add packs a file that may have as many bytes as are left.
func add(z *zip.Writer, f File, left int64) (int64, error) {
	h := &zip.FileHeader{Name: f.Name, Method: zip.Deflate, Modified: epoch}
	h.SetMode(0o644) // the function runs as somebody else
	if f.Name == Bootstrap {
		h.SetMode(0o755)
	}
	w, err := z.CreateHeader(h)
	if err != nil {
		return 0, err
	}
	r, err := f.Open()
	if err != nil {
		return 0, err
	}
	defer r.Close()
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(w, sum), io.LimitReader(r, left+1))
	switch {
	case err != nil:
		return 0, err
	case n > left:
		return 0, errTooLarge
	case f.Sum != "" && hex.EncodeToString(sum.Sum(nil)) != f.Sum:
		return 0, errChanged
	}
	return n, nil
}
