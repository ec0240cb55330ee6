package journal

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"

	"github.com/besra-ml/besra/internal/disk"
)

// A snapshot is a file that replaces the records up to its position.
type snapshot struct {
	path     string
	position uint64
	through  uint64 // last position of which it may show effects; 0: unknown, the file is damaged
	size     int64  // of the file
}

const (
	blockSize = 64 << 10
	endSize   = 20 // after the last block: bytes, through, checksum
)

// Snapshot writes a snapshot: everything up to position is in it, so that recovery needs only the records after. It may
// show effects of later records as well, as far as applying them again does no harm. Once it is durable, snapshots
// before the previous one are removed, and segments that neither of the two needs, oldest first, until at most Keep
// bytes of those are left.
//
// After an error of write, or of the disk in writing it, there is no such snapshot. While the journal has failed, there are no snapshots: they
// would show what was refused.
func (j *Journal) Snapshot(position uint64, write func(io.Writer) error) error {
	j.upkeep.Lock()
	defer j.upkeep.Unlock()
	failures, err := j.mayKeep(position)
	if err != nil {
		return err
	}
	s := snapshot{path: snapshotPath(j.o.Dir, position), position: position}
	if err := j.writeSnapshot(&s, failures, write); err != nil {
		return fmt.Errorf("%s: %w", s.path, err)
	}
	j.mu.Lock()
	for len(j.kept) > 0 && j.kept[len(j.kept)-1].position >= position {
		j.kept = j.kept[:len(j.kept)-1] // of the same position: its file has just been replaced
	}
	j.kept = append(j.kept, s)
	j.mu.Unlock()
	return j.trim()
}

// mayKeep refuses snapshots that cannot be, and returns the number of failures so far.
func (j *Journal) mayKeep(position uint64) (failures uint64, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch n := len(j.kept); {
	case j.closed:
		return 0, ErrClosed
	case j.failed != nil:
		return 0, j.failed
	case position > j.last:
		return 0, fmt.Errorf("a snapshot of position %d: the last is %d", position, j.last)
	case n > 0 && position < j.kept[n-1].position:
		return 0, fmt.Errorf("a snapshot of position %d: there is one of %d", position, j.kept[n-1].position)
	}
	return j.failures, nil
}

func (j *Journal) writeSnapshot(s *snapshot, failures uint64, write func(io.Writer) error) error {
	file, err := j.o.OpenFile(s.path+unfinishedEnd, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	w := &blockWriter{file: file, pending: make([]byte, 0, blockSize), next: 1}
	w.put(header{first: s.position}.append(nil, snapshotMagic))
	err = write(w)
	if err == nil {
		s.through, err = j.settle(failures)
	}
	if err == nil {
		err = w.finish(s.through)
	}
	s.size = w.size
	return j.o.finish(file, s.path, err)
}

// Settle has everything queued so far written and fsynced, whatever Sync says, and returns the last position of that.
func (j *Journal) Settle() (through uint64, err error) {
	j.mu.Lock()
	failures := j.failures
	j.mu.Unlock()
	return j.settle(failures)
}

// settle has everything queued so far written and fsynced, and returns the last position of that. What a snapshot shows
// is then in the journal too: nothing of it was refused, unless there were failures since the caller counted them.
func (j *Journal) settle(failures uint64) (through uint64, err error) {
	j.mu.Lock()
	j.lead()
	j.flush()
	through, err = j.settled, j.failed
	if err == nil && j.failures != failures {
		err = fmt.Errorf("%w meanwhile: %w", ErrFailed, j.lastErr)
	}
	j.release()
	j.mu.Unlock()
	if err == nil {
		err = j.sync()
	}
	return through, err
}

// trim removes what Snapshot promises to.
func (j *Journal) trim() error {
	j.files.Lock()
	defer j.files.Unlock()
	j.mu.Lock()
	var paths []string
	for len(j.kept) > 2 {
		paths = append(paths, j.kept[0].path)
		j.kept = j.kept[1:]
	}
	if len(j.kept) == 2 {
		unneeded, bytes := 0, int64(0)
		for i := 0; i < len(j.segments)-1 && j.segments[i+1].after <= j.kept[0].position; i++ {
			unneeded++
			bytes += j.segments[i].size
		}
		drop := 0
		for ; drop < unneeded && bytes > j.o.Keep; drop++ {
			paths = append(paths, j.segments[drop].path)
			bytes -= j.segments[drop].size
		}
		j.segments = j.segments[drop:]
	}
	j.mu.Unlock()
	for _, path := range paths {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	if len(paths) == 0 {
		return nil
	}
	return disk.SyncDir(j.o.Dir)
}

// A blockWriter cuts what is written to it into blocks.
type blockWriter struct {
	file    File
	pending []byte
	framed  []byte
	next    uint64 // block
	size    int64  // of the file
	bytes   uint64 // of all blocks
	err     error
}

func (w *blockWriter) Write(b []byte) (int, error) {
	total := len(b)
	for len(b) > 0 && w.err == nil {
		n := min(len(b), blockSize-len(w.pending))
		w.pending = append(w.pending, b[:n]...)
		b = b[n:]
		if len(w.pending) == blockSize {
			w.block()
		}
	}
	return total - len(b), w.err
}

func (w *blockWriter) block() {
	w.framed = appendRecord(w.framed[:0], w.pending, payloadSum(w.pending), w.next)
	w.put(w.framed)
	w.bytes += uint64(len(w.pending))
	w.pending = w.pending[:0]
	w.next++
}

func (w *blockWriter) finish(through uint64) error {
	if len(w.pending) > 0 {
		w.block()
	}
	w.block()
	end := binary.LittleEndian.AppendUint64(nil, w.bytes)
	end = binary.LittleEndian.AppendUint64(end, through)
	w.put(binary.LittleEndian.AppendUint32(end, crc32.Checksum(end, castagnoli)))
	return w.err
}

func (w *blockWriter) put(b []byte) {
	if w.err != nil {
		return
	}
	n, err := w.file.WriteAt(b, w.size)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	w.size += int64(n)
	w.err = err
}

// peekSnapshot reads the size and end of a snapshot. Whether the rest is sound is found out when it is needed.
func peekSnapshot(path string) (size int64, through uint64, err error) {
	f, err := os.Open(filepath.Clean(path))
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.Size() < endSize {
		return 0, 0, err
	}
	var end [endSize]byte
	if _, err := f.ReadAt(end[:], info.Size()-endSize); err != nil {
		return 0, 0, err
	}
	_, through, _ = parseEnd(end[:])
	return info.Size(), through, nil
}

func parseEnd(b []byte) (bytes, through uint64, ok bool) {
	if binary.LittleEndian.Uint32(b[16:]) != crc32.Checksum(b[:16], castagnoli) {
		return 0, 0, false
	}
	return binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:]), true
}
