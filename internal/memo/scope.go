package memo

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"math/bits"
)

// A Scope is what the margins of a row depend on beside the row: a model, how its rows are read, and options. It is
// made once for each version of a model that is served, and holds digests, not the model. Scopes made of equal parts
// are the same one.
//
// Under a Scope, rows that differ only in the sign of a zero or in the bits of a NaN are the same row. That is right
// for trees: they compare, and every comparison treats −0 like 0, and one NaN like another, so such rows reach the
// same leaves. It is not right for what calculates with the row, where 1/−0 is not 1/0 and a NaN is passed on with its
// bits: such models (linear ones, leaves that are linear, steps before the trees) take Literal.
type Scope struct {
	parts   string       // all of it, spelled so that different parts never look alike
	digest  [prefix]byte // of parts
	literal bool
}

const (
	prefix = sha256.Size
	atOnce = 32 // columns that are hashed at once
)

// canonicalNaN stands for every NaN.
const canonicalNaN = 0x7ff8000000000001

// NewScope returns the scope of a model, by the digests of its file and of its schema, and of options that make its
// margins others. It keeps none of the slices.
func NewScope(modelDigest, schemaDigest []byte, options string) *Scope {
	parts := []byte("besra memo 1 trees")
	for _, part := range [][]byte{modelDigest, schemaDigest, []byte(options)} {
		parts = binary.LittleEndian.AppendUint64(parts, uint64(len(part)))
		parts = append(parts, part...)
	}
	return &Scope{parts: string(parts), digest: sha256.Sum256(parts)}
}

// Literal returns the scope under which rows are the same only when all of their bits are.
func (s *Scope) Literal() *Scope {
	parts := s.parts
	if !s.literal {
		parts += " literal"
	}
	return &Scope{parts: parts, digest: sha256.Sum256([]byte(parts)), literal: true}
}

func (s *Scope) same(o *Scope) bool { return s == o || s.parts == o.parts }

// canonical returns the bits that stand for v.
func (s *Scope) canonical(v float64) uint64 {
	switch {
	case s.literal:
		return math.Float64bits(v)
	case math.IsNaN(v):
		return canonicalNaN
	}
	return math.Float64bits(v + 0) // −0 + 0 is 0, and the others stay
}

// fill writes the canonical bits of as many columns as there is room for, and returns the bytes that it wrote.
func (s *Scope) fill(buf []byte, row []float64) int {
	n := min(len(row), len(buf)/8)
	for i, v := range row[:n] {
		binary.LittleEndian.PutUint64(buf[8*i:], s.canonical(v))
	}
	return 8 * n
}

// hash returns the first 128 bits of the SHA-256 of the scope's digest and the row's canonical bits.
func (s *Scope) hash(row []float64) (hi, lo uint64) {
	var buf [prefix + 8*atOnce]byte
	copy(buf[:], s.digest[:])
	n := prefix + s.fill(buf[prefix:], row)
	var sum [sha256.Size]byte
	if len(row) <= atOnce {
		sum = sha256.Sum256(buf[:n])
	} else {
		h := sha256.New()
		h.Write(buf[:n])
		for row = row[atOnce:]; len(row) > 0; row = row[min(len(row), atOnce):] {
			h.Write(buf[:s.fill(buf[:8*atOnce], row)])
		}
		h.Sum(sum[:0])
	}
	return binary.LittleEndian.Uint64(sum[:]), binary.LittleEndian.Uint64(sum[8:])
}

// A seed makes quick hashes others.
type seed [4]uint64

// quick returns a hash that is good enough to draw samples with, in a part of the time: words in pairs are multiplied
// to 128 bits and folded, as wyhash does.
func (s *Scope) quick(by *seed, row []float64) uint64 {
	h := binary.LittleEndian.Uint64(s.digest[:]) ^ by[0] ^ uint64(len(row))
	for ; len(row) >= 2; row = row[2:] {
		h = fold(s.canonical(row[0])^h, s.canonical(row[1])^by[1])
	}
	if len(row) == 1 {
		h = fold(s.canonical(row[0])^h, by[2])
	}
	return fold(h, by[3])
}

func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}
