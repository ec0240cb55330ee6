package rows

import (
	"context"
	"errors"
	"io"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/besra-ml/besra"
)

// A Scorer appends a line for each of the given rows to dst. One is used by one goroutine at a time.
type Scorer func(dst []byte, rows []float64) ([]byte, error)

// A Stream turns files of rows into files of results, on several cores, in constant memory and in the order
// of the rows.
type Stream struct {
	Options
	Columns []besra.Column
	Header  []byte        // what the results begin with
	Numbers int           // how many numbers a result has, about: memory is measured by it
	Scorer  func() Scorer // makes the scorer of one worker
	Workers int           // 0: one for each core

	Rows atomic.Int64 // how many have been written
}

// blockRows is how many rows are scored at once, at most.
const blockRows = 256

// A job is a chunk on its way: read, then scored by a worker, then written.
type job struct {
	buf  []byte // the chunk's room
	in   chunk
	out  []byte
	rows int
	err  error
	done chan struct{} // receives when it has been scored
}

// A conveyor is one run of a Stream. Every job goes from free to work, and at the same time to order; a
// worker scores it; whoever writes takes it from order and puts it back into free.
type conveyor struct {
	*Stream
	layout            *layout
	free, work, order chan *job
}

// Run scores the rows of r and writes the results to w. Rows before an error are written. It returns when
// ctx is done; a Read that is under way then is left behind, since nothing can interrupt it.
func (s *Stream) Run(ctx context.Context, w io.Writer, r io.Reader) error {
	ctx, cancel := context.WithCancel(ctx)
	d, err := s.open(ctx, r)
	if err != nil {
		cancel()
		return err
	}
	workers := s.Workers
	if workers < 1 {
		workers = runtime.GOMAXPROCS(0)
	}
	jobs := 2*workers + 1
	c := &conveyor{s, d.layout, make(chan *job, jobs), make(chan *job, jobs), make(chan *job, jobs)}
	for range jobs {
		c.free <- &job{done: make(chan struct{}, 1)}
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	for range workers {
		wg.Go(func() { c.score(ctx) })
	}
	go c.read(ctx, d)
	if _, err := w.Write(s.Header); err != nil {
		return err
	}
	return c.write(ctx, w)
}

// open reads the header, in a goroutine of its own: a terminal may never send one.
func (s *Stream) open(ctx context.Context, r io.Reader) (*Reader, error) {
	type opened struct {
		d   *Reader
		err error
	}
	done := make(chan opened, 1)
	go func() {
		d, err := newReader(r, s.chunk(), s.Columns, s.Options)
		done <- opened{d, err}
	}()
	select {
	case o := <-done:
		return o.d, o.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// results is how much memory the results of a chunk or a block of rows may take, in bytes, about.
const results = 1 << 20

// block returns how many rows are scored at once.
func (s *Stream) block() int { return max(1, min(blockRows, results/(8*max(s.Numbers, 1)))) }

// chunk returns how many bytes to read at once, so that their results take about a megabyte at most.
func (s *Stream) chunk() int {
	perRow := max(s.Numbers, 1) * 8
	return min(chunkSize, max(results/perRow*2*len(s.Columns), 16))
}

// read cuts the file into jobs.
func (c *conveyor) read(ctx context.Context, d *Reader) {
	defer close(c.order)
	defer close(c.work)
	first := chunk{text: d.cells.text[d.cells.pos:], line: d.cells.line}
	for {
		var j *job
		select {
		case j = <-c.free:
		case <-ctx.Done():
			return
		}
		if j.in, j.err = first, nil; first.text == nil {
			j.in, j.err = d.split.next(j.buf)
			j.buf = j.in.text
		}
		first.text = nil
		if ctx.Err() != nil || errors.Is(j.err, io.EOF) {
			return
		}
		failed := j.err != nil
		c.order <- j // neither blocks: both have room for all jobs
		c.work <- j
		if failed {
			return
		}
	}
}

// score is a worker.
func (c *conveyor) score(ctx context.Context) {
	scorer := c.Scorer()
	block := make([]float64, 0, c.block()*len(c.layout.columns))
	var cells cells
	for {
		select {
		case <-ctx.Done():
			return
		case j, ok := <-c.work:
			if !ok {
				return
			}
			c.one(j, &cells, block, scorer)
			j.done <- struct{}{}
		}
	}
}

// one scores the rows of a job.
func (c *conveyor) one(j *job, cells *cells, block []float64, scorer Scorer) {
	j.out, j.rows = j.out[:0], 0
	if j.err != nil { // it could not be read
		j.err = c.layout.wrap(j.err)
		return
	}
	cells.reset(j.in)
	for cells.more() && j.err == nil {
		var bad, err error
		block, bad = c.layout.rows(block[:0], cells, cap(block))
		j.out, err = scorer(j.out, block)
		j.rows += len(block) / len(c.layout.columns)
		if j.err = err; err == nil {
			j.err = bad
		}
	}
}

// write writes the results in the order of the rows.
func (c *conveyor) write(ctx context.Context, w io.Writer) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case j, ok := <-c.order:
			if !ok {
				return ctx.Err()
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-j.done:
			}
			if _, err := w.Write(j.out); err != nil {
				return err
			}
			c.Rows.Add(int64(j.rows))
			if j.err != nil {
				return j.err
			}
			c.free <- j
		}
	}
}
