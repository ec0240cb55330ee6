package journal

import (
	"encoding/binary"
	"hash/crc32"
)

// near is how far behind a bad record one sound record is proof enough. Farther out, where chance has more tries, it
// must be followed by another, or by the end.
const near = 64 << 10

// soundAfter tells whether a sound record follows the bad one at the start of data, whose position would have been
// position. It looks at every byte, since the bad record's length cannot be believed.
//
// Two things keep that quick. The checksum ends with the position, so that the one position that a candidate can have
// is computed, not searched. And the checksum of a candidate's payload comes from checksums of prefixes, so that
// candidates of any length cost the same.
func soundAfter(data []byte, position uint64) bool {
	if len(data) < 2*headSize {
		return false
	}
	if length := int64(binary.LittleEndian.Uint32(data)); length <= maxRecord {
		if _, ok := soundAt(data, headSize+length, position+1); ok {
			return true
		}
	}
	p := newPrefixes(data)
	for at := headSize; at <= len(data)-headSize; at++ {
		length := int(binary.LittleEndian.Uint32(data[at:]))
		sum := binary.LittleEndian.Uint32(data[at+4:])
		if sum == 0 || length > min(maxRecord, len(data)-headSize-at) {
			continue
		}
		payload := p.sum(at+headSize, length)
		found, ok := p.positionOf(payload, sum, position+1, position+uint64(at/headSize))
		if !ok {
			continue
		}
		end := at + headSize + length
		if at < near || end == len(data) {
			return true
		}
		if _, ok := soundAt(data, int64(end), found+1); ok {
			return true
		}
	}
	return false
}

// soundAt tells whether the record with that position stands at data[at:], and where it ends.
func soundAt(data []byte, at int64, position uint64) (end int64, ok bool) {
	if at > int64(len(data))-headSize {
		return 0, false
	}
	length := int64(binary.LittleEndian.Uint32(data[at:]))
	end = at + headSize + length
	if length > maxRecord || end > int64(len(data)) {
		return 0, false
	}
	sum := recordSum(payloadSum(data[at+headSize:end]), position)
	return end, sum == binary.LittleEndian.Uint32(data[at+4:])
}

// prefixes knows the checksum of any part of data.
type prefixes struct {
	data    []byte
	states  []uint32       // raw, from 0, after each stride
	powers  [3][512]uint32 // x^(8n) for n < 512, n = 512i, n = 512²i, modulo the polynomial
	inverse [256]byte      // index of the table's entry by its top byte
}

const stride = 512

func newPrefixes(data []byte) *prefixes {
	p := &prefixes{data: data, states: make([]uint32, 0, len(data)/stride+1)}
	state := uint32(0)
	for at := 0; at <= len(data); at += stride {
		p.states = append(p.states, state)
		if at+stride <= len(data) {
			state = raw(state, data[at:at+stride])
		}
	}
	base := uint32(1) << (31 - 8) // x^8, bits reflected
	for i := range p.powers {
		p.powers[i][0] = 1 << 31 // x^0
		for n := 1; n < len(p.powers[i]); n++ {
			p.powers[i][n] = times(p.powers[i][n-1], base)
		}
		base = times(p.powers[i][len(p.powers[i])-1], base)
	}
	for i, entry := range castagnoli {
		p.inverse[entry>>24] = byte(i)
	}
	return p
}

// sum is payloadSum(data[at:at+length]).
func (p *prefixes) sum(at, length int) uint32 {
	if length <= stride {
		return payloadSum(p.data[at : at+length])
	}
	state := lengthState(uint32(length)) ^ p.state(at)
	for i, n := 0, length; i < len(p.powers); i, n = i+1, n/512 {
		state = times(state, p.powers[i][n%512])
	}
	return ^(state ^ p.state(at+length))
}

func (p *prefixes) state(at int) uint32 {
	whole := at / stride
	return raw(p.states[whole], p.data[whole*stride:at])
}

// positionOf returns the position from low to high, if there is one, that completes a payload's sum to that of its
// record.
func (p *prefixes) positionOf(payload, record uint32, low, high uint64) (uint64, bool) {
	for top := low >> 32; top <= high>>32; top++ {
		state := p.back4(^record) ^ uint32(top)
		position := top<<32 | uint64(p.back4(state)^^payload)
		if low <= position && position <= high {
			return position, true
		}
	}
	return 0, false
}

// back4 is the inverse of step4(state, 0).
func (p *prefixes) back4(state uint32) uint32 {
	for range 4 {
		i := p.inverse[state>>24]
		state = (state^castagnoli[i])<<8 | uint32(i)
	}
	return state
}

func raw(state uint32, data []byte) uint32 { return ^crc32.Update(^state, castagnoli, data) }

// times multiplies two polynomials modulo that of the checksum, bits reflected.
func times(a, b uint32) uint32 {
	product := uint32(0)
	for ; a != 0; a <<= 1 {
		product ^= b & -(a >> 31)
		b = b>>1 ^ crc32.Castagnoli&-(b&1)
	}
	return product
}
