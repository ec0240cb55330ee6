package journal

import (
	"encoding/binary"
	"errors"
	"io"
)

// A scanner reads records one after the other.
type scanner struct {
	file     io.ReaderAt
	offset   int64  // of the next record
	end      int64  // of the file
	position uint64 // of the next record
	buf      []byte
	ahead    []byte // what of buf is not yet consumed; begins at offset
}

const scanBuffer = 256 << 10

func newScanner(file io.ReaderAt, offset, end int64, position uint64) *scanner {
	return &scanner{file: file, offset: offset, end: end, position: position}
}

// next returns the record at offset, valid until the next call. With false, there is no sound record: the file is at
// its end, or what is there is something else. The error is the disk's.
func (s *scanner) next() ([]byte, bool, error) {
	if s.end-s.offset < headSize {
		return nil, false, nil
	}
	if err := s.need(headSize); err != nil {
		return nil, false, err
	}
	length := int64(binary.LittleEndian.Uint32(s.ahead))
	if length > maxRecord || length > s.end-s.offset-headSize {
		return nil, false, nil
	}
	if err := s.need(headSize + int(length)); err != nil {
		return nil, false, err
	}
	sum := binary.LittleEndian.Uint32(s.ahead[4:])
	payload := s.ahead[headSize : headSize+length : headSize+length]
	if recordSum(payloadSum(payload), s.position) != sum {
		return nil, false, nil
	}
	s.ahead = s.ahead[headSize+length:]
	s.offset += headSize + length
	s.position++
	return payload, true, nil
}

// need has n bytes in ahead; the file has them.
func (s *scanner) need(n int) error {
	have := len(s.ahead)
	if have >= n {
		return nil
	}
	size := int(min(max(scanBuffer, int64(n)), s.end-s.offset))
	if cap(s.buf) < size {
		grown := make([]byte, size)
		copy(grown, s.ahead)
		s.buf = grown
	} else {
		s.buf = s.buf[:cap(s.buf)]
		copy(s.buf, s.ahead)
		size = int(min(int64(cap(s.buf)), s.end-s.offset))
	}
	s.ahead = s.buf[:have]
	got, err := s.file.ReadAt(s.buf[have:size], s.offset+int64(have))
	s.ahead = s.buf[:have+got]
	switch {
	case have+got >= n:
		return nil
	case err == nil || errors.Is(err, io.EOF):
		return io.ErrUnexpectedEOF
	}
	return err
}
