package demo

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// screen shows what happens: on a terminal a panel drawn in place, elsewhere a line a second.
type screen struct {
	o       Options
	paint   paint
	err     error // the first of Out; nothing is written after it
	drawn   int   // lines of the panel on the terminal
	samples []sample
}

// A sample is how far the play had come at a time.
type sample struct {
	at       time.Time
	answered int
}

const (
	perSecond = 5 // panels
	wide      = 78
	column    = (wide - 2) / 4
)

// What a terminal is told. Without wrapping, a panel has as many lines on a narrow terminal as on a wide
// one, so that the way back up is known.
const (
	hideCursor, showCursor = "\x1b[?25l", "\x1b[?25h"
	wrapOff, wrapOn        = "\x1b[?7l", "\x1b[?7h"
	clearLine, clearDown   = "\x1b[K", "\x1b[J"
)

func newScreen(o Options) *screen {
	return &screen{o: o, paint: paint(o.Terminal && !o.NoColor)}
}

// A view shows a report, after so long, at a rate of so many answers a second: as the lines of a panel, or as a line.
type view func(r Report, rate float64, elapsed time.Duration, panel bool) []string

// follow shows report as time goes by, until the function it returns is called. That leaves the terminal
// as it was, the cursor where the panel began.
func (s *screen) follow(report func() Report, look view) (stop func()) {
	every := time.Second
	if s.o.Terminal {
		every = time.Second / perSecond
	}
	start := time.Now()
	s.samples = []sample{{start, 0}}
	stopping, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		defer s.clear()
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		if s.o.Terminal {
			s.print(hideCursor + wrapOff)
			s.draw(look(report(), 0, 0, true))
		}
		for {
			select {
			case now := <-ticker.C:
				r := report()
				s.sample(now, r.Answered)
				lines := look(r, s.rate(), now.Sub(start), s.o.Terminal)
				if s.o.Terminal {
					s.draw(lines)
				} else {
					s.print(strings.Join(lines, "\n") + "\n")
				}
			case <-stopping:
				return
			}
		}
	}()
	return func() {
		close(stopping)
		<-stopped
	}
}

// sample keeps about a second's.
func (s *screen) sample(now time.Time, answered int) {
	s.samples = append(s.samples, sample{now, answered})
	for len(s.samples) > 2 && now.Sub(s.samples[1].at) >= time.Second {
		s.samples = s.samples[1:]
	}
}

// rate is the answers a second in the last second.
func (s *screen) rate() float64 {
	from, to := s.samples[0], s.samples[len(s.samples)-1]
	if took := to.at.Sub(from.at).Seconds(); took > 0 {
		return float64(to.answered-from.answered) / took
	}
	return 0
}

func (s *screen) draw(lines []string) {
	var b strings.Builder
	if s.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", s.drawn)
	}
	for _, l := range lines {
		b.WriteString(l + clearLine + "\r\n")
	}
	s.drawn = len(lines)
	s.print(b.String())
}

func (s *screen) clear() {
	if !s.o.Terminal {
		return
	}
	back := "\r"
	if s.drawn > 0 {
		back += fmt.Sprintf("\x1b[%dA", s.drawn)
	}
	s.print(back + clearDown + wrapOn + showCursor)
	s.drawn = 0
}

func (s *screen) print(text string) {
	if s.err == nil {
		_, s.err = io.WriteString(s.o.Out, text)
	}
}

// learning is the view of the time before the play.
func (s *screen) learning(r Report, rate float64, elapsed time.Duration, panel bool) []string {
	if !panel {
		return []string{fmt.Sprintf("%3.0f s  %s/s  learned %s of %s", elapsed.Seconds(), grouped(int(rate+0.5)),
			grouped(r.Answered), grouped(r.Payments))}
	}
	p := s.paint
	return []string{
		"",
		"  " + p.as(bold, "besra demo") + p.as(dim, "  "+s.o.Model+"  "+s.o.URL),
		"",
		"  " + bar(p, wide-2, r.Answered, r.Payments),
		"  " + p.as(dim, both(wide-2, fmt.Sprintf("%s of %s payments to learn, of %d days", grouped(r.Answered),
			grouped(r.Payments), s.o.Learn), grouped(int(rate+0.5))+" a second")),
		"",
	}
}

