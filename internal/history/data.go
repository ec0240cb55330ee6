package history

import (
	"encoding/binary"

	"github.com/besra-ml/besra/internal/feature"
)

// appendData appends what it takes to find an event in the histories of its entities: their fields and hashes,
// and the groups that did not keep it, which are few.
func appendData(b []byte, p *feature.Plan, e *feature.Event, kept uint16) []byte {
	n := 0
	for _, f := range p.EntityFields {
		if e.Hashes[f] != (feature.Hash{}) {
			n++
		}
	}
	b = binary.AppendUvarint(b, uint64(n))
	for _, f := range p.EntityFields {
		if h := e.Hashes[f]; h != (feature.Hash{}) {
			b = appendText(b, p.Fields[f].Name)
			b = append(b, h[:]...)
		}
	}
	for i, g := range p.Groups {
		if kept&(1<<i) == 0 {
			b = append(b, g.ID[:missedSize]...)
		}
	}
	return b
}

// missedSize is how much of a group's id tells it from the others of a plan, in bytes.
const missedSize = 4

// readData sets the entities of e, an event of plan p, from what appendData wrote, and returns which of p's
// groups kept the event.
func readData(data []byte, p *feature.Plan, e *feature.Event) (kept uint16, ok bool) {
	c := cursor{data: data}
	e.Reset(p)
	for n := c.uvarint(feature.MaxEntities); n > 0; n-- {
		name := c.text()
		h := feature.Hash(c.take(len(feature.Hash{})))
		if f := p.Field(string(name)); f >= 0 && p.Fields[f].Type == feature.Entity {
			e.Hashes[f] = h
		}
	}
	kept = 1<<len(p.Groups) - 1
	for len(c.data) >= missedSize {
		missed := string(c.take(missedSize))
		for i, g := range p.Groups {
			if string(g.ID[:missedSize]) == missed {
				kept &^= 1 << i
			}
		}
	}
	return kept, !c.bad && len(c.data) == 0
}
