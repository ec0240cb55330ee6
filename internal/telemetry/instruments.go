package telemetry

import (
	"math"
	"sync/atomic"
)

type cell struct {
	n atomic.Uint64
	_ [line - 8]byte
}

// A Counter only rises.
type Counter struct {
	shards *shards
	cells  []cell
}

func newCounter(s *shards) *Counter { return &Counter{s, make([]cell, s.len())} }

// Inc adds one.
func (c *Counter) Inc() { c.Add(1) }

// Add adds n.
func (c *Counter) Add(n uint64) {
	if Muted {
		return
	}
	t := c.shards.get()
	c.cells[t.shard].n.Add(n)
	c.shards.put(t)
}

// Value returns the count; what is added meanwhile may or may not be in it.
func (c *Counter) Value() uint64 {
	var n uint64
	for i := range c.cells {
		n += c.cells[i].n.Load()
	}
	return n
}

func (c *Counter) read(s *Series) { s.Value = float64(c.Value()) }

// An UpDown is a number of things that come and go. It never reads below zero.
type UpDown struct{ c Counter }

func newUpDown(s *shards) *UpDown { return &UpDown{*newCounter(s)} }

// Inc adds one.
func (u *UpDown) Inc() { u.c.Add(1) }

// Dec takes one away.
func (u *UpDown) Dec() { u.c.Add(^uint64(0)) }

// Value returns how many there are.
func (u *UpDown) Value() uint64 {
	// The cells are read one after the other: a thing that left may be seen without its having come.
	return uint64(max(int64(u.c.Value()), 0))
}

func (u *UpDown) read(s *Series) { s.Value = float64(u.Value()) }

// A Gauge is a value that is set.
type Gauge struct{ bits atomic.Uint64 }

// Set replaces the value.
func (g *Gauge) Set(v float64) { g.bits.Store(math.Float64bits(v)) }

// Value returns what was set last.
func (g *Gauge) Value() float64 { return math.Float64frombits(g.bits.Load()) }

func (g *Gauge) read(s *Series) { s.Value = g.Value() }