// learned tells how that ended; "" when there was nothing to learn.
func (s *screen) learned(r Report) string {
	if r.Learned == 0 {
		return ""
	}
	return fmt.Sprintf("Learned %s of %d days, and their labels, in %.1f s.\n", plural(r.Learned, "payment"), s.o.Learn,
		r.LearnTook.Seconds())
}

// playing is the view of the play.
func (s *screen) playing(r Report, rate float64, elapsed time.Duration, asPanel bool) []string {
	if asPanel {
		return panel(s.o, s.paint, r, rate, elapsed)
	}
	return []string{line(r, rate, elapsed, s.o.Currency)}
}

// line is what a second looks like without a terminal.
func line(r Report, rate float64, elapsed time.Duration, currency string) string {
	l := fmt.Sprintf("%3.0f s  %s/s  p50 %s  p99 %s  max %s  approve %s  review %s  decline %s",
		elapsed.Seconds(), grouped(int(rate+0.5)), millis(r.P50), millis(r.P99), millis(r.Max),
		grouped(r.Approve.Payments), grouped(r.Review.Payments), grouped(r.Decline.Payments))
	if r.Failed > 0 {
		l += "  failed " + grouped(r.Failed)
	}
	return fmt.Sprintf("%s  precision %s  recall %s  saved %s %s",
		l, percent(r.Precision()), percent(r.Recall()), r.Saved(), currency)
}

// paint colours text, or leaves it as it is.
type paint bool

func (p paint) as(code, text string) string {
	if !p || strings.TrimSpace(text) == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

const (
	bold   = "1"
	dim    = "2"
	red    = "1;31"
	green  = "1;32"
	yellow = "1;33"
	cyan   = "36"
)

// A tile is a value below its name.
type tile struct{ name, value, color string }

// panel lays out lines of at most wide columns.
func panel(o Options, p paint, r Report, rate float64, elapsed time.Duration) []string {
	done := r.Answered + r.Failed
	failed := tile{"failed", grouped(r.Failed), dim}
	if r.Failed > 0 {
		failed.color = red
	}
	review, decline := "review", "decline"
	if o.Cutoffs != (Cutoffs{}) {
		review = fmt.Sprintf("review ≥ %.4g", o.Cutoffs.Review)
		decline = fmt.Sprintf("decline ≥ %.4g", o.Cutoffs.Decline)
	}
	saved := green
	if r.Saved() < 0 {
		saved = red
	}
	_, turnedAway := r.TurnedAway()
	lines := []string{
		"",
		"  " + p.as(bold, "besra demo") + p.as(dim, "  "+o.Model+"  "+o.URL+"/v1/score"),
		"",
		"  " + bar(p, wide-2, done, r.Payments),
		"  " + p.as(dim, both(wide-2, fmt.Sprintf("%s of %s payments", grouped(done), grouped(r.Payments)),
			fmt.Sprintf("%.1f of %.3g s", elapsed.Seconds(), o.Duration.Seconds()))),
		"",
	}
	for _, row := range [][]tile{
		{
			{"payments a second", grouped(int(rate + 0.5)), bold},
			{"p50", millis(r.P50), bold},
			{"p99", millis(r.P99), bold},
			{"max", millis(r.Max), bold},
		},
		{
			{"approve", grouped(r.Approve.Payments), green},
			{review, grouped(r.Review.Payments), yellow},
			{decline, grouped(r.Decline.Payments), red},
			failed,
		},
		{
			{"precision", percent(r.Precision()), bold},
			{"recall", percent(r.Recall()), bold},
			{"frauds stopped", grouped(r.Stopped().Frauds), bold},
			{"frauds missed", grouped(r.Approve.Frauds), bold},
		},
		{
			{"saved, " + o.Currency, r.Saved().String(), saved},
			{"missed, " + o.Currency, r.Missed().String(), bold},
			{"reviews, " + o.Currency, r.ReviewCost.String(), bold},
			{"turned away, " + o.Currency, turnedAway.String(), bold},
		},
	} {
		names, values := "  ", "  "
		for _, t := range row {
			names += p.as(dim, pad(t.name, column))
			values += p.as(t.color, pad(t.value, column))
		}
		lines = append(lines, strings.TrimRight(names, " "), strings.TrimRight(values, " "), "")
	}
	return lines
}

// bar is a line that fills as part grows to whole.
func bar(p paint, width, part, whole int) string {
	full := width * min(part, whole) / max(whole, 1)
	return p.as(cyan, strings.Repeat("━", full)) + p.as(dim, strings.Repeat("─", width-full))
}
