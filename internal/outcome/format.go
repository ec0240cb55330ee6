package outcome

// A table's directory has files of records, and the manifest that lists them.
//
// A file is immutable but for its labels. All numbers are little endian.
//
//	header   4,096 bytes: "besraout", uint32 version 1, uint32 FNV-1a over the records' CRCs as words, uint64 count,
//	         uint64 offset of the texts, uint64 size of the texts, uint64 highest position, int64 newest event time,
//	         uint32 zero,
//	         uint32 CRC-32C of the 60 bytes before; zeros
//	slots    count times 128 bytes, by rising key
//	         zeros up to the texts, when merging left fewer records than it had made room for
//	texts    of each record in the order of the slots: its model and its data
//
// A slot:
//
//	 0  key
//	16  uint64 position, int64 time, float64 score, int64 loss, int64 version, uint64 offset of its text in the texts
//	64  uint16 length of data, uint8 length of model, uint8 decision
//	68  uint32 CRC-32C of the 68 bytes before and the text
//	72  24 zeros
//	96  the mark: uint8 label, uint8 label before, uint16 zero, uint32 CRC-32C of the key and the mark with zero in
//	    this place, int64 time, uint64 position, int64 time of the label before
//
// A mark is written in place. It never crosses a sector, which disks write whole.

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"
)

const (
	magic       = "besraout"
	layout      = 1
	headerBytes = 4096
	headerUsed  = 64
	slotBytes   = 128
	markOffset  = 96
	markBytes   = slotBytes - markOffset
	textBytes   = MaxModel + MaxData // at most, of a record
	maxCount    = 1 << 40            // so that offsets fit
)

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) } // made once by hash/crc32

// A stored is a record as it lies in a file. text is the model and the data, whose places are in the entry.
type stored struct {
	entry
	crc  uint32 // of slot and text
	text []byte
}

func (s *stored) fact() fact {
	return fact{time: s.time, model: s.text[:s.modelLen], version: s.version, loss: s.loss, decision: s.decision}
}

func (s *stored) record() Record {
	e := s.entry
	e.offset = 0
	return e.record(&chunk{bytes: s.text})
}

// appendSlot appends e's slot, whose text lies at offset of the texts, and returns the checksum that it has written.
func appendSlot(b []byte, e *entry, offset uint64, text []byte) ([]byte, uint32) {
	start := len(b)
	b = append(b, e.key[:]...)
	for _, v := range [...]uint64{
		e.position, uint64(e.time), math.Float64bits(e.score), uint64(e.loss), uint64(e.version), offset,
	} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	b = binary.LittleEndian.AppendUint16(b, e.dataLen)
	b = append(b, e.modelLen, e.decision)
	crc := slotCRC(b[start:], text)
	b = binary.LittleEndian.AppendUint32(b, crc)
	b = append(b, make([]byte, markOffset-72)...)
	return appendMark(b, &e.key, &e.mark), crc
}

func slotCRC(slot, text []byte) uint32 {
	return crc32.Update(crc32.Checksum(slot[:68], castagnoli()), castagnoli(), text)
}

func appendMark(b []byte, k *Key, m *mark) []byte {
	start := len(b)
	b = append(b, byte(m.label), byte(m.prevLabel), 0, 0, 0, 0, 0, 0)
	b = binary.LittleEndian.AppendUint64(b, uint64(m.time))
	b = binary.LittleEndian.AppendUint64(b, m.position)
	b = binary.LittleEndian.AppendUint64(b, uint64(m.prevTime))
	binary.LittleEndian.PutUint32(b[start+4:], markCRC(k, b[start:]))
	return b
}

func markCRC(k *Key, b []byte) uint32 {
	var all [16 + markBytes]byte
	copy(all[:], k[:])
	copy(all[16:], b[:4])
	copy(all[24:], b[8:markBytes])
	return crc32.Checksum(all[:], castagnoli())
}

var (
	errMark = errors.New("a label does not match its checksum")
	errSlot = errors.New("a record does not match its checksum")
)

// decodeMark reads the mark of a slot.
func decodeMark(slot []byte, m *mark) error {
	b := slot[markOffset:slotBytes]
	if markCRC((*Key)(slot), b) != binary.LittleEndian.Uint32(b[4:]) || Label(b[0]) >= labelCount || Label(b[1]) >= labelCount {
		return errMark
	}
	*m = mark{
		label: Label(b[0]), prevLabel: Label(b[1]),
		time:     int64(binary.LittleEndian.Uint64(b[8:])),
		position: binary.LittleEndian.Uint64(b[16:]),
		prevTime: int64(binary.LittleEndian.Uint64(b[24:])),
	}
	return nil
}

// decodeSlot reads a slot but its mark, and returns where its text lies. Nothing is checked before the text is there.
func decodeSlot(b []byte, s *stored) (offset uint64, size int) {
	u := func(at int) uint64 { return binary.LittleEndian.Uint64(b[at:]) }
	s.key = Key(b[:16])
	s.position, s.time, s.score = u(16), int64(u(24)), math.Float64frombits(u(32))
	s.loss, s.version = int64(u(40)), int64(u(48))
	s.dataLen, s.modelLen, s.decision = binary.LittleEndian.Uint16(b[64:]), b[66], b[67]
	s.crc = binary.LittleEndian.Uint32(b[68:])
	return u(56), int(s.modelLen) + int(s.dataLen)
}

// check holds a slot against its text.
func (s *stored) check(slot []byte) error {
	if s.modelLen > MaxModel || s.dataLen > MaxData || s.decision >= decisionCount || slotCRC(slot, s.text) != s.crc {
		return errSlot
	}
	for _, b := range slot[72:markOffset] {
		if b != 0 {
			return errSlot
		}
	}
	return nil
}

// A header says what a file has.
type header struct {
	checksum uint32
	count    int64
	texts    int64 // offset
	size     int64 // of the texts
	position uint64
	newest   int64
}

func (h *header) append(b []byte) []byte {
	start := len(b)
	b = append(b, magic...)
	b = binary.LittleEndian.AppendUint32(b, layout)
	b = binary.LittleEndian.AppendUint32(b, h.checksum)
	for _, v := range [...]uint64{uint64(h.count), uint64(h.texts), uint64(h.size), h.position, uint64(h.newest)} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	b = append(b, 0, 0, 0, 0)
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(b[start:], castagnoli()))
	return append(b, make([]byte, headerBytes-headerUsed)...)
}

// decodeHeader reads a header and holds it against the size of its file.
func decodeHeader(b []byte, size int64) (h header, err error) {
	if string(b[:8]) != magic {
		return h, errors.New("this is no file of outcomes")
	}
	if crc32.Checksum(b[:60], castagnoli()) != binary.LittleEndian.Uint32(b[60:]) {
		return h, errors.New("the header does not match its checksum")
	}
	if binary.LittleEndian.Uint32(b[8:]) != layout {
		return h, errors.New("the layout is not known to this version of besra")
	}
	u := func(at int) uint64 { return binary.LittleEndian.Uint64(b[at:]) }
	h = header{
		checksum: binary.LittleEndian.Uint32(b[12:]), count: int64(u(16)), texts: int64(u(24)), size: int64(u(32)),
		position: u(40), newest: int64(u(48)),
	}
	switch {
	case h.count < 1 || h.count > maxCount || h.size < 0 || h.size > h.count*textBytes:
		return h, errors.New("the header is not possible")
	case h.texts < headerBytes+h.count*slotBytes || h.texts > size || h.texts+h.size != size:
		return h, errors.New("the file is cut, or longer than it says")
	}
	return h, nil
}
