package events

import (
	"context"
	"errors"
	"io"
	"runtime"
	"sync"
)

// A Sink takes the rows.
type Sink interface {
	// Begin is called before all else, once the file of events is found to begin well.
	Begin() error
	// Format appends to dst what Write is to find in b.Text. It is called by many goroutines, each for its own
	// block.
	Format(dst []byte, b *Block) []byte
	// Write takes the events of a block, after those of all blocks before. It must not keep b.
	Write(b *Block) error
}

// Each is a Sink that calls a function for each block, in order.
type Each func(b *Block) error

// Begin does nothing.
func (f Each) Begin() error { return nil }

// Format appends nothing.
func (f Each) Format(dst []byte, _ *Block) []byte { return dst }

// Write calls the function.
func (f Each) Write(b *Block) error { return f(b) }

// A line is one run of a Replay. A block goes from free to the parsers; then, in the order of the file, to the
// census and to the histories; then to the formatters, which are the parsers again; then, in that order, to the
// sink, and back to free. All channels have room for all blocks: only who waits for a block waits.
type line struct {
	*Replay
	in        reader
	sink      Sink
	histories *histories
	free      chan *Block
	work      chan task
	parsed    chan *Block // in order; each is ready when its done says so
	counted   chan *Block // in order, and ready
	formatted chan *Block // as parsed
}

// A task is what a worker does next.
type task struct {
	b      *Block
	format bool // else parse
}

// Run turns the events of a file into rows. Those before an error are written. It returns when ctx is done; a
// Read that is under way then is left behind, since nothing can interrupt it.
func (r *Replay) Run(ctx context.Context, from Source, to Sink) (Summary, error) {
	in, err := r.opened(ctx, from)
	if err != nil {
		return Summary{}, err
	}
	if err := to.Begin(); err != nil {
		return Summary{}, err
	}
	workers := r.Workers
	if workers < 1 {
		workers = runtime.GOMAXPROCS(0)
	}
	blocks := 3*workers + 2
	l := &line{
		Replay: r, in: in, sink: to, histories: newHistories(r),
		free: make(chan *Block, blocks), work: make(chan task, 2*blocks),
		parsed: make(chan *Block, blocks), counted: make(chan *Block, blocks), formatted: make(chan *Block, blocks),
	}
	for range blocks {
		l.free <- &Block{done: make(chan struct{}, 1)}
	}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	h := newHasher()
	for range workers {
		wg.Go(func() { l.run(ctx, newParser(r, h)) })
	}
	wg.Go(func() { l.count(ctx) })
	wg.Go(func() { l.advance(ctx) })
	go l.read(ctx)
	err = l.write(ctx)
	cancel()
	wg.Wait() // from here on nobody else touches the histories
	return l.summary(), err
}

// read reads the file into blocks.
func (l *line) read(ctx context.Context) {
	defer close(l.parsed)
	for {
		var b *Block
		select {
		case b = <-l.free:
		case <-ctx.Done():
			return
		}
		b.reset(l.plan, len(l.kept))
		b.err = l.in.read(b)
		if ctx.Err() != nil || errors.Is(b.err, io.EOF) {
			return
		}
		failed := b.err != nil
		l.parsed <- b
		if failed {
			b.done <- struct{}{}
			return
		}
		l.work <- task{b: b}
	}
}

// run is a worker.
func (l *line) run(ctx context.Context, p *parser) {
	for {
		select {
		case <-ctx.Done():
			return
		case t := <-l.work:
			if t.format {
				t.b.Text = l.sink.Format(t.b.Text[:0], t.b)
			} else {
				l.in.parse(t.b, p)
			}
			t.b.done <- struct{}{}
		}
	}
}

// count numbers the entities of the parsed blocks, ahead of advance, which has the most to do.
func (l *line) count(ctx context.Context) {
	defer close(l.counted)
	known := newCensus(len(l.plan.Groups))
	for {
		b, ok := next(ctx, l.parsed)
		if !ok {
			return
		}
		known.count(b)
		l.counted <- b
	}
}

// advance takes the blocks through the histories.
func (l *line) advance(ctx context.Context) {
	defer close(l.formatted)
	for b := range l.counted {
		l.histories.advance(ctx, b, len(l.Columns))
		if ctx.Err() != nil {
			continue // its rows may be of the block before
		}
		l.formatted <- b
		l.work <- task{b: b, format: true}
	}
}

// write hands the blocks to the sink.
func (l *line) write(ctx context.Context) error {
	for {
		b, ok := next(ctx, l.formatted)
		if !ok {
			return ctx.Err()
		}
		if err := l.sink.Write(b); err != nil {
			return err
		}
		l.Events.Add(int64(b.N))
		if b.err != nil {
			return b.err
		}
		l.free <- b
	}
}

// next returns the next block of a channel once it is ready; false: there is none, or ctx is done.
func next(ctx context.Context, from chan *Block) (*Block, bool) {
	select {
	case <-ctx.Done():
		return nil, false
	case b, ok := <-from:
		if !ok {
			return nil, false
		}
		select {
		case <-ctx.Done():
			return nil, false
		case <-b.done:
			return b, true
		}
	}
}

func (l *line) summary() Summary {
	return Summary{Events: int(l.Events.Load()), Late: l.histories.late, Full: l.histories.full, Notes: l.notes}
}
