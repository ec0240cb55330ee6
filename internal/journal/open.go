package journal

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/besra-ml/besra/internal/disk"
)

// A segment is a file of records.
type segment struct {
	header
	path string
	last uint64 // position of its last record that is not void; after, when it has none
	size int64  // where that ends
}

// Open takes hold of the directory, checks what recovery needs of it, and finds the end of its records. A torn tail is
// cut at the last whole record. It returns a DamagedError when anything else does not fit, and then has changed
// nothing; and ErrInUse when another process has the directory.
func Open(o Options) (*Journal, error) {
	if err := o.complete(); err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	lock, err := hold(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	j := &Journal{o: o, lock: lock, stop: make(chan struct{}), done: make(chan struct{})}
	if err := j.load(); err != nil {
		lock.Close()
		return nil, fmt.Errorf("journal: %w", err)
	}
	go j.tend()
	return j, nil
}

func (o *Options) complete() error {
	o.Interval = cmp.Or(o.Interval, 100*time.Millisecond)
	o.Segment = cmp.Or(o.Segment, 64<<20)
	o.Keep = cmp.Or(o.Keep, 10<<30)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.OpenFile == nil {
		o.OpenFile = func(name string, flag int, perm os.FileMode) (File, error) { return os.OpenFile(name, flag, perm) }
	}
	switch {
	case o.Dir == "":
		return errors.New("no directory is given")
	case int(o.Sync) >= len(syncNames):
		return fmt.Errorf("unknown sync %v", o.Sync)
	case o.Interval < 0:
		return fmt.Errorf("the interval %v is negative", o.Interval)
	case o.Segment < 0 || o.Segment > maxSegment:
		return fmt.Errorf("segments of %d bytes: 1 to %d are possible", o.Segment, maxSegment)
	}
	return nil
}

// load finds out what the directory holds, and only then changes it.
func (j *Journal) load() error {
	unfinished, err := j.list()
	if err != nil {
		return err
	}
	torn, err := j.readHeaders()
	if err != nil {
		return err
	}
	if len(j.segments) == 0 && torn == nil && len(j.kept) > 0 {
		return &DamagedError{segmentPath(j.o.Dir, j.kept[0].position+1), 0, "there are snapshots, but no segments"}
	}
	fileSize, err := j.check()
	if err != nil {
		return err
	}
	through := uint64(0)
	if torn != nil {
		through = torn.first - 1
	}
	for _, s := range j.kept {
		through = max(through, s.position, s.through)
	}

	for _, path := range unfinished {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	if torn != nil {
		j.o.Log.Warn("journal: a segment without a whole header is removed", "file", torn.path, "bytes", torn.size)
		if err := os.Remove(torn.path); err != nil {
			return err
		}
	}
	return j.resume(fileSize, through)
}

// list sorts the directory's files.
func (j *Journal) list() (unfinished []string, err error) {
	entries, err := os.ReadDir(j.o.Dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		name, path := e.Name(), filepath.Join(j.o.Dir, e.Name())
		if first, ok := parseName(name, "journal-", segmentEnd); ok {
			j.segments = append(j.segments, segment{path: path, header: header{first: first}})
		}
		if position, ok := parseName(name, "snapshot-", snapshotEnd); ok {
			s := snapshot{path: path, position: position}
			if s.size, s.through, err = peekSnapshot(path); err != nil {
				return nil, err
			}
			j.kept = append(j.kept, s)
		}
		whole, ok := strings.CutSuffix(name, unfinishedEnd)
		_, isSegment := parseName(whole, "journal-", segmentEnd)
		_, isSnapshot := parseName(whole, "snapshot-", snapshotEnd)
		if ok && (isSegment || isSnapshot) {
			unfinished = append(unfinished, path)
		}
	}
	slices.SortFunc(j.segments, func(a, b segment) int { return cmp.Compare(a.first, b.first) })
	slices.SortFunc(j.kept, func(a, b snapshot) int { return cmp.Compare(a.position, b.position) })
	return unfinished, nil
}

// readHeaders reads how segments follow each other. A last segment without a whole header is torn: it is taken off the
// list.
func (j *Journal) readHeaders() (torn *segment, err error) {
	for i := range j.segments {
		s := &j.segments[i]
		b, size, err := readStart(s.path, headerSize)
		if err != nil {
			return nil, err
		}
		s.size = size
		if len(b) < headerSize && i == len(j.segments)-1 && s.first > 0 && s.first <= toLead/2 {
			torn = s
			break
		}
		h, at, err := parseHeader(b, segmentMagic)
		if err != nil {
			return nil, &DamagedError{s.path, at, err.Error()}
		}
		if h.first != s.first || h.first <= h.after || h.first > toLead/2 {
			return nil, &DamagedError{s.path, 16, fmt.Sprintf("its header says that it begins with record %d, after %d", h.first, h.after)}
		}
		s.header = h
	}
	if torn != nil {
		j.segments = j.segments[:len(j.segments)-1]
	}
	return torn, nil
}

// check reads all segments that recovery needs, and sets where they end. It returns the size of the last one's file.
func (j *Journal) check() (fileSize int64, err error) {
	needed := uint64(0)
	if len(j.kept) > 0 {
		needed = j.kept[0].position + 1
	}
	for i := range j.segments {
		s := &j.segments[i]
		fileSize = s.size
		if i == len(j.segments)-1 {
			return fileSize, j.checkLast(s)
		}
		next := j.segments[i+1]
		if next.after < s.after || next.after > s.after && next.after < s.first {
			return 0, &DamagedError{next.path, 16, fmt.Sprintf("it continues after record %d, and the segment before after %d", next.after, s.after)}
		}
		s.last = next.after
		if next.after < needed || s.last == s.after {
			continue // not needed: checked when it is read
		}
		if s.size, err = s.read(nil); err != nil {
			return 0, err
		}
	}
	return 0, nil
}

// checkLast finds the end of the last segment.
func (j *Journal) checkLast(s *segment) error {
	f, err := os.Open(s.path)
	if err != nil {
		return err
	}
	defer f.Close()
	r := newScanner(f, headerSize, s.size, s.first)
	for ok := true; ok; {
		if _, ok, err = r.next(); err != nil {
			return fmt.Errorf("%s: %w", s.path, err)
		}
	}
	size := s.size
	s.size, s.last = r.offset, r.position-1
	if s.last < s.first {
		s.last = s.after
	}
	if s.size == size {
		return nil
	}
	if size-s.size > maxSegment+maxQueue {
		return &DamagedError{s.path, s.size, "too much follows this record to look for the next"}
	}
	rest := make([]byte, size-s.size)
	if _, err := f.ReadAt(rest, s.size); err != nil {
		return fmt.Errorf("%s: %w", s.path, err)
	}
	if soundAfter(rest, r.position) {
		return &DamagedError{s.path, s.size, fmt.Sprintf("record %d is not sound, but a later one is", r.position)}
	}
	return nil
}

// resume opens the last segment for writing, without its torn tail, or makes the first one. Positions up to through are
// not given out again.
func (j *Journal) resume(fileSize int64, through uint64) error {
	if len(j.segments) == 0 {
		j.last, j.settled, j.written = through, through, through
		if err := j.begin(header{after: through, first: through + 1}, nil, through); err != nil {
			return err
		}
		return disk.SyncDir(filepath.Dir(filepath.Clean(j.o.Dir)))
	}
	s := j.segments[len(j.segments)-1]
	file, err := j.o.OpenFile(s.path, os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if s.size < fileSize {
		j.o.Log.Warn("journal: a torn tail is cut", "file", s.path, "offset", s.size, "bytes", fileSize-s.size, "last", s.last)
		err = file.Truncate(s.size)
	}
	if err == nil {
		err = file.Sync()
	}
	if err != nil {
		return errors.Join(fmt.Errorf("%s: %w", s.path, err), file.Close())
	}
	j.tail = tail{file: file, written: s.last, size: s.size}
	j.durable, j.synced = s.last, s.size
	j.last = max(s.last, s.first-1, through)
	j.settled = j.last
	return nil
}

// readStart returns up to n bytes of a file, and its size.
func readStart(path string, n int) ([]byte, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, fmt.Errorf("%s: %w", path, fs.ErrInvalid)
	}
	b := make([]byte, n)
	got, err := io.ReadFull(f, b)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, 0, err
	}
	return b[:got], info.Size(), nil
}

// Skip keeps positions up to this one from being given out, since something beside the journal has them. It is for
// before the first Append.
func (j *Journal) Skip(position uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if position > j.last && j.settled == j.last {
		j.last, j.settled = position, position // the next record begins a segment, whose header tells of the gap
	}
}
