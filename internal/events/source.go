package events

import (
	"context"
	"fmt"
	"hash/maphash"

	"github.com/besra-ml/besra/internal/feature"
)

// A Source is a file of events: CSV or Parquet.
type Source interface {
	// open reads what comes before the events. It is called once, and alone.
	open(r *Replay) (reader, error)
}

// A reader reads a file block by block.
type reader interface {
	// read puts what the next block needs into b. It is called by one goroutine at a time, and ends with io.EOF.
	read(b *Block) error
	// parse fills b with its events, up to the first wrong one, which b.err then tells. It is called by many
	// goroutines, each for its own block.
	parse(b *Block, p *parser)
}

// A source is what a reader leaves in a block for its parse.
type source any

// A parser has what one goroutine needs to parse.
type parser struct {
	*Replay
	hasher   hasher
	entities [][2]int // of each group: the fields of its entities; the second is -1 where there is but one
	event    feature.Event
	pair     []byte
}

func newParser(r *Replay, h hasher) *parser {
	p := &parser{Replay: r, hasher: h}
	for _, g := range r.plan.Groups {
		pair := [2]int{-1, -1}
		for i, name := range g.Entities {
			pair[i] = r.plan.Field(name)
		}
		p.entities = append(p.entities, pair)
	}
	return p
}

// finish checks the last event of b as a whole, and finds whose histories it needs.
func (p *parser) finish(b *Block) error {
	if b.Times[b.N-1] < 0 {
		return fmt.Errorf("%s: %w", p.plan.Fields[p.plan.TimeField].Name, errMissing)
	}
	b.event(b.N-1, &p.event)
	if i := p.program.Missing(&p.event); i >= 0 {
		return fmt.Errorf("%s: %w", p.plan.Fields[i].Name, errMissing)
	}
	if i, ok := p.plan.Quantize(&p.event); !ok {
		return fmt.Errorf("%s: %v is too large a number for windows", p.plan.Fields[i].Name, p.event.Numbers[i])
	}
	keys := b.keys[(b.N-1)*b.groups:]
	for g, pair := range p.entities {
		keys[g] = p.key(pair)
	}
	return nil
}

// key returns the key of a group's history of the event; zero: an entity is absent.
func (p *parser) key(of [2]int) feature.Hash {
	first := p.event.Hashes[of[0]]
	if of[1] < 0 || first == (feature.Hash{}) {
		return first
	}
	second := p.event.Hashes[of[1]]
	if second == (feature.Hash{}) {
		return second
	}
	p.pair = append(append(p.pair[:0], first[:]...), second[:]...)
	return p.hasher.hash(p.pair)
}

// opened opens a source in a goroutine of its own: a terminal may never send a header.
func (r *Replay) opened(ctx context.Context, from Source) (reader, error) {
	type result struct {
		in  reader
		err error
	}
	done := make(chan result, 1)
	go func() {
		in, err := from.open(r)
		done <- result{in, err}
	}()
	select {
	case o := <-done:
		return o.in, o.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// blockBytes returns how many bytes of text to read at once, so that the rows of a block take a few megabytes
// at most: an event is longer than its time.
func (r *Replay) blockBytes() int {
	const (
		most  = 128 << 10
		rows  = 4 << 20
		event = len("2006-01-02T15:04:05Z\n")
	)
	if r.Block > 0 {
		return r.Block
	}
	width := 8*(len(r.Columns)+3*len(r.plan.Fields)+2*len(r.plan.Groups)) + 8
	return min(most, max(rows/width*event, 1<<10))
}

// A hasher makes hashes of entities and texts. Nobody stores them: two keyed halves, made for this process, are
// as good as any 128 bits.
type hasher struct{ a, b maphash.Seed }

func newHasher() hasher { return hasher{maphash.MakeSeed(), maphash.MakeSeed()} }

func (h hasher) hash(text []byte) (x feature.Hash) {
	a, b := maphash.Bytes(h.a, text), maphash.Bytes(h.b, text)
	for i := range 8 {
		x[i], x[8+i] = byte(a>>(8*i)), byte(b>>(8*i))
	}
	return x
}
