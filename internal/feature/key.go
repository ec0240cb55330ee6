package feature

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/besra-ml/besra/internal/window"
)

// value returns h as a window holds it: 64 of its bits.
func (h *Hash) value() int64 {
	if *h == (Hash{}) {
		return window.Missing
	}
	v := int64(binary.LittleEndian.Uint64(h[:8]))
	if v == window.Missing {
		return v + 1
	}
	return v
}

// Keys makes the keys of one tenant's states for one model name. It is immutable, for many goroutines.
type Keys struct {
	p     *Plan
	salts []Hash // by group
}

// Keys returns what makes the keys of tenant and model.
func (p *Plan) Keys(tenant, model string) *Keys {
	k := &Keys{p: p, salts: make([]Hash, len(p.Groups))}
	for i := range p.Groups {
		k.salts[i] = p.salt(i, tenant, model)
	}
	return k
}

// Key returns the key of group i's state for e, which stands for tenant, model, the group's ID and its entities.
// ok is false when an entity is absent: then there is no state.
//
// Hashes of entities are keyed and uniform. So the sum of a digest and one of them, or two, the second with its
// halves changed over, is as good a key as a digest of all, for a tenth of the time.
func (k *Keys) Key(i int, e *Event) (key [16]byte, ok bool) {
	if !k.p.present(i, e) {
		return key, false
	}
	key = k.salts[i]
	for n, f := range k.p.bindings[i].entities {
		h := &e.Hashes[f]
		for part := 0; part < len(key); part += 8 {
			other := part ^ n*8
			sum := binary.LittleEndian.Uint64(key[part:]) + binary.LittleEndian.Uint64(h[other:])
			binary.LittleEndian.PutUint64(key[part:], sum)
		}
	}
	return key, true
}

// Key is Keys.Key for a single use.
func (p *Plan) Key(group int, tenant, model string, e *Event) (key [16]byte, ok bool) {
	k := Keys{p: p, salts: make([]Hash, len(p.Groups))}
	k.salts[group] = p.salt(group, tenant, model)
	return k.Key(group, e)
}

func (p *Plan) salt(group int, tenant, model string) (salt Hash) {
	data := []byte("besra state 1")
	for _, part := range []string{tenant, model, string(p.Groups[group].ID[:])} {
		data = binary.AppendUvarint(data, uint64(len(part)))
		data = append(data, part...)
	}
	sum := sha256.Sum256(data)
	copy(salt[:], sum[:])
	return salt
}
