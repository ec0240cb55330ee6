package outcome

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sort"
)

// fenceEvery is how many slots share one key prefix in memory. Keys are uniform, so a slot is guessed to within some ten
// slots of these: a lookup is one read of a few pages.
const (
	fenceEvery = 512
	windowBits = 6 // slots that a lookup reads at once: 64
)

// A file is one of the table's, open.
type file struct {
	name string
	f    *os.File
	header

	fences []uint64 // the first 8 bytes of every fenceEvery-th key

	// Under Table.labels:
	dirty  bool  // has labels that are not known to be on disk
	cursor int64 // while the file is rewritten: slots before this have been read; else 0
	late   []lateMark
}

// A lateMark is a label that came after its record was read to be rewritten.
type lateMark struct {
	key      Key
	mark     mark
	fact     fact
	from, to Label
}

func fileName(number uint64) string { return fmt.Sprintf("outcome-%016d.tbl", number) }

// openFile opens a file of dir and reads its header, not its records.
func openFile(dir, name string) (*file, error) {
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_RDWR, 0)
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil, &DamagedError{File: filepath.Join(dir, name), Reason: "it is missing"}
		}
		return nil, err
	}
	out := &file{name: name, f: f}
	if err := out.readHeader(); err != nil {
		f.Close()
		return nil, err
	}
	return out, nil
}

func (f *file) readHeader() error {
	info, err := f.f.Stat()
	if err != nil {
		return err
	}
	b := make([]byte, headerBytes)
	if n, err := f.f.ReadAt(b, 0); err != nil {
		if errors.Is(err, io.EOF) {
			return f.damaged(int64(n), errors.New("the file is cut"))
		}
		return err
	}
	if f.header, err = decodeHeader(b, info.Size()); err != nil {
		return f.damaged(0, err)
	}
	return nil
}

func (f *file) damaged(offset int64, reason error) error {
	return &DamagedError{File: f.f.Name(), Offset: offset, Reason: reason.Error()}
}

func slotOffset(i int64) int64 { return headerBytes + i*slotBytes }

// bytes is the size on disk, less the room that merging left.
func (f *file) bytes() int64 { return headerBytes + f.count*slotBytes + f.size }

// A buffer serves lookups.
type buffer struct {
	window [slotBytes << windowBits]byte
	text   [textBytes]byte
	mark   [slotBytes]byte
	stored stored
}

// find looks k up. The record is in b, its label may have been read while being written: errMark says so.
func (f *file) find(k *Key, b *buffer) (i int64, ok bool, err error) {
	i, slot, err := f.search(k, b)
	if slot == nil || err != nil {
		return 0, false, err
	}
	s := &b.stored
	offset, size := decodeSlot(slot, s)
	if size > len(b.text) || offset > uint64(f.size) || offset+uint64(size) > uint64(f.size) {
		return 0, false, f.damaged(slotOffset(i), errSlot)
	}
	s.text = b.text[:size]
	if _, err := f.f.ReadAt(s.text, f.texts+int64(offset)); err != nil {
		return 0, false, err
	}
	if err := s.check(slot); err != nil {
		return 0, false, f.damaged(slotOffset(i), err)
	}
	return i, true, decodeMark(slot, &s.mark)
}

// search finds the slot of k in b's window.
func (f *file) search(k *Key, b *buffer) (at int64, slot []byte, err error) {
	prefix := binary.BigEndian.Uint64(k[:])
	fence := sort.Search(len(f.fences), func(i int) bool { return f.fences[i] >= prefix })
	// The key lies at or after the last fence that is smaller, and before the first that is larger.
	low := int64(max(0, fence-1)) * fenceEvery
	lowKey := f.fences[max(0, fence-1)]
	for fence < len(f.fences) && f.fences[fence] == prefix {
		fence++
	}
	high, highKey := f.count, ^uint64(0)
	if fence < len(f.fences) {
		high, highKey = int64(fence)*fenceEvery+1, f.fences[fence]
	}
	for low < high {
		width := int64(1) << windowBits
		guess := low
		if prefix > lowKey && highKey > lowKey {
			guess += int64(float64(prefix-lowKey) / float64(highKey-lowKey) * float64(high-low))
		}
		from := max(low, min(guess-width/2, high-width))
		n := min(width, high-from)
		w := b.window[:n*slotBytes]
		if _, err := f.f.ReadAt(w, slotOffset(from)); err != nil {
			return 0, nil, err
		}
		j := int64(sort.Search(int(n), func(i int) bool { return bytes.Compare(w[i*slotBytes:][:16], k[:]) >= 0 }))
		switch {
		case j < n && Key(w[j*slotBytes:][:16]) == *k:
			return from + j, w[j*slotBytes:][:slotBytes], nil
		case j == 0 && from > low:
			high, highKey = from, binary.BigEndian.Uint64(w)
		case j == n && from+n < high:
			low, lowKey = from+n, binary.BigEndian.Uint64(w[(n-1)*slotBytes:])
		default:
			return 0, nil, nil
		}
	}
	return 0, nil, nil
}

// readMark reads the mark of slot i anew, which nobody writes at the moment.
func (f *file) readMark(i int64, b *buffer) error {
	if _, err := f.f.ReadAt(b.mark[:], slotOffset(i)); err != nil {
		return err
	}
	if err := decodeMark(b.mark[:], &b.stored.mark); err != nil {
		return f.damaged(slotOffset(i)+markOffset, err)
	}
	return nil
}

// writeMark writes the mark of slot i in place.
func (f *file) writeMark(i int64, k *Key, m *mark, b *buffer) error {
	f.dirty = true
	_, err := f.f.WriteAt(appendMark(b.mark[:0], k, m), slotOffset(i)+markOffset)
	return err
}

// A manifest lists a table's files, oldest first, and says up to which position they have everything.
type manifest struct {
	position uint64
	next     uint64 // number of the next file
	files    []string
}

const manifestName = "outcome.manifest"

func (m *manifest) append(b []byte) []byte {
	b = fmt.Appendf(b, "besra outcomes 1\nposition %d\nnext %d\n", m.position, m.next)
	for _, name := range m.files {
		b = fmt.Appendf(b, "file %s\n", name)
	}
	return fmt.Appendf(b, "crc32c %08x\n", checksum(b))
}

// parseManifest reads what append has written, and nothing else.
func parseManifest(b []byte) (m manifest, err error) {
	rest, ok := bytes.CutPrefix(b, []byte("besra outcomes 1\n"))
	if !ok {
		return m, errors.New("this is no manifest of outcomes")
	}
	lines := bytes.Split(rest, []byte("\n"))
	for i, line := range lines {
		var name string
		switch {
		case i == 0:
			_, err = fmt.Sscanf(string(line), "position %d", &m.position)
		case i == 1:
			_, err = fmt.Sscanf(string(line), "next %d", &m.next)
		case bytes.HasPrefix(line, []byte("file ")):
			name = string(line[len("file "):])
			m.files = append(m.files, name)
		}
		if err != nil || name != "" && !isFileName(name) || len(m.files) > 1<<16 {
			return m, errors.New("the manifest is not as besra writes it")
		}
	}
	if !bytes.Equal(m.append(nil), b) || len(slices.Compact(slices.Sorted(slices.Values(m.files)))) != len(m.files) {
		return m, errors.New("the manifest is not as besra writes it, or does not match its checksum")
	}
	return m, nil
}

func isFileName(name string) bool {
	var n uint64
	_, err := fmt.Sscanf(name, "outcome-%d.tbl", &n)
	return err == nil && name == fileName(n)
}
