package outcome

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
)

const (
	chunkEntries = 256
	entryBytes   = 96 // of an entry
)

// An entry is a record in memory. It has no pointers: model and data lie behind one another in its chunk.
type entry struct {
	key      Key
	position uint64
	time     int64
	score    float64
	loss     int64
	version  int64
	mark     mark
	offset   uint32
	dataLen  uint16
	modelLen uint8
	decision uint8
}

type chunk struct {
	entries [chunkEntries]entry
	bytes   []byte
}

// A part holds records in the order of their coming, found by key. A full one is written to disk, which needs begin and
// claim; in a table without disk the only part loses its oldest.
type part struct {
	indexes [64]index // by the key's last byte, so that growing one takes little time
	chunks  []*chunk
	free    []*chunk
	first   uint32 // sequence number of the oldest entry, a multiple of chunkEntries; numbers wrap around
	n       int    // entries, those that are gone included
	live    int
	held    int64 // bytes of indexes and chunks, the free ones included

	begin uint64 // the highest position that the table had seen when this part began
	claim uint64 // the position up to which the table is on disk when this part is

	late []int // the entries labelled since the part was frozen
}

// An index is an open-addressing table. A slot is 0, or occupied | 31 bits of the key << 32 | sequence number.
type index struct {
	slots []uint64
	n     int
}

const occupied = 1 << 63

func newPart() *part {
	p := &part{}
	for i := range p.indexes {
		p.indexes[i].slots = make([]uint64, 16)
		p.held += 16 * 8
	}
	return p
}

func (p *part) indexOf(k *Key) *index { return &p.indexes[k[15]%64] }

func tagOf(k *Key) uint64 { return occupied | uint64(binary.LittleEndian.Uint32(k[8:]))<<32 }

func (x *index) home(k *Key) int {
	return int(binary.LittleEndian.Uint64(k[:]) & uint64(len(x.slots)-1))
}

// at returns entry i, counted from the oldest.
func (p *part) at(i int) (*entry, *chunk) {
	c := p.chunks[i/chunkEntries]
	return &c.entries[i%chunkEntries], c
}

// number is the entry that a slot means, counted from the oldest.
func (p *part) number(slot uint64) int { return int(uint32(slot) - p.first) }

// find returns the entry of k, counted from the oldest, or -1.
func (p *part) find(k *Key) int {
	x, tag := p.indexOf(k), tagOf(k)
	mask := len(x.slots) - 1
	for s := x.home(k); x.slots[s] != 0; s = (s + 1) & mask {
		if x.slots[s]>>32 == tag>>32 {
			if e, _ := p.at(p.number(x.slots[s])); e.key == *k {
				return p.number(x.slots[s])
			}
		}
	}
	return -1
}

// add appends a record whose key the part does not have, and returns its entry.
func (p *part) add(k *Key, position uint64, r *Record) *entry {
	x := p.indexOf(k)
	if x.n*4 >= len(x.slots)*3 {
		p.grow(x)
	}
	if p.n == len(p.chunks)*chunkEntries {
		p.extend()
	}
	x.insert(k, p.first+uint32(p.n))
	e, c := p.at(p.n)
	p.n++
	p.live++
	e.key, e.position, e.time, e.score, e.loss = *k, position, r.Time, r.Score, r.Loss
	e.version, e.decision, e.mark = int64(r.Version), r.Decision, mark{}
	e.offset, e.modelLen, e.dataLen = uint32(len(c.bytes)), uint8(len(r.Model)), uint16(len(r.Data))
	before := cap(c.bytes)
	c.bytes = append(append(c.bytes, r.Model...), r.Data...)
	p.held += int64(cap(c.bytes) - before)
	return e
}

func (p *part) extend() {
	if n := len(p.free); n > 0 {
		p.chunks, p.free = append(p.chunks, p.free[n-1]), p.free[:n-1]
		return
	}
	p.chunks = append(p.chunks, &chunk{})
	p.held += chunkEntries * entryBytes
}

func (x *index) insert(k *Key, sequence uint32) {
	s, mask := x.home(k), len(x.slots)-1
	for x.slots[s] != 0 {
		s = (s + 1) & mask
	}
	x.slots[s] = tagOf(k) | uint64(sequence)
	x.n++
}

