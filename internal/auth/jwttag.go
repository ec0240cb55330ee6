package auth

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"sync"
	"unsafe"
)

// A tokenTag is what a token is remembered by: the token itself is a secret and is not kept.
type tokenTag [16]byte

// A tagger makes tags: AES-GCM's authentication tag of the token, as additional data, with a key that is made at start
// and one nonce. That is a universal hash: without the key, which never leaves, and without tags, which nobody is shown,
// two texts of n bytes have the same tag with a chance of n/16 × 2^-128 at most, whoever chooses them
// (McGrew and Viega 2004). SHA-256 would do, and takes four times as long.
type tagger struct {
	aead  cipher.AEAD
	works sync.Pool // *tagWork
}

// A tagWork is memory that would else be allocated for each tag.
type tagWork struct {
	nonce [12]byte
	tag   tokenTag
}

func newTagger() *tagger {
	var key [32]byte
	_, _ = rand.Read(key[:]) // never fails
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic(err) // of a key of 32 bytes there is none
	}
	t := &tagger{}
	if t.aead, err = cipher.NewGCM(block); err != nil {
		panic(err) // of AES there is none
	}
	t.works.New = func() any { return new(tagWork) }
	return t
}

// of returns the tag of a token. It does not allocate.
func (t *tagger) of(token string) tokenTag {
	w := t.works.Get().(*tagWork)
	t.aead.Seal(w.tag[:0], w.nonce[:], nil, unsafe.Slice(unsafe.StringData(token), len(token))) // a conversion would copy; Seal only reads
	tag := w.tag
	t.works.Put(w)
	return tag
}
