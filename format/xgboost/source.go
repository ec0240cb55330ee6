package xgboost

import (
	"errors"
	"fmt"
)

// maxDepth bounds how deep a document may nest. XGBoost's own go to seven.
const maxDepth = 64

// A source reads one document from front to back; JSON and UBJSON each have one, and what a model means
// is read once, over either.
//
// Every call takes the next value whole and wants it to be of the kind that the method names. Numbers go
// straight into slices: no tree of the document is ever built.
type source interface {
	// object calls member with every key, in the order of the file; member must take the value. The key
	// is valid during the call. A key that comes twice is an error.
	object(member func(key []byte) error) error
	// array calls element before every element; element must take it.
	array(element func() error) error
	text() (string, error)
	integer() (int64, error)
	// floats, ints and longs append an array of numbers to dst. Truth values count as 0 and 1.
	floats(dst []float32) ([]float32, error)
	ints(dst []int32) ([]int32, error)
	longs(dst []int64) ([]int64, error)
	// count passes over an array and returns its length.
	count() (int, error)
	// skip passes over any value.
	skip() error
	// end wants nothing to follow.
	end() error
	// at returns the place of the next value; seek returns to one in the same array or object.
	at() int
	seek(to int)
}

var (
	errDepth = fmt.Errorf("nested more than %d levels deep", maxDepth)
	errShort = errors.New("the file ends early")
)

// keys finds keys that an object holds twice.
type keys struct {
	few  [24][]byte
	n    int
	many map[string]struct{}
}

func (k *keys) add(key []byte) error {
	for _, other := range k.few[:k.n] {
		if string(other) == string(key) {
			return fmt.Errorf("key %.40q comes twice", key)
		}
	}
	if k.n < len(k.few) {
		k.few[k.n] = key
		k.n++
		return nil
	}
	if _, ok := k.many[string(key)]; ok {
		return fmt.Errorf("key %.40q comes twice", key)
	}
	if k.many == nil {
		k.many = map[string]struct{}{}
	}
	k.many[string(key)] = struct{}{}
	return nil
}
