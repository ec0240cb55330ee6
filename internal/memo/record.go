package memo

import (
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"math"
)

// A record is a row and its margins as a store outside of the process keeps them, which anybody may have written:
//
//	layout (1), scope and canonical row by their lengths, margins by theirs, CRC-32C of it all
//
// Lengths are varints, all else is little endian. A record counts for a row only if all of it is that row's, under that
// scope: no digest is trusted.
const recordLayout = 1

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// String returns the key in hexadecimal digits.
func (k Key) String() string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], k.hi)
	binary.BigEndian.PutUint64(b[8:], k.lo)
	return hex.EncodeToString(b[:])
}

// AppendRecord appends the record of a row and its margins.
func (s *Scope) AppendRecord(dst []byte, row, margins []float64) []byte {
	from := len(dst)
	dst = s.appendHead(append(dst, recordLayout), row)
	dst = binary.AppendUvarint(dst, uint64(len(margins)))
	for _, v := range margins {
		dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(v))
	}
	return binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[from:], castagnoli))
}

func (s *Scope) appendHead(dst []byte, row []float64) []byte {
	dst = append(binary.AppendUvarint(dst, uint64(len(s.parts))), s.parts...)
	dst = binary.AppendUvarint(dst, uint64(len(row)))
	for _, v := range row {
		dst = binary.LittleEndian.AppendUint64(dst, s.canonical(v))
	}
	return dst
}

// ReadRecord writes the margins of a record into dst, which has room for exactly them. false: it is not the record of
// that row under s, and dst is as it was.
func (s *Scope) ReadRecord(record []byte, row, dst []float64) bool {
	const check = 4
	n := len(record) - check
	if n < 1 || record[0] != recordLayout || binary.LittleEndian.Uint32(record[n:]) != crc32.Checksum(record[:n], castagnoli) {
		return false
	}
	head := binary.AppendUvarint(s.appendHead([]byte{recordLayout}, row), uint64(len(dst)))
	if n != len(head)+8*len(dst) || string(record[:len(head)]) != string(head) {
		return false
	}
	for i := range dst {
		dst[i] = math.Float64frombits(binary.LittleEndian.Uint64(record[len(head)+8*i:]))
	}
	return true
}