func (p *part) grow(x *index) {
	old := x.slots
	*x = index{slots: make([]uint64, 2*len(old))}
	p.held += int64(len(old)) * 8
	for _, slot := range old {
		if slot != 0 {
			e, _ := p.at(p.number(slot))
			x.insert(&e.key, uint32(slot))
		}
	}
}

// gone says that the entry was removed and only its place is left.
func (e *entry) gone() bool { return e.decision == 0xff }

// remove takes entry i out; its place stays until its chunk leaves.
func (p *part) remove(i int) {
	e, _ := p.at(i)
	x := p.indexOf(&e.key)
	mask, s := len(x.slots)-1, x.home(&e.key)
	for x.slots[s] == 0 || p.number(x.slots[s]) != i {
		s = (s + 1) & mask
	}
	x.slots[s] = 0
	x.n--
	for next := (s + 1) & mask; x.slots[next] != 0; next = (next + 1) & mask { // close the gap
		moved, _ := p.at(p.number(x.slots[next]))
		if (next-x.home(&moved.key))&mask >= (next-s)&mask {
			x.slots[s], x.slots[next] = x.slots[next], 0
			s = next
		}
	}
	*e = entry{decision: 0xff}
	p.live--
}

// dropChunk lets the oldest chunk go, after visit has seen its entries, and says how many there were.
func (p *part) dropChunk(visit func(*entry, *chunk)) (dropped int) {
	c := p.chunks[0]
	places := min(chunkEntries, p.n)
	for i := range places {
		if e := &c.entries[i]; !e.gone() {
			visit(e, c)
			p.remove(i)
			dropped++
		}
	}
	p.n -= places
	p.first += chunkEntries
	p.chunks = slices.Delete(p.chunks, 0, 1)
	c.bytes = c.bytes[:0]
	p.free = append(p.free, c)
	return dropped
}

// reset empties the part and keeps its memory.
func (p *part) reset() {
	for i := range p.indexes {
		clear(p.indexes[i].slots)
		p.indexes[i].n = 0
	}
	for _, c := range p.chunks {
		c.bytes = c.bytes[:0]
	}
	p.free = append(p.free, p.chunks...)
	clear(p.chunks)
	p.chunks, p.late = p.chunks[:0], p.late[:0]
	p.n, p.live, p.first, p.begin, p.claim = 0, 0, 0, 0, 0
}

// sorted returns the entries in the order of their keys.
func (p *part) sorted() []int {
	type item struct {
		prefix uint64
		i      int
	}
	items := make([]item, 0, p.n)
	for i := range p.n {
		if e, _ := p.at(i); !e.gone() {
			items = append(items, item{binary.BigEndian.Uint64(e.key[:]), i})
		}
	}
	slices.SortFunc(items, func(a, b item) int {
		if a.prefix != b.prefix {
			return cmp.Compare(a.prefix, b.prefix)
		}
		x, _ := p.at(a.i)
		y, _ := p.at(b.i)
		return bytes.Compare(x.key[:], y.key[:])
	})
	order := make([]int, len(items))
	for n, item := range items {
		order[n] = item.i
	}
	return order
}

func (e *entry) model(c *chunk) []byte { return c.bytes[e.offset:][:e.modelLen] }

func (e *entry) data(c *chunk) []byte {
	return c.bytes[int(e.offset)+int(e.modelLen):][:e.dataLen]
}

// record is the entry as a Record of its own.
func (e *entry) record(c *chunk) Record {
	return Record{
		Time: e.time, Model: string(e.model(c)), Version: int(e.version), Score: e.score, Decision: e.decision,
		Loss: e.loss, Label: e.mark.label, LabelTime: e.mark.time, Data: bytes.Clone(e.data(c)),
	}
}

// nextChunk is the memory that the next chunk takes anew, if one is needed for the next record.
func (p *part) nextChunk() int64 {
	if len(p.free) > 0 {
		return 0
	}
	return chunkEntries * entryBytes
}

// release gives the memory of a free chunk back.
func (p *part) release() {
	c := p.free[len(p.free)-1]
	p.free = p.free[:len(p.free)-1]
	p.held -= chunkEntries*entryBytes + int64(cap(c.bytes))
}
