package window

import "encoding/binary"

// All numbers in a state are little endian. Those that end a word are read with the bytes before them, which are
// always there, so that no load passes the end of a state.

const (
	missing48 = -1 << 47  // a number that is missing, and the extreme of none
	max48     = 1<<48 - 1 // later than any time
	unknown24 = 1<<24 - 1 // more than any count of entries
)

func get24(b []byte, i int) int {
	return int(binary.LittleEndian.Uint16(b[i:])) | int(b[i+2])<<16
}

func put24(b []byte, i, x int) {
	b = b[i : i+3]
	binary.LittleEndian.PutUint16(b, uint16(x))
	b[2] = byte(x >> 16)
}

func get48(b []byte, i int) int64 {
	return int64(binary.LittleEndian.Uint64(b[i-2:]) >> 16)
}

func getSigned48(b []byte, i int) int64 {
	return int64(binary.LittleEndian.Uint64(b[i-2:])) >> 16
}

func put48(b []byte, i int, x int64) {
	b = b[i : i+6]
	binary.LittleEndian.PutUint32(b, uint32(x))
	binary.LittleEndian.PutUint16(b[4:], uint16(x>>32))
}

func get64(b []byte, i int) int64 {
	return int64(binary.LittleEndian.Uint64(b[i:]))
}

func put64(b []byte, i int, x int64) {
	binary.LittleEndian.PutUint64(b[i:], uint64(x))
}

func get128(b []byte, i int) wide {
	return wide{lo: binary.LittleEndian.Uint64(b[i:]), hi: binary.LittleEndian.Uint64(b[i+8:])}
}

func put128(b []byte, i int, x wide) {
	binary.LittleEndian.PutUint64(b[i:], x.lo)
	binary.LittleEndian.PutUint64(b[i+8:], x.hi)
}

// putWord writes the low bytes of x.
func putWord(b []byte, x uint64) {
	for i := range b {
		b[i] = byte(x >> (8 * i))
	}
}
