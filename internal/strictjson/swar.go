package strictjson

import (
	"encoding/binary"
	"math/bits"
)

// Eight bytes of text are looked at as one word, first byte lowest: a loop over single bytes would cost a
// mispredicted branch for each number and string, whose lengths nobody can foretell.

const (
	ones  = 0x0101010101010101 // a byte, eight times
	highs = 0x80 * ones        // the top bit of each byte
)

// word returns the eight bytes from offset i on, of a text that has them.
func word(text []byte, i int) uint64 { return binary.LittleEndian.Uint64(text[i:]) }

// plainPrefix returns how many bytes come before the first that does not stand for itself in a string; 8 if all do.
//
// The subtractions may mark bytes that follow a marked one without need, but the first is always right.
func plainPrefix(v uint64) int {
	quote, backslash := v^'"'*ones, v^'\\'*ones
	special := (quote-ones)&^quote | (backslash-ones)&^backslash | (v-' '*ones)&^v | v
	return bits.TrailingZeros64(special&highs) / 8
}

// digitPrefix returns how many bytes come before the first that is no digit, 8 if all are digits, and the
// number that they make.
func digitPrefix(v uint64) (value uint64, n int) {
	v ^= '0' * ones // digits become 0 to 9
	n = bits.TrailingZeros64(((v&^highs+(0x80-10)*ones)|v)&highs) / 8
	v <<= 64 - 8*n // leading zeros come in
	// Neighbours are joined: digits to pairs, pairs to fours, fours to eight.
	v = v*10 + v>>8
	const even = 0x000000ff000000ff
	return (v&even*(100+1000000<<32) + v>>16&even*(1+10000<<32)) >> 32, n
}

// tens has the powers of ten by which the digits of one word move those before.
var tens = [9]uint64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8}

// appendDigits reads digits from offset i on and appends them to value, which overflows silently. It returns
// where they end.
func appendDigits(value uint64, text []byte, i int) (uint64, int) {
	for len(text)-i >= 8 {
		v, n := digitPrefix(word(text, i))
		value = value*tens[n] + v
		i += n
		if n < 8 {
			return value, i
		}
	}
	for uint(i) < uint(len(text)) && text[i]-'0' <= 9 {
		value = value*10 + uint64(text[i]-'0')
		i++
	}
	return value, i
}
