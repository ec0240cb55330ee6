// Package entity turns the ids of cards, accounts and terminals into keyed hashes, before they touch memory,
// journal or logs.
//
// A hash is HMAC-SHA-256 of the entity's field and value, cut to 128 bits: without the key nobody can try all
// card numbers against it, which is what PCI DSS 4.0.1, 3.5.1.1, asks of hashes.
package entity

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"sync"
)

// A Hash stands for an entity. The zero Hash stands for none.
type Hash = [16]byte

// A Hasher makes hashes with one key. Its methods may be called from many goroutines.
type Hasher struct {
	macs sync.Pool // *mac
}

type mac struct {
	hash.Hash
	in  []byte
	sum [sha256.Size]byte
}

// NewHasher returns a hasher with this key.
func NewHasher(key []byte) *Hasher {
	h := &Hasher{}
	h.macs.New = func() any { return &mac{Hash: hmac.New(sha256.New, key)} }
	return h
}

// Hash returns the hash of a value of an entity's field: of card, c_17.
func (h *Hasher) Hash(field string, value []byte) Hash {
	m := h.macs.Get().(*mac)
	defer h.macs.Put(m)
	return m.entity(field, value)
}

// Event returns the hash of an event's id, of a tenant and a model.
func (h *Hasher) Event(tenant, model string, id []byte) Hash {
	m := h.macs.Get().(*mac)
	defer h.macs.Put(m)
	m.in = appendPart(appendPart(append(m.in[:0], 'i'), tenant), model)
	return m.of(append(m.in, id...))
}

// A Mac is a Hasher for one goroutine.
type Mac struct{ m *mac }

// Mac returns a Mac with h's key.
func (h *Hasher) Mac() Mac { return Mac{h.macs.New().(*mac)} }

// Hash is Hasher.Hash.
func (m Mac) Hash(field string, value []byte) Hash { return m.m.entity(field, value) }

func (m *mac) entity(field string, value []byte) Hash {
	m.in = appendPart(append(m.in[:0], 'e'), field)
	return m.of(append(m.in, value...))
}

func (m *mac) of(in []byte) Hash {
	m.in = in
	m.Reset()
	m.Write(in) // a hash.Hash never fails
	m.Sum(m.sum[:0])
	h := Hash(m.sum[:16])
	if h == (Hash{}) {
		h[0] = 1 // the zero hash stands for none
	}
	return h
}

// appendPart appends a part so that no two lists of parts run together to the same bytes.
func appendPart(b []byte, part string) []byte {
	b = append(b, byte(len(part)>>8), byte(len(part)))
	return append(b, part...)
}

// Text returns a hash as lists and commands spell it: 32 hexadecimal digits.
func Text(h Hash) string { return hex.EncodeToString(h[:]) }

// Parse reads what Text writes.
func Parse(text string) (Hash, error) {
	var h Hash
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(h) {
		return Hash{}, fmt.Errorf("want 32 hexadecimal digits, not %.40q", text)
	}
	return Hash(b), nil
}
