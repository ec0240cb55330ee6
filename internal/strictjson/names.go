package strictjson

import (
	"fmt"
	"math/bits"
	"unicode/utf8"
)

// Names knows the names that the members of an object may have. It does not change and may be shared.
type Names struct {
	names []string
	keys  []string // each name as it stands in most texts, with quotes and colon; one more that matches nothing
	index map[string]int
}

// NewNames returns the names in their expected order, which a client's need not be. It fails if a name comes
// twice or is not UTF-8, because no object could have it.
func NewNames(names []string) (*Names, error) {
	n := &Names{
		names: append([]string(nil), names...),
		keys:  make([]string, len(names)+1),
		index: make(map[string]int, len(names)),
	}
	for i, name := range n.names {
		if !utf8.ValidString(name) {
			return nil, fmt.Errorf("name %d, %s, is not UTF-8", i, Quote([]byte(name)))
		}
		if first, ok := n.index[name]; ok {
			return nil, fmt.Errorf("names %d and %d are both %s", first, i, Quote([]byte(name)))
		}
		n.index[name] = i
		n.keys[i] = key(name)
	}
	n.keys[len(names)] = noKey
	return n, nil
}

// noKey matches nothing: it is compared with text that does not begin with white space.
const noKey = " "

// key returns how a name without need for escapes is written.
func key(name string) string {
	for i := range len(name) {
		if c := name[i]; !plain[c] && c < utf8.RuneSelf {
			return noKey
		}
	}
	return `"` + name + `":`
}

// Len returns the number of names.
func (n *Names) Len() int { return len(n.names) }

// Name returns the name at an index.
func (n *Names) Name(index int) string { return n.names[index] }

// Index returns the index of a name.
func (n *Names) Index(name []byte) (index int, ok bool) {
	index, ok = n.index[string(name)]
	return index, ok
}

// Unknown is the index of a member whose name is not among the names.
const Unknown = -1

// Members walks through the members of an object by the index of their names: Open, then Next and a value
// until Next says that there are no more.
//
// It is for one object at a time, and is reused for the next without allocating. It expects each name after the
// one that it followed in the last object, at first that of Names, so it is fast for clients who keep to any order.
type Members struct {
	names   *Names
	after   []int    // after[i+1] is the index expected after index i, after[0] the first
	last    int      // 1 + index of the last known member
	seen    []uint64 // bit i: index i was there
	unknown []byte
}

// Members returns a walker for objects with these names.
func (n *Names) Members() *Members {
	m := &Members{
		names: n,
		after: make([]int, n.Len()+1),
		seen:  make([]uint64, (n.Len()+63)/64),
	}
	for i := range m.after {
		m.after[i] = i // index i after index i-1; the last one is that of noKey
	}
	return m
}

// Open enters the scanner's next value, an object.
func (m *Members) Open(s *Scanner) error {
	clear(m.seen)
	m.last, m.unknown = 0, nil
	return s.Object()
}

// Next moves to the next member and reports whether there is one. The member's value is then read from the
// scanner, any way the caller likes. After the last member Next leaves the object.
//
// Each index comes at most once: a known name that comes again is an error at once, one that is not known when the object
// ends. The index is Unknown if the name is not known; the caller then refuses it, or skips the value.
func (m *Members) Next(s *Scanner) (index int, ok bool, err error) {
	at := s.pos
	if !s.fresh && uint(at) < uint(len(s.text)) && s.text[at] == ',' { // next's most frequent case
		at++
	} else if ok, err = s.next('}'); !ok {
		return 0, false, err
	} else {
		at = s.pos
	}
	at = space(s.text, at)
	index = m.after[m.last]
	if key := m.names.keys[index]; len(s.text)-at >= len(key) && string(s.text[at:at+len(key)]) == key {
		s.pos = at + len(key)
	} else if index, err = m.find(s, at); err != nil || index == Unknown {
		return index, err == nil, err
	}
	bit := uint64(1) << (index % 64)
	if m.seen[index/64]&bit != 0 {
		return 0, false, s.duplicate(at)
	}
	m.seen[index/64] |= bit
	m.last = index + 1
	return index, true, nil
}

// find reads a name other than the expected one.
func (m *Members) find(s *Scanner, at int) (index int, err error) {
	name, err := s.name(at)
	if err != nil {
		return 0, err
	}
	index, ok := m.names.index[string(name)]
	if !ok {
		s.names.add(name, at)
		m.unknown = name
		return Unknown, nil
	}
	m.after[m.last] = index
	return index, nil
}

// Unknown returns the name of the unknown member that Next has just found, without escapes. It is valid
// until the scanner's next call.
func (m *Members) Unknown() []byte { return m.unknown }

// Seen reports whether the member with the index was in the object.
func (m *Members) Seen(index int) bool { return m.seen[index/64]>>(index%64)&1 != 0 }

// Count returns the number of known members that were in the object.
func (m *Members) Count() (n int) {
	for _, word := range m.seen {
		n += bits.OnesCount64(word)
	}
	return n
}
