package valkey

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"
	"math/rand/v2"

	"github.com/besra-ml/besra/internal/store"
)

// A state is a log at the server: a base, which is the state as it was at some moment, and the changes that were
// announced since, in their order. Whoever reads it carries them out. So one trip reads and advances, the server only
// appends, and nobody has to ask again because somebody else was quicker.
//
// Each is a record: its kind, the length of what follows as a varint, that, and the CRC-32C of it all, little endian.
//
//	base:     gen (8 random bytes), how many ids (varint), each with its time, and the state
//	announce: id, time, op
//	cancel:   id, time, op: the announcement of that id is void; if it is in the base, op is undone
//
// An id is the tag of the change and four random bytes that tell one announcement of it from another; zeros cancel
// the last one. A second announcement of a tag changes nothing, unless the first is void. Times are of the clock of
// whoever wrote the record, ms, six bytes.
const (
	kindBase     = 'B'
	kindAnnounce = 'I'
	kindCancel   = 'X'
)

const (
	genSize   = 8
	timeSize  = 6
	tagSize   = len(store.Tag{})
	idSize    = tagSize + 4
	tagged    = idSize + timeSize
	checkSize = 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var errRecord = errors.New("not a log of this layout")

// appendRecord appends a record whose content is made of parts.
func appendRecord(b []byte, kind byte, parts ...[]byte) []byte {
	from, n := len(b), 0
	for _, p := range parts {
		n += len(p)
	}
	b = binary.AppendUvarint(append(b, kind), uint64(n))
	for _, p := range parts {
		b = append(b, p...)
	}
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b[from:], castagnoli))
}

// An id is one announcement of a change.
type id [idSize]byte

func (i *id) tag() store.Tag { return store.Tag(i[:tagSize]) }

// last reports whether the id is of the last announcement of its tag, whichever that is.
func (i *id) last() bool { return [idSize - tagSize]byte(i[tagSize:]) == [idSize - tagSize]byte{} }

// means reports whether a cancel of i is about an announcement.
func (i *id) means(of *id) bool { return *i == *of || i.last() && i.tag() == of.tag() }

// newID returns the id of another announcement of a tag.
func newID(tag store.Tag) (i id) {
	copy(i[:], tag[:])
	binary.LittleEndian.PutUint32(i[tagSize:], rand.Uint32N(math.MaxUint32)+1)
	return i
}

// appendChange appends the record of an announced or cancelled change.
func appendChange(b []byte, kind byte, of id, at int64, op []byte) []byte {
	var head [tagged]byte
	copy(head[:], of[:])
	putTime(head[idSize:], at)
	return appendRecord(b, kind, head[:], op)
}

// readRecord reads the record that b begins with, and returns what comes after it.
func readRecord(b []byte) (kind byte, content, rest []byte, err error) {
	if len(b) < 2 {
		return 0, nil, nil, errRecord
	}
	size, n := binary.Uvarint(b[1:])
	if n <= 0 || size > uint64(len(b)) || 1+n+int(size)+checkSize > len(b) {
		return 0, nil, nil, errRecord
	}
	end := 1 + n + int(size)
	if binary.LittleEndian.Uint32(b[end:]) != crc32.Checksum(b[:end], castagnoli) {
		return 0, nil, nil, errRecord
	}
	return b[0], b[1+n : end : end], b[end+checkSize:], nil
}

func putTime(b []byte, ms int64) {
	var full [8]byte
	binary.LittleEndian.PutUint64(full[:], uint64(ms))
	copy(b[:timeSize], full[:])
}

func getTime(b []byte) int64 {
	var full [8]byte
	copy(full[:], b[:timeSize])
	return int64(binary.LittleEndian.Uint64(full[:]))
}
