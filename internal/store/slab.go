package store

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// States lie in blocks, and blocks of one size in the chunks of a class. A class is dense: the hole that a removed
// block leaves is filled with the class's last one, so that a chunk is let go as soon as the states that are
// left fit into the others.
//
// A block is: key, 16 bytes; the state's length, 4 bytes; the state.
const (
	blockHeader = 20
	maxState    = 1 << 30

	chunkBits = 14 // of a block's number, for its place in the chunk
	chunkMin  = 1 << 10
	chunkMax  = 256 << 10
	chunkSelf = 48 // counted for a chunk's own upkeep
	classSelf = 96 // and for a class's
)

// classOf returns the class whose blocks are the smallest with room for a state of n bytes. Sizes grow by 8 to 64,
// then in eight steps from one power of two to the next: 72, 80, … 128, 144, ….
func classOf(n int) int {
	n += blockHeader
	if n <= 64 {
		return (n + 7) / 8
	}
	e := bits.Len(uint(n-1)) - 4
	return 8*(e-2) + (n-1)>>e - 7
}

// classSize returns the size of a class's blocks.
func classSize(class int) int {
	if class <= 8 {
		return 8 * class
	}
	class -= 9
	return (9 + class%8) << (class/8 + 3)
}

// A class holds the blocks of one size. Blocks 0 to tail's used-1 are taken, without a gap.
type class struct {
	chunks [][]byte
	tail   int // the chunk that is being filled
	used   int // blocks taken in it
	blocks int // blocks taken in all
	size   int
	held   int64 // bytes in chunks
}

// block returns the bytes of a block.
func (c *class) block(b uint32) []byte {
	at := int(b&(1<<chunkBits-1)) * c.size
	return c.chunks[b>>chunkBits][at : at+c.size : at+c.size]
}

// room is how many blocks a chunk has.
func (c *class) room(chunk int) int { return int(uint32(len(c.chunks[chunk])) / uint32(c.size)) }

// take takes the next block; ok is false when there is none until the class grows.
func (c *class) take() (block uint32, ok bool) {
	if c.tail < len(c.chunks) && c.used == c.room(c.tail) {
		c.tail++
		c.used = 0
	}
	if c.tail == len(c.chunks) {
		return 0, false
	}
	block = uint32(c.tail<<chunkBits | c.used)
	c.used++
	c.blocks++
	return block, true
}

// want returns how large the next chunk should be: a sixteenth of the class, in whole blocks.
func (c *class) want() int {
	n := int(min(max(c.held/16, chunkMin), chunkMax))
	return max(1, n/c.size) * c.size
}

// grow adds a chunk of at least n bytes and returns how many it takes. What the allocator would round up to is
// used, and counted.
func (c *class) grow(n int) int64 {
	chunk := slices.Grow([]byte(nil), n)
	chunk = chunk[:cap(chunk)]
	c.chunks = append(c.chunks, chunk)
	c.held += int64(len(chunk))
	return int64(len(chunk)) + chunkSelf
}

// last returns the number of the block taken last in place.
func (c *class) last() uint32 {
	if c.used == 0 {
		c.tail--
		c.used = c.room(c.tail)
	}
	return uint32(c.tail<<chunkBits | (c.used - 1))
}

// move fills the hole at block with the class's last block.
func (c *class) move(block, last uint32) {
	if c.size > chunkMax/2 { // a chunk is a block
		c.chunks[block>>chunkBits], c.chunks[last>>chunkBits] = c.chunks[last>>chunkBits], c.chunks[block>>chunkBits]
	} else {
		copy(c.block(block), c.block(last))
	}
}

// drop gives up the last block, and returns how many bytes that has set free. One empty chunk may be kept, a
// small one, so that a state that comes and goes does not allocate.
func (c *class) drop() int64 {
	c.used--
	c.blocks--
	if c.used > 0 {
		return 0
	}
	keep := c.tail
	if c.blocks > 0 && int64(len(c.chunks[keep])) <= c.held/8 && c.size <= chunkMax/2 {
		keep++
	}
	var freed int64
	for i := keep; i < len(c.chunks); i++ {
		freed += int64(len(c.chunks[i])) + chunkSelf
		c.held -= int64(len(c.chunks[i]))
		c.chunks[i] = nil
	}
	c.chunks = c.chunks[:min(keep, len(c.chunks))]
	return freed
}

func keyOf(block []byte) Key      { return Key(block[:16]) }
func stateLen(block []byte) int   { return int(binary.LittleEndian.Uint32(block[16:])) }
func stateOf(block []byte) []byte { return block[blockHeader : blockHeader+stateLen(block)] }

func setKey(block []byte, key Key) { copy(block, key[:]) }
func setLen(block []byte, n int)   { binary.LittleEndian.PutUint32(block[16:], uint32(n)) }

// newestOf returns the time of a state's newest event.
func newestOf(state []byte) int64 {
	if len(state) < 8 {
		return 0
	}
	return int64(binary.LittleEndian.Uint64(state))
}

// taken returns how many blocks of a chunk are taken.
func (c *class) taken(chunk int) int {
	switch {
	case chunk < c.tail:
		return c.room(chunk)
	case chunk == c.tail:
		return c.used
	default:
		return 0
	}
}
