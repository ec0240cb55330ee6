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
