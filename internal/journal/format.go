package journal

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"path/filepath"
	"strconv"
	"strings"
)

const (
	segmentMagic  = "besrajnl"
	snapshotMagic = "besrasnp"
	version       = 1
	headerSize    = 32
	headSize      = 8 // of a record: length and checksum
	segmentEnd    = ".log"
	snapshotEnd   = ".snap"
	unfinishedEnd = ".tmp"
)

// castagnoli is the table that hash/crc32 has instructions for.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// A header opens a segment or a snapshot.
type header struct{ after, first uint64 }

func (h header) append(dst []byte, magic string) []byte {
	start := len(dst)
	dst = append(dst, magic...)
	dst = binary.LittleEndian.AppendUint32(dst, version)
	dst = append(dst, 0, 0, 0, 0)
	dst = binary.LittleEndian.AppendUint64(dst, h.after)
	dst = binary.LittleEndian.AppendUint64(dst, h.first)
	b := dst[start:]
	binary.LittleEndian.PutUint32(b[12:], headerSum(b))
	return dst
}

func headerSum(b []byte) uint32 {
	return crc32.Update(crc32.Checksum(b[:12], castagnoli), castagnoli, b[16:headerSize])
}

// parseHeader returns what is wrong with b, and at which byte.
func parseHeader(b []byte, magic string) (h header, at int64, err error) {
	switch {
	case len(b) < headerSize:
		return header{}, int64(len(b)), fmt.Errorf("its header ends after %d of %d bytes", len(b), headerSize)
	case string(b[:8]) != magic:
		return header{}, 0, fmt.Errorf("it begins with %q, not with %q", b[:8], magic)
	case binary.LittleEndian.Uint32(b[12:]) != headerSum(b):
		return header{}, 12, fmt.Errorf("the header's checksum does not fit")
	}
	if v := binary.LittleEndian.Uint32(b[8:]); v != version {
		return header{}, 8, fmt.Errorf("its format is version %d; this program knows %d", v, version)
	}
	return header{binary.LittleEndian.Uint64(b[16:]), binary.LittleEndian.Uint64(b[24:])}, 0, nil
}

// payloadSum is the part of a record's checksum that needs no position.
func payloadSum(payload []byte) uint32 {
	sum := ^lengthState(uint32(len(payload)))
	return crc32.Update(sum, castagnoli, payload)
}

// lengthState is the raw state of the checksum after a record's length.
func lengthState(length uint32) uint32 { return step4(math.MaxUint32, length) }

// recordSum completes what payloadSum began. It is never 0.
func recordSum(sum uint32, position uint64) uint32 {
	sum = ^step4(step4(^sum, uint32(position)), uint32(position>>32))
	return max(sum, 1)
}

// step4 takes four bytes into the raw state of a checksum, without a slice that would have to live somewhere.
func step4(state, v uint32) uint32 {
	state ^= v
	for range 4 {
		state = castagnoli[byte(state)] ^ state>>8
	}
	return state
}

// appendRecord appends a record whose payload has the given payloadSum.
func appendRecord(dst, payload []byte, sum uint32, position uint64) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(payload)))
	dst = binary.LittleEndian.AppendUint32(dst, recordSum(sum, position))
	return append(dst, payload...)
}

func segmentPath(dir string, first uint64) string {
	return filepath.Join(dir, fmt.Sprintf("journal-%020d%s", first, segmentEnd))
}

func snapshotPath(dir string, position uint64) string {
	return filepath.Join(dir, fmt.Sprintf("snapshot-%020d%s", position, snapshotEnd))
}

// parseName reads the number in a file's name.
func parseName(name, prefix, end string) (uint64, bool) {
	digits, ok := strings.CutPrefix(name, prefix)
	if !ok {
		return 0, false
	}
	digits, ok = strings.CutSuffix(digits, end)
	if !ok || len(digits) != 20 {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	return n, err == nil
}
