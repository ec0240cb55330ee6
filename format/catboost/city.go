package catboost

import (
	"encoding/binary"
	"math/bits"
)

// hash returns the code of a category: the low half of the CityHash64, version 1.0, of its text. Later versions of
// CityHash give other numbers.
func hash(text string) uint32 { return uint32(city64(text)) }

const (
	city0 = 0xc3a5c85c97cb3127
	city1 = 0xb492b66fbe98f273
	city2 = 0x9ae16a3b2f90404f
	city3 = 0xc949d7c7509e6557
)

func city64(s string) uint64 {
	switch n := len(s); {
	case n <= 16:
		return cityTo16(s)
	case n <= 32:
		return cityTo32(s)
	case n <= 64:
		return cityTo64(s)
	}
	return cityLong(s)
}

func word64(s string, at int) uint64 {
	var b [8]byte
	copy(b[:], s[at:at+8])
	return binary.LittleEndian.Uint64(b[:])
}

func word32(s string, at int) uint64 {
	var b [4]byte
	copy(b[:], s[at:at+4])
	return uint64(binary.LittleEndian.Uint32(b[:]))
}

func rotate(x uint64, right int) uint64 { return bits.RotateLeft64(x, -right) }

func cityMix(x uint64) uint64 { return x ^ x>>47 }

// cityPair hashes two words, by Murmur's mixing.
func cityPair(u, v uint64) uint64 {
	const k = 0x9ddfea08eb382d69
	a := cityMix((u ^ v) * k)
	return cityMix((v^a)*k) * k
}

func cityTo16(s string) uint64 {
	n := len(s)
	switch {
	case n > 8:
		a, b := word64(s, 0), word64(s, n-8)
		return cityPair(a, rotate(b+uint64(n), n)) ^ b
	case n >= 4:
		return cityPair(uint64(n)+word32(s, 0)<<3, word32(s, n-4))
	case n > 0:
		y := uint64(s[0]) + uint64(s[n/2])<<8
		z := uint64(n) + uint64(s[n-1])<<2
		return cityMix(y*city2^z*city3) * city2
	}
	return city2
}

func cityTo32(s string) uint64 {
	n := len(s)
	a := word64(s, 0) * city1
	b := word64(s, 8)
	c := word64(s, n-8) * city2
	d := word64(s, n-16) * city0
	return cityPair(rotate(a-b, 43)+rotate(c, 30)+d, a+rotate(b^city3, 20)-c+uint64(n))
}

func cityTo64(s string) uint64 {
	n := len(s)
	v1, v2 := cityQuarter(word64(s, 0)+(uint64(n)+word64(s, n-16))*city0, word64(s, 8), word64(s, 16), word64(s, 24))
	w1, w2 := cityQuarter(word64(s, 16)+word64(s, n-32), word64(s, n-24), word64(s, n-16), word64(s, n-8))
	r := cityMix((v1+w2)*city2 + (w1+v2)*city0)
	return cityMix(r*city0+v2) * city2
}

// cityQuarter is what both halves of cityTo64 do.
func cityQuarter(a, b, c, d uint64) (first, second uint64) {
	e, f := rotate(a+d, 52), rotate(a, 37)
	a += b
	f += rotate(a, 7)
	a += c
	return a + d, e + rotate(a, 31) + f
}

// cityLong takes what is longer than 64 bytes: its end first, then blocks of 64 from the front.
func cityLong(s string) uint64 {
	n := len(s)
	x := word64(s, 0)
	y := word64(s, n-16) ^ city1
	z := word64(s, n-56) ^ city0
	v1, v2 := cityWeak(s[n-64:], uint64(n), y)
	w1, w2 := cityWeak(s[n-32:], uint64(n)*city1, city0)
	z += cityMix(v2) * city1
	x = rotate(z+x, 39) * city1
	y = rotate(y, 33) * city1
	for left := (n - 1) &^ 63; left > 0; left -= 64 {
		x = rotate(x+y+v1+word64(s, 16), 37) * city1
		y = rotate(y+v2+word64(s, 48), 42) * city1
		x ^= w2
		y ^= v1
		z = rotate(z^w1, 33)
		v1, v2 = cityWeak(s, v2*city1, x+w1)
		w1, w2 = cityWeak(s[32:], z+w2, y)
		x, z = z, x
		s = s[64:]
	}
	return cityPair(cityPair(v1, w1)+cityMix(y)*city1+z, cityPair(v2, w2)+x)
}

// cityWeak hashes the 32 bytes that s begins with and two seeds into two words.
func cityWeak(s string, a, b uint64) (first, second uint64) {
	a += word64(s, 0)
	b = rotate(b+a+word64(s, 24), 21)
	c := a
	a += word64(s, 8)
	a += word64(s, 16)
	b += rotate(a, 44)
	return a + word64(s, 24), b + c
}
