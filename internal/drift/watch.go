package drift

import (
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// Options say how a model is watched. The zero value is good.
type Options struct {
	Window time.Duration // that is compared with the reference; 0: an hour
	Rate   int           // most rows a second that are counted, on average; 0: 300
	Rand   func() uint64 // for many goroutines; nil: math/rand/v2
}

// slots is how many parts of the window are counted apart: it slides by one of them.
const slots = 12

// week is the shortest window in which every hour of the week comes as often as in a reference.
const week = 7 * 24 * time.Hour

// all is the share of a Watch that counts every row.
const all = math.MaxUint64

// A Watch counts what a model sees and says into the bins of its reference. Its methods may be called from many
// goroutines.
//
// While rows are few, all are counted. When they come faster than Rate a random share of them is, which says as much:
// the noise of some hundred thousand rows is far below what matters. Then a row costs a random number.
type Watch struct {
	Options
	ref        *Reference
	histograms []*Histogram // the score's, nil if there is none, and the features'
	first      []int        // of each, its first cell in a slot; and their end

	share atomic.Uint64 // of rows that are counted, in 2^64ths
	left  atomic.Int64  // rows that may still be counted until the next Turn
	now   atomic.Int32  // the slot that is filled
	cells []atomic.Uint32
	rows  [slots]atomic.Uint32

	mu     sync.Mutex // held by Turn
	begun  time.Time  // of the slot that is filled
	turned time.Time
	seen   uint64 // rows, at the last Turn
}

// Watch begins to watch the model of r.
func (r *Reference) Watch(now time.Time, o Options) *Watch {
	if o.Window <= 0 {
		o.Window = time.Hour
	}
	if o.Rate <= 0 {
		o.Rate = 300
	}
	if o.Rand == nil {
		o.Rand = rand.Uint64
	}
	w := &Watch{Options: o, ref: r, histograms: []*Histogram{r.Score}, begun: now, turned: now}
	for i := range r.Features {
		w.histograms = append(w.histograms, &r.Features[i].Histogram)
	}
	cells := 0
	for _, h := range w.histograms {
		w.first = append(w.first, cells)
		if h != nil {
			cells += len(h.Counts)
		}
	}
	w.first = append(w.first, cells)
	w.cells = make([]atomic.Uint32, slots*cells)
	w.share.Store(all)
	w.left.Store(w.most())
	return w
}

// most is how many rows are counted between two Turns, whatever comes.
func (w *Watch) most() int64 { return 2 * int64(w.Rate) }

// Count counts a row, of the model's columns, and its score, if it is among those that are counted.
func (w *Watch) Count(row []float64, score float64) {
	if share := w.share.Load(); share != all && w.Rand() >= share {
		return
	}
	if w.left.Load() <= 0 {
		return
	}
	w.left.Add(-1)
	slot := int(w.now.Load())
	w.rows[slot].Add(1)
	cells := w.slot(slot)
	if h := w.histograms[0]; h != nil {
		cells[h.Bin(score)].Add(1)
	}
	for i, x := range row[:len(w.ref.Features)] {
		x = w.ref.seen(&w.ref.Features[i], x)
		cells[w.first[1+i]+w.histograms[1+i].Bin(x)].Add(1)
	}
}

// seen returns x as the model sees it: as narrow as its rows, and NaN where it is missing. Codes of names stay as they are.
func (r *Reference) seen(f *Feature, x float64) float64 {
	if f.names {
		if x == f.absent {
			return math.NaN()
		}
		return x
	}
	if r.Narrow {
		x = float64(float32(x))
	}
	if m := r.Missing; m != nil && x == *m {
		return math.NaN()
	}
	return x
}

func (w *Watch) slot(i int) []atomic.Uint32 {
	n := w.first[len(w.first)-1]
	return w.cells[i*n : (i+1)*n]
}

// Turn is to be called about once a second, with the number of rows that the model has scored since whenever: it
// says which share of them is counted from now on, and has the window slide.
func (w *Watch) Turn(now time.Time, seen uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if since := now.Sub(w.turned); since > 0 {
		share := float64(1)
		if seen > w.seen {
			share = float64(w.Rate) * since.Seconds() / float64(seen-w.seen)
		}
		w.share.Store(all)
		if share < 1 {
			w.share.Store(uint64(share * (1 << 63) * 2))
		}
		w.left.Store(w.most())
		w.turned, w.seen = now, seen
	}
	length := w.Window / slots
	for range slots {
		if now.Sub(w.begun) < length {
			return
		}
		w.begun = w.begun.Add(length)
		w.next()
	}
	w.begun = now // it has slept for longer than the window
}

// next goes on to the next slot. Who still has the one before counts there, which is as good.
func (w *Watch) next() {
	slot := (int(w.now.Load()) + 1) % slots
	w.rows[slot].Store(0)
	cells := w.slot(slot)
	for i := range cells {
		cells[i].Store(0)
	}
	w.now.Store(int32(slot))
}

// A Report is how far a model's scores and features are from its reference.
type Report struct {
	Rows          int // in the window
	ReferenceRows int
	Window        time.Duration
	Score         Figure   // NaN where none is the score
	Features      []Figure // in the model's order
}

// A Figure is how far one distribution is from the reference's: its [PSI] less what sampling alone makes of it. It is
// NaN, and the verdict None, while there are fewer than [MinRows] on either side, and for a feature of the calendar
// unless the window holds a week.
type Figure struct {
	Name    string // of the feature
	PSI     float64
	Verdict Verdict
}

// Report compares the window with the reference.
func (w *Watch) Report() Report {
	r := Report{ReferenceRows: w.ref.Rows, Window: w.Window, Features: make([]Figure, len(w.ref.Features))}
	for i := range w.rows {
		r.Rows += int(w.rows[i].Load())
	}
	live := w.live()
	r.Score = w.figure(live, 0)
	for i := range w.ref.Features {
		f := &w.ref.Features[i]
		if f.Calendar && w.Window < week {
			r.Features[i] = Figure{Name: f.Name, PSI: math.NaN()}
			continue
		}
		r.Features[i] = w.figure(live, 1+i)
		r.Features[i].Name = f.Name
	}
	return r
}

func (w *Watch) figure(live []uint64, i int) Figure {
	h := w.histograms[i]
	if h == nil {
		return Figure{PSI: math.NaN()}
	}
	psi := distance(live[w.first[i]:w.first[i+1]], h.Counts)
	return Figure{PSI: psi, Verdict: VerdictOf(psi)}
}

// live returns what the window has counted.
func (w *Watch) live() []uint64 {
	live := make([]uint64, w.first[len(w.first)-1])
	for s := range slots {
		for i, cells := 0, w.slot(s); i < len(cells); i++ {
			live[i] += uint64(cells[i].Load())
		}
	}
	return live
}

// Score returns the shares of scores, by bin; nil when none is the score.
func (w *Watch) Score() []Bin { return w.bins(0) }

// Feature returns the shares of a feature's values, by bin; nil when the model has no such feature.
func (w *Watch) Feature(name string) []Bin {
	for i := range w.ref.Features {
		if w.ref.Features[i].Name == name {
			return w.bins(1 + i)
		}
	}
	return nil
}

func (w *Watch) bins(i int) []Bin {
	h := w.histograms[i]
	if h == nil {
		return nil
	}
	return h.bins(w.live()[w.first[i]:w.first[i+1]])
}

// Reference returns what the model is compared with. The caller must not change it.
func (w *Watch) Reference() *Reference { return w.ref }
