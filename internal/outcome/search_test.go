package outcome

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"
)

// fileOf writes a file with keys, sorted.
func fileOf(t *testing.T, keys []Key) *file {
	t.Helper()
	dir := t.TempDir()
	w := must[*writer](t)(newWriter(dir, int64(len(keys))+7))
	for _, k := range keys {
		if err := w.add(&entry{key: k}, nil, 0); err != nil {
			t.Fatal(err)
		}
	}
	f := must[*file](t)(w.finish(fileName(1)))
	t.Cleanup(func() { f.f.Close() })
	return f
}

func TestEveryKeyIsFoundAndNoOther(t *testing.T) {
	uniform := func(n int) (keys []Key) {
		for i := range n {
			keys = append(keys, keyOf(i))
		}
		return keys
	}
	crowded := func(n int) (keys []Key) { // none that a keyed hash would give
		for i := range n {
			var k Key
			binary.BigEndian.PutUint64(k[:], uint64(i/700)*uint64(i))
			binary.BigEndian.PutUint32(k[8:], uint32(i))
			keys = append(keys, k, Key(bytes.Repeat([]byte{0xff}, 16)))
		}
		return keys
	}
	for name, keys := range map[string][]Key{
		"one": uniform(1), "few": uniform(63), "a fence": uniform(fenceEvery), "a fence and one": uniform(fenceEvery + 1),
		"many": uniform(20_000), "crowded": crowded(5000),
	} {
		t.Run(name, func(t *testing.T) {
			slices.SortFunc(keys, func(a, b Key) int { return bytes.Compare(a[:], b[:]) })
			keys = slices.Compact(keys)
			f, b := fileOf(t, keys), new(buffer)
			for i, k := range keys {
				if at, ok, err := f.find(&k, b); at != int64(i) || !ok || err != nil {
					t.Fatalf("key %d is found at %d (%v, %v)", i, at, ok, err)
				}
				for _, other := range []Key{next(k, 1), next(k, -1)} {
					_, there := slices.BinarySearchFunc(keys, other, func(a, b Key) int { return bytes.Compare(a[:], b[:]) })
					if _, ok, err := f.find(&other, b); ok != there || err != nil {
						t.Fatalf("beside key %d one is found (%v)", i, err)
					}
				}
			}
		})
	}
}

// next is a key beside k.
func next(k Key, by int) Key {
	binary.BigEndian.PutUint64(k[8:], binary.BigEndian.Uint64(k[8:])+uint64(by))
	return k
}
