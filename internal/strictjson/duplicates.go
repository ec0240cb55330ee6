package strictjson

import (
	"bytes"
	"hash/maphash"
	"math/bits"
	"unsafe"
)

// A nameList has the names of all open objects, outermost first, to find the ones that come twice.
//
// Of a name it has a hash, whose seed no client knows, and where in the text the name is. An object's names are compared
// when it ends, in time proportional to their number.
type nameList struct {
	list  []listedName
	slots []uint32 // hash table over one object's part of list: 1 + index, or 0
	seed  maphash.Seed
}

type listedName struct {
	hash uint64
	at   int // offset of the opening quote
}

func (l *nameList) reset() {
	l.list = l.list[:0]
	if cap(l.list) > keepBytes/int(unsafe.Sizeof(listedName{})) {
		l.list = nil
	}
	if cap(l.slots) > keepBytes/4 {
		l.slots = nil
	}
}

func (l *nameList) add(name []byte, at int) {
	if l.seed == (maphash.Seed{}) {
		l.seed = maphash.MakeSeed()
	}
	l.list = append(l.list, listedName{maphash.Bytes(l.seed, name), at})
}

// duplicate looks for a name that comes twice in list[first:] and returns the offset of the second.
func (l *nameList) duplicate(text []byte, first int) (at int, found bool) {
	names := l.list[first:]
	if len(names) < 2 {
		return 0, false
	}
	size := 2 << bits.Len(uint(len(names)-1)) // at most half full
	if cap(l.slots) < size {
		l.slots = make([]uint32, size)
	}
	slots := l.slots[:size]
	clear(slots)
	for i, n := range names {
		slot := n.hash & uint64(size-1)
		for ; slots[slot] != 0; slot = (slot + 1) & uint64(size-1) {
			other := names[slots[slot]-1]
			if other.hash == n.hash && sameName(text, other.at, n.at) {
				return n.at, true
			}
		}
		slots[slot] = uint32(i + 1)
	}
	return 0, false
}

func sameName(text []byte, a, b int) bool { return bytes.Equal(nameAt(text, a), nameAt(text, b)) }

// nameAt returns the name at an offset where a valid one was found before, without escapes.
func nameAt(text []byte, at int) []byte {
	end := at + 1
	for end < len(text) && text[end] != '"' {
		if text[end] == '\\' {
			end++
		}
		end++
	}
	return appendUnescaped(nil, text[at+1:min(end, len(text))])
}
