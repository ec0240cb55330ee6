package main

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// progress draws a bar on a terminal, and nothing elsewhere.
type progress struct {
	w     io.Writer // nil: nobody looks
	unit  string
	shown time.Time
	drawn bool
}

func newProgress(w io.Writer, unit string) *progress {
	if !isTerminal(w) {
		w = nil
	}
	return &progress{w: w, unit: unit}
}

// show draws the bar, a few times a second at most. Without a total (0) it counts.
func (p *progress) show(done, total int) {
	const width = 30
	if p.w == nil || time.Since(p.shown) < 100*time.Millisecond && done != total {
		return
	}
	p.shown, p.drawn = time.Now(), true
	if total <= 0 {
		fmt.Fprintf(p.w, "\r\x1b[K%d %s", done, p.unit)
		return
	}
	full := min(width, done*width/total)
	fmt.Fprintf(p.w, "\r\x1b[K[%s%s] %d%% of %d %s", strings.Repeat("=", full), strings.Repeat(" ", width-full),
		done*100/total, total, p.unit)
}

// end clears the bar.
func (p *progress) end() {
	if p.drawn {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.drawn = false
	}
}

// follow shows on a terminal how far a work has come, until the function that it returns is called: the share of the
// file that is read when its size is known, else what is done. A terminal that shows the results shows no bar.
func follow(e *environ, unit string, done func() int64, read *countingReader, size int64, toStdout bool) (end func()) {
	if !isTerminal(e.stderr) || toStdout && isTerminal(e.stdout) {
		return func() {}
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		bytes, count := newProgress(e.stderr, "bytes"), newProgress(e.stderr, unit)
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				bytes.end()
				count.end()
				return
			case <-tick.C:
			}
			if size > 0 {
				bytes.show(int(read.n.Load()), int(size))
			} else {
				count.show(int(done()), 0)
			}
		}
	}()
	return func() { close(stop); <-stopped }
}
