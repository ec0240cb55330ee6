package jsonscan

import (
	"fmt"
	"unsafe"
)

// Keys finds keys that an object holds twice.
type Keys struct {
	few  [24][]byte
	n    int
	many map[string]struct{}
}

// Add returns an error when key is there already. It keeps the key, which must not change.
func (k *Keys) Add(key []byte) error {
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
	if k.many == nil {
		k.many = map[string]struct{}{}
	}
	before := len(k.many)
	k.many[unsafe.String(unsafe.SliceData(key), len(key))] = struct{}{}
	if len(k.many) == before {
		return fmt.Errorf("key %.40q comes twice", key)
	}
	return nil
}
