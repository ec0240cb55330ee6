package journal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

// Latest opens the newest snapshot, having checked all of it. A damaged one is logged and passed over for the one
// before, and in the end for none, if the records since then are kept; else it is a DamagedError. Without a snapshot it
// returns 0, nil, nil.
func (j *Journal) Latest() (position uint64, r io.ReadCloser, err error) {
	j.files.RLock()
	defer j.files.RUnlock()
	j.mu.Lock()
	kept, after, closed := slices.Clone(j.kept), j.segments[0].after, j.closed
	j.mu.Unlock()
	if closed {
		return 0, nil, ErrClosed
	}
	var first *DamagedError
	for i := len(kept) - 1; i >= 0; i-- {
		s := kept[i]
		r, err := s.open()
		var damaged *DamagedError
		switch {
		case errors.As(err, &damaged):
			j.o.Log.Error("journal: a damaged snapshot is passed over", "error", damaged)
			if first == nil {
				first = damaged
			}
		case err != nil:
			return 0, nil, fmt.Errorf("journal: %w", err)
		case s.position < after:
			r.Close()
			return 0, nil, j.gone(first, s.position, after)
		default:
			return s.position, r, nil
		}
	}
	if after > 0 {
		return 0, nil, j.gone(first, 0, after)
	}
	return 0, nil, nil
}

// gone says that the records between a snapshot and the first segment are missing.
func (j *Journal) gone(damaged *DamagedError, position, after uint64) error {
	if damaged != nil {
		return fmt.Errorf("journal: %w; and records %d to %d, which could replace it, are no longer kept", damaged, position+1, after)
	}
	return fmt.Errorf("journal: %w", &DamagedError{
		segmentPath(j.o.Dir, position+1), 0,
		fmt.Sprintf("records %d to %d are gone, and no snapshot holds them", position+1, after),
	})
}

// open checks a snapshot from end to end and returns a reader of its content.
func (s snapshot) open() (io.ReadCloser, error) {
	f, err := os.Open(s.path)
	if err != nil {
		return nil, err
	}
	r := &blockReader{path: s.path, file: f}
	err = r.start(s.position)
	if err == nil {
		_, err = io.Copy(io.Discard, r)
	}
	if err == nil {
		err = r.start(s.position)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return r, nil
}

// A blockReader reads the content of a snapshot, of which it believes nothing.
type blockReader struct {
	path  string
	file  *os.File
	scan  *scanner
	left  []byte // of the block
	bytes uint64 // so far
	err   error
}

func (r *blockReader) start(position uint64) error {
	b, size, err := readStart(r.path, headerSize)
	if err != nil {
		return err
	}
	h, at, err := parseHeader(b, snapshotMagic)
	if err != nil {
		return &DamagedError{r.path, at, err.Error()}
	}
	if h.first != position || h.after != 0 {
		return &DamagedError{r.path, 16, fmt.Sprintf("its header says position %d", h.first)}
	}
	*r = blockReader{path: r.path, file: r.file, scan: newScanner(r.file, headerSize, size-endSize, 1)}
	return nil
}

func (r *blockReader) Read(b []byte) (int, error) {
	for len(r.left) == 0 && r.err == nil && len(b) > 0 {
		r.left, r.err = r.block()
		r.bytes += uint64(len(r.left))
	}
	n := copy(b, r.left)
	r.left = r.left[n:]
	if n > 0 {
		return n, nil
	}
	return 0, r.err
}

// block returns the next block, or io.EOF at a sound end.
func (r *blockReader) block() ([]byte, error) {
	offset := r.scan.offset
	block, ok, err := r.scan.next()
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", r.path, err)
	case !ok:
		return nil, &DamagedError{r.path, offset, fmt.Sprintf("block %d is not sound", r.scan.position)}
	case len(block) > 0:
		return block, nil
	}
	var end [endSize]byte
	if _, err := r.file.ReadAt(end[:], r.scan.offset); err != nil {
		return nil, fmt.Errorf("%s: %w", r.path, err)
	}
	if bytes, _, ok := parseEnd(end[:]); !ok || bytes != r.bytes || r.scan.offset != r.scan.end {
		return nil, &DamagedError{r.path, r.scan.offset, "its end does not fit"}
	}
	return nil, io.EOF
}

func (r *blockReader) Close() error { return r.file.Close() }
