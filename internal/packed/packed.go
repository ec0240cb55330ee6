// Package packed reads files that may be packed: by gzip or zstd, as their first bytes say, whatever they are called.
package packed

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// ErrTooLarge is returned, wrapped, for a file that unpacks to more than is taken.
var ErrTooLarge = errors.New("unpacks to too much")

// window bounds the memory of zstd, in bytes: what zstd --ultra and --long take.
const window = 128 << 20

// sniffed is how many bytes tell how a file is packed.
const sniffed = 4

// A Reader reads what is in a file. It looks how the file is packed when it is first asked.
type Reader struct {
	r  *bufio.Reader // of the file
	in io.Reader     // nil: nobody has asked
	by string
}

// NewReader returns a Reader of what r has packed, or of r as it is. It starts nothing that would have to be ended.
func NewReader(r io.Reader) *Reader { return &Reader{r: bufio.NewReaderSize(r, 64<<10)} }

// Read reads what is in the file. Errors say how it is packed.
func (r *Reader) Read(p []byte) (int, error) {
	if r.in == nil {
		if err := r.open(); err != nil {
			return 0, r.wrap(err)
		}
	}
	n, err := r.in.Read(p)
	return n, r.wrap(err)
}

func (r *Reader) open() (err error) {
	head, err := r.r.Peek(sniffed)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	switch r.by = By(head); r.by {
	case "gzip":
		r.in, err = gzip.NewReader(r.r)
	case "zstd":
		r.in, err = zstd.NewReader(r.r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(window))
	default:
		r.in, err = r.r, nil
	}
	return err
}

// wrap says in an error by what a file is packed.
func (r *Reader) wrap(err error) error {
	switch {
	case err == nil || err == io.EOF || r.by == "": //nolint:errorlint // a wrapped EOF is an error of the packing
		return err
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		err = errors.New("ends too early")
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		err = fmt.Errorf("takes more than %d MiB of memory to unpack", window>>20)
	}
	return fmt.Errorf("%s: %w", r.by, err)
}

// By returns what packed the file that begins with head: gzip, zstd or, for one that is not packed, nothing.
func By(head []byte) string {
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		return "gzip"
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return "zstd"
	}
	return ""
}

// All unpacks the whole of r, and refuses more than limit bytes. It never holds more than twice that.
func All(r io.Reader, limit int64) (*bytes.Reader, error) {
	p := NewReader(r)
	data := make([]byte, 0, min(limit+1, 64<<10))
	for {
		n, err := p.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		switch {
		case int64(len(data)) > limit:
			return nil, fmt.Errorf("%s: %w: more than %d bytes", p.by, ErrTooLarge, limit)
		case err == io.EOF: //nolint:errorlint // a wrapped EOF is an error of the packing
			return bytes.NewReader(data), nil
		case err != nil:
			return nil, err
		}
		if len(data) == cap(data) {
			data = append(make([]byte, 0, min(2*int64(cap(data)), limit+1)), data...)
		}
	}
}

// Base returns the name of what is in a file of that name: fraud.ubj for fraud.ubj.gz.
func Base(name string) string {
	for _, ext := range []string{".gz", ".gzip", ".zst", ".zstd"} {
		if n := len(name) - len(ext); n > 0 && strings.EqualFold(name[n:], ext) {
			return name[:n]
		}
	}
	return name
}
