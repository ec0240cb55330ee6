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

// Key returns the key of group i's state for e: a digest of tenant, model, the group's ID and its entities. ok is
// false when an entity is absent: then there is no state.
func (k *Keys) Key(i int, e *Event) (key [16]byte, ok bool) {
	if !k.p.present(i, e) {
		return key, false
	}
	var buf [3 * 16]byte
	data := append(buf[:0], k.salts[i][:]...)
	for _, f := range k.p.bindings[i].entities {
		data = append(data, e.Hashes[f][:]...)
	}
	sum := sha256.Sum256(data)
	return [16]byte(sum[:16]), true
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
