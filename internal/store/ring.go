package store

import (
	"encoding/binary"
	"math"
)

// A record is an answer in a ring: key, 16 bytes; digest, 16; time, 8, in milliseconds since 1970; length of the
// answer, 4; the answer; and what fills it up to a multiple of 8.
type record []byte

const recordHeader = 44

func recordBytes(answer int) int { return (recordHeader + answer + 7) &^ 7 }

func (r record) key() Key       { return Key(r[:16]) }
func (r record) digest() Digest { return Digest(r[16:32]) }
func (r record) at() int64      { return int64(binary.LittleEndian.Uint64(r[32:])) }
func (r record) length() int    { return int(binary.LittleEndian.Uint32(r[40:])) }
func (r record) answer() []byte { return r[recordHeader : recordHeader+r.length()] }

func (r record) write(key Key, d Digest, at int64, answer []byte) {
	copy(r, key[:])
	copy(r[16:], d[:])
	binary.LittleEndian.PutUint64(r[32:], uint64(at))
	binary.LittleEndian.PutUint32(r[40:], uint32(len(answer)))
	copy(r[recordHeader:], answer)
}

// A ring holds records from the oldest to the newest, each in one piece: from head to tail, or from head to end and
// from 0 to tail.
type ring struct {
	buf             []byte
	head, tail, end int
	n               int
	wrapped         bool
}

// ringReach is how large a ring may be for its places, in eights, to fit a slot.
const ringReach = 8 << 30

func (r *ring) record(block uint32) record { return r.buf[int(block)*8:] }

// oldest returns the oldest record and where it stands.
func (r *ring) oldest() (uint32, record) { return uint32(r.head / 8), r.buf[r.head:] }

// pop forgets the oldest record.
func (r *ring) pop() {
	r.head += recordBytes(record(r.buf[r.head:]).length())
	r.n--
	switch {
	case r.n == 0:
		r.head, r.tail, r.wrapped = 0, 0, false
	case r.wrapped && r.head == r.end:
		r.head, r.wrapped = 0, false
	}
}

// fits reports whether there is room for a record.
func (r *ring) fits(n int) bool {
	if r.wrapped {
		return r.tail+n <= r.head
	}
	return r.tail+n <= len(r.buf) || n <= r.head
}

// push takes the place of a record that fits.
func (r *ring) push(n int) (uint32, record) {
	if !r.wrapped && r.tail+n > len(r.buf) {
		r.end, r.tail, r.wrapped = r.tail, 0, true
	}
	at := r.tail
	r.tail += n
	r.n++
	return uint32(at / 8), r.buf[at : at+n]
}

// grown returns the ring with more room, and its records in order from 0. A record that stood at head or behind it, in
// eights, has come nearer by head; one before it is now behind those.
func (r *ring) grown(size int) (straight ring, head, behind uint32) {
	end := r.tail
	if r.wrapped {
		end = r.end
	}
	straight = ring{buf: make([]byte, size), n: r.n}
	straight.tail = copy(straight.buf, r.buf[r.head:end])
	behind = uint32(straight.tail / 8)
	if r.wrapped {
		straight.tail += copy(straight.buf[straight.tail:], r.buf[:r.tail])
	}
	return straight, uint32(r.head / 8), behind
}

// find returns the slot of key's answer, -1 when there is none.
func (a *answers) find(key Key) int {
	hash := hashOf(key)
	for i := a.first(hash); i >= 0; i = a.next(i) {
		p := &a.slots[i]
		switch {
		case p.class == 0:
			return -1
		case p.hash == hash && a.ring.record(p.block).key() == key:
			return i
		}
	}
	return -1
}

// leadsTo returns the slot of key that leads to a record, -1 when there is none because a newer answer has taken it.
func (a *answers) leadsTo(key Key, block uint32) int {
	if i := a.find(key); i >= 0 && a.slots[i].block == block {
		return i
	}
	return -1
}

// remember adds an answer, and forgets the oldest as far as it must; what was given before the time oldest has expired.
func (r *replays) remember(a *answers, key Key, d Digest, at, oldest int64, answer []byte) error {
	if r.none {
		return nil
	}
	if len(answer) > math.MaxInt32 || recordBytes(len(answer)) > r.ringMax {
		r.forgotEarly(at)
		return ErrFull
	}
	for a.ring.n > 0 {
		if _, rec := a.ring.oldest(); rec.at() >= oldest {
			break
		}
		r.forget(a, oldest)
	}
	n := recordBytes(len(answer))
	for !a.ring.fits(n) {
		if !r.growRing(a, n) {
			r.forget(a, oldest)
		}
	}
	for a.full() {
		if !r.growIndex(a) {
			r.forget(a, oldest)
		}
	}
	block, rec := a.ring.push(n)
	rec.write(key, d, at, answer)
	if i := a.find(key); i >= 0 {
		a.slots[i].block = block
		return nil
	}
	a.add(slot{hash: hashOf(key), block: block, class: 1})
	r.answers.Add(1)
	return nil
}

// forget drops the oldest record of a shard.
func (r *replays) forget(a *answers, oldest int64) {
	block, rec := a.ring.oldest()
	if i := a.leadsTo(rec.key(), block); i >= 0 {
		a.remove(i)
		r.answers.Add(-1)
		if rec.at() >= oldest {
			r.forgotEarly(rec.at())
		}
	}
	a.ring.pop()
}

func (r *replays) forgotEarly(at int64) {
	r.early.Add(1)
	for lost := r.lost.Load(); at > lost && !r.lost.CompareAndSwap(lost, at); {
		lost = r.lost.Load()
	}
}

// growRing doubles a shard's ring, until it has its share.
func (r *replays) growRing(a *answers, n int) bool {
	size := min(max(2*len(a.ring.buf), 1024, n), r.ringMax)
	if size <= len(a.ring.buf) {
		return false
	}
	r.bytes.Add(int64(size - len(a.ring.buf)))
	straight, head, behind := a.ring.grown(size)
	a.ring = straight
	for i := range a.slots {
		if p := &a.slots[i]; p.class != 0 && p.block >= head {
			p.block -= head
		} else if p.class != 0 {
			p.block += behind
		}
	}
	return true
}

// growIndex grows a shard's index, until it has its share.
func (r *replays) growIndex(a *answers) bool {
	n := min(a.grown(), r.slotMax)
	if n <= len(a.slots) {
		return false
	}
	before := a.bytes()
	a.resize(n)
	r.bytes.Add(a.bytes() - before)
	return true
}
