package history

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/besra-ml/besra/internal/feature"
)

// appendData appends what it takes to find an event in the histories of its entities: their fields and hashes, the
// tenant's hash as of a field without a name, and the groups that did not keep it, which are few.
func appendData(b []byte, p *feature.Plan, tenant string, e *feature.Event, kept uint16) []byte {
	n := 0
	if tenant != "" {
		n++
	}
	for _, f := range p.EntityFields {
		if e.Hashes[f] != (feature.Hash{}) {
			n++
		}
	}
	b = binary.AppendUvarint(b, uint64(n))
	if tenant != "" {
		h := hashTenant(tenant)
		b = append(appendText(b, ""), h[:]...)
	}
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

// hashTenant returns the hash by which data tells tenants apart; no tenant has none.
func hashTenant(tenant string) (h feature.Hash) {
	if tenant == "" {
		return h
	}
	sum := sha256.Sum256([]byte(tenant))
	return feature.Hash(sum[:len(h)])
}

// missedSize is how much of a group's id tells it from the others of a plan, in bytes.
const missedSize = 4

// readData sets the entities of e, an event of plan p, from what appendData wrote, and returns which of p's
// groups kept the event, and the hash of its tenant.
func readData(data []byte, p *feature.Plan, e *feature.Event) (kept uint16, tenant feature.Hash, ok bool) {
	c := cursor{data: data}
	e.Reset(p)
	for n := c.uvarint(feature.MaxEntities + 1); n > 0; n-- {
		name := c.text()
		h := feature.Hash(c.take(len(feature.Hash{})))
		if len(name) == 0 {
			tenant = h
			continue
		}
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
	return kept, tenant, !c.bad && len(c.data) == 0
}
