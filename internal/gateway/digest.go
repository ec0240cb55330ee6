package gateway

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"math"
	"slices"

	"github.com/besra-ml/besra/internal/strictjson"
)

// A digester makes digests of contents. Two contents have one digest when they say the same: the order of
// members, white space, the spelling of numbers and strings, and members that are null do not count.
type digester struct {
	text    []byte // the content in one spelling
	members []digestedMember
	sorted  []byte
}

// A digestedMember is where a member of an open object stands in text: its name, then its value.
type digestedMember struct{ at, name, end int }

// content returns the digest of the value that the scanner reads next.
func (d *digester) content(s *strictjson.Scanner, kind contentKind) (digest [16]byte, err error) {
	d.text, d.members = append(d.text[:0], byte(kind)), d.members[:0]
	if err := d.value(s); err != nil {
		return digest, err
	}
	sum := sha256.Sum256(d.text)
	return [16]byte(sum[:]), nil
}

func (d *digester) value(s *strictjson.Scanner) error {
	kind := s.Kind()
	d.text = append(d.text, byte(kind))
	switch kind {
	case strictjson.Number:
		x, err := s.Float()
		d.text = binary.LittleEndian.AppendUint64(d.text, math.Float64bits(x+0)) // -0 is 0
		return err
	case strictjson.String:
		text, err := s.String()
		d.text = append(binary.LittleEndian.AppendUint32(d.text, uint32(len(text))), text...)
		return err
	case strictjson.Array:
		return d.array(s)
	case strictjson.Object:
		return d.object(s)
	default:
		_, err := s.Skip() // its first byte says it all
		return err
	}
}

func (d *digester) array(s *strictjson.Scanner) error {
	if err := s.Array(); err != nil {
		return err
	}
	for {
		ok, err := s.Element()
		if err != nil {
			return err
		}
		if !ok {
			d.text = append(d.text, ']')
			return nil
		}
		if err := d.value(s); err != nil {
			return err
		}
	}
}

func (d *digester) object(s *strictjson.Scanner) error {
	if err := s.Object(); err != nil {
		return err
	}
	first, begin := len(d.members), len(d.text)
	for {
		name, ok, err := s.Name()
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		m := digestedMember{at: len(d.text)}
		d.text = append(binary.LittleEndian.AppendUint32(d.text, uint32(len(name))), name...)
		m.name = len(d.text)
		if s.Kind() == strictjson.Null {
			d.text = d.text[:m.at]
			if err := s.Null(); err != nil {
				return err
			}
			continue
		}
		if err := d.value(s); err != nil {
			return err
		}
		m.end = len(d.text)
		d.members = append(d.members, m)
	}
	d.sort(d.members[first:], begin)
	d.members = d.members[:first]
	d.text = append(d.text, '}')
	return nil
}

// sort puts the members of an object, which are the end of text, into the order of their names.
func (d *digester) sort(members []digestedMember, begin int) {
	byName := func(a, b digestedMember) int {
		return bytes.Compare(d.text[a.at+4:a.name], d.text[b.at+4:b.name])
	}
	if slices.IsSortedFunc(members, byName) {
		return
	}
	slices.SortFunc(members, byName)
	d.sorted = d.sorted[:0]
	for _, m := range members {
		d.sorted = append(d.sorted, d.text[m.at:m.end]...)
	}
	copy(d.text[begin:], d.sorted)
}

// keep bounds what an idle digester holds.
func (d *digester) keep() {
	if cap(d.text) > keepBytes || cap(d.sorted) > keepBytes {
		*d = digester{}
	}
}
