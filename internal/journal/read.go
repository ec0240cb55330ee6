package journal

import (
	"fmt"
	"os"
	"slices"
)

// Read visits all whole records with a position of at least from that are written and kept, oldest first, up to those
// written when it was called. The record is valid during the call. An error of visit ends it and is returned.
//
// visit must not call Read, Snapshot, Latest, Rewrite or Close.
func (j *Journal) Read(from uint64, visit func(position uint64, record []byte) error) error {
	j.files.RLock()
	defer j.files.RUnlock()
	segments, err := j.now()
	if err != nil {
		return err
	}
	for _, s := range segments {
		if s.last < from || s.last == s.after {
			continue
		}
		_, err := s.read(func(position uint64, record []byte) error {
			if position < from {
				return nil
			}
			return visit(position, record)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// now returns the segments as they are now.
func (j *Journal) now() ([]segment, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return nil, ErrClosed
	}
	segments := slices.Clone(j.segments)
	s := &segments[len(segments)-1]
	s.last, s.size = j.written, j.size
	return segments, nil
}

// read visits the records of a segment that are not void, all of which must be sound, and returns where they end. A
// nil visit only checks.
func (s segment) read(visit func(position uint64, record []byte) error) (end int64, err error) {
	f, err := os.Open(s.path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	r := newScanner(f, headerSize, info.Size(), s.first)
	for r.position <= s.last {
		position, offset := r.position, r.offset
		record, ok, err := r.next()
		if err != nil {
			return 0, fmt.Errorf("%s: %w", s.path, err)
		}
		if !ok {
			return 0, &DamagedError{s.path, offset, fmt.Sprintf("record %d is not sound; the segment should hold records up to %d", position, s.last)}
		}
		if visit == nil {
			continue
		}
		if err := visit(position, record); err != nil {
			return 0, err
		}
	}
	return r.offset, nil
}

// First is the first position of the oldest segment that is kept; it is above Last when there are no records.
func (j *Journal) First() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.segments[0].first
}

// Last is the position that was given out last; 0: none.
func (j *Journal) Last() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.last
}

// Stats returns figures. It asks no disk.
func (j *Journal) Stats() Stats {
	j.mu.Lock()
	defer j.mu.Unlock()
	s := Stats{
		Segments: len(j.segments), Last: j.last, Durable: j.durable,
		Failed: j.failed != nil, LastError: j.lastErr, Bytes: j.size,
	}
	for _, segment := range j.segments[:len(j.segments)-1] {
		s.Bytes += segment.size
	}
	for _, snapshot := range j.kept {
		s.Bytes += snapshot.size
		s.SnapshotAt = snapshot.position
	}
	return s
}
