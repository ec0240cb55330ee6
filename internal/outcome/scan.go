package outcome

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"sync"
)

// scanSlots is how many slots a scan reads at once, under the lock of the labels.
const scanSlots = 512

// A scan reads a file's records in order. stored is the current one, valid until next.
type scan struct {
	stored
	file  *file
	lock  sync.Locker // keeps labels still while slots are read
	moves bool        // whether the file's cursor moves along: it is being rewritten

	at    int64 // slots read from disk
	slots []byte
	rest  []byte
	texts *bufio.Reader
	text  []byte
	sums  header
	key   Key
}

func newScan(f *file, lock sync.Locker, moves bool) *scan {
	return &scan{
		file: f, lock: lock, moves: moves,
		slots: make([]byte, scanSlots*slotBytes),
		texts: bufio.NewReaderSize(io.NewSectionReader(f.f, f.texts, f.size), 128<<10),
		text:  make([]byte, textBytes),
	}
}

// next reads the next record and checks it; at the end, where it says false, the file as a whole.
func (s *scan) next() (bool, error) {
	if s.sums.count == s.file.count {
		return false, s.end()
	}
	if len(s.rest) == 0 {
		if err := s.fill(); err != nil {
			return false, err
		}
	}
	slot := s.rest[:slotBytes]
	s.rest = s.rest[slotBytes:]
	at := slotOffset(s.sums.count)
	offset, size := decodeSlot(slot, &s.stored)
	if size > len(s.text) || offset != uint64(s.sums.size) || s.sums.size+int64(size) > s.file.size {
		return false, s.file.damaged(at, errSlot)
	}
	s.stored.text = s.text[:size]
	if _, err := io.ReadFull(s.texts, s.stored.text); err != nil {
		return false, err
	}
	if err := s.check(slot); err != nil {
		return false, s.file.damaged(at, err)
	}
	if err := decodeMark(slot, &s.mark); err != nil {
		return false, s.file.damaged(at+markOffset, err)
	}
	if s.sums.count > 0 && bytes.Compare(s.key[:], s.stored.key[:]) >= 0 {
		return false, s.file.damaged(at, errors.New("its key is not above the one before"))
	}
	s.key = s.stored.key
	s.sums.add(s.crc, size, &s.stored.entry, s.time)
	return true, nil
}

func (s *scan) fill() error {
	n := min(scanSlots, s.file.count-s.at)
	s.rest = s.slots[:n*slotBytes]
	s.lock.Lock()
	defer s.lock.Unlock()
	if _, err := s.file.f.ReadAt(s.rest, slotOffset(s.at)); err != nil {
		return err
	}
	s.at += n
	if s.moves {
		s.file.cursor = s.at
	}
	return nil
}

func (s *scan) end() error {
	if s.sums.checksum != s.file.checksum || s.sums.size != s.file.size {
		return s.file.damaged(0, errors.New("its records are not those that the header counted"))
	}
	return nil
}
