package outcome

import (
	"bufio"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"math"
	"os"
	"path/filepath"

	"github.com/besra-ml/besra/internal/disk"
)

func checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli()) }

// A writer writes a file of records in the order of their keys. It makes room for all slots first, so that slots and
// texts are written side by side and memory is bounded.
type writer struct {
	dir    string
	f      *os.File
	slots  *bufio.Writer
	texts  *bufio.Writer
	head   header
	fences []uint64
	slot   []byte
}

// newWriter begins a file for at most room records.
func newWriter(dir string, room int64) (*writer, error) {
	f, err := os.CreateTemp(dir, "outcome-*.tmp")
	if err != nil {
		return nil, err
	}
	texts := headerBytes + room*slotBytes
	return &writer{
		dir: dir, f: f, slot: make([]byte, 0, slotBytes),
		slots: bufio.NewWriterSize(io.NewOffsetWriter(f, headerBytes), 256<<10),
		texts: bufio.NewWriterSize(io.NewOffsetWriter(f, texts), 256<<10),
		head:  header{texts: texts, newest: math.MinInt64},
	}, nil
}

// add writes a record. newest is its time for the purpose of retention.
func (w *writer) add(e *entry, text []byte, newest int64) error {
	if w.head.count%fenceEvery == 0 {
		w.fences = append(w.fences, binary.BigEndian.Uint64(e.key[:]))
	}
	slot, crc := appendSlot(w.slot[:0], e, uint64(w.head.size), text)
	w.head.add(crc, len(text), e, newest)
	if _, err := w.slots.Write(slot); err != nil {
		return err
	}
	_, err := w.texts.Write(text)
	return err
}

// add counts a record in.
func (h *header) add(crc uint32, text int, e *entry, newest int64) {
	h.checksum = (h.checksum ^ crc) * 16777619 // FNV-1a, a word at a time; each CRC guards its record already
	h.count++
	h.size += int64(text)
	h.position = max(h.position, e.position, e.mark.position)
	h.newest = max(h.newest, newest)
}

// finish writes the header, syncs, and gives the file its name. It is the table's once the manifest lists it.
func (w *writer) finish(name string) (*file, error) {
	err := errors.Join(w.slots.Flush(), w.texts.Flush())
	if err == nil {
		_, err = w.f.WriteAt(w.head.append(nil), 0)
	}
	if err == nil {
		err = w.f.Truncate(w.head.texts + w.head.size)
	}
	if err == nil {
		err = w.f.Sync()
	}
	if err == nil {
		err = w.f.Close() // before the name: some systems do not rename what is open
	}
	path := filepath.Join(w.dir, name)
	if err == nil {
		err = os.Rename(w.f.Name(), path)
	}
	if err != nil {
		w.abandon()
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	return &file{name: name, f: f, header: w.head, fences: w.fences}, nil
}

// abandon removes what was written. What cannot be removed is removed when the table is next opened.
func (w *writer) abandon() {
	w.f.Close()
	_ = os.Remove(w.f.Name())
}

// writeManifest replaces the manifest, whole or not at all.
func writeManifest(dir string, m *manifest) error {
	f, err := os.CreateTemp(dir, "outcome-*.tmp")
	if err != nil {
		return err
	}
	_, err = f.Write(m.append(nil))
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, manifestName))
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return err
	}
	return disk.SyncDir(dir)
}
