package journal

import (
	"fmt"
	"os"
)

// Rewrite writes all records anew that were queued before it was called and are kept, each as keep says: as a
// replacement, which may be the record itself, or, without ok, as an empty record, so that positions stay. Records of
// old segments are replaced one file at a time; after an error or a crash, a file is as it was or as it should be,
// and Rewrite can be called again. Snapshots are not touched: what they know goes when two new ones are written.
//
// Others append meanwhile. keep must not call Snapshot, Rewrite or Close.
func (j *Journal) Rewrite(keep func(position uint64, record []byte) (replacement []byte, ok bool)) error {
	j.upkeep.Lock()
	defer j.upkeep.Unlock()
	if err := j.seal(); err != nil {
		return err
	}
	segments, err := j.now()
	if err != nil {
		return err
	}
	for _, s := range segments[:len(segments)-1] {
		size, err := j.rewrite(s, keep)
		if err != nil {
			return fmt.Errorf("%s: %w", s.path, err)
		}
		j.mu.Lock()
		for i := range j.segments {
			if j.segments[i].first == s.first {
				j.segments[i].size = size
			}
		}
		j.mu.Unlock()
	}
	return nil
}

// seal writes what is queued and begins a new segment, so that all before it are finished.
func (j *Journal) seal() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case j.closed:
		return ErrClosed
	case j.failed != nil:
		return j.failed
	}
	j.lead()
	defer j.release()
	j.flush()
	if j.failed != nil || j.size == headerSize {
		return j.failed
	}
	return j.startSegment()
}

// rewrite replaces a finished segment, and returns its new size. What is void is left out.
func (j *Journal) rewrite(s segment, keep func(uint64, []byte) ([]byte, bool)) (int64, error) {
	file, err := j.o.OpenFile(s.path+unfinishedEnd, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return 0, err
	}
	w := &blockWriter{file: file}
	batch := s.header.append(nil, segmentMagic)
	_, err = s.read(func(position uint64, record []byte) error {
		replacement, ok := keep(position, record)
		if !ok {
			replacement = nil
		}
		if len(replacement) > maxRecord {
			return fmt.Errorf("record %d: %w", position, ErrTooLarge)
		}
		batch = appendRecord(batch, replacement, payloadSum(replacement), position)
		if len(batch) > scanBuffer {
			w.put(batch)
			batch = batch[:0]
		}
		return w.err
	})
	w.put(batch)
	if err == nil {
		err = w.err
	}
	j.files.Lock()
	defer j.files.Unlock()
	return w.size, j.o.finish(file, s.path, err)
}
