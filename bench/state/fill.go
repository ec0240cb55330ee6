//go:build linux

package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/besra-ml/besra/bench/internal/draw"
	"github.com/besra-ml/besra/internal/bundle"
	"github.com/besra-ml/besra/internal/feature"
	"github.com/besra-ml/besra/internal/store"
	"github.com/besra-ml/besra/internal/window"
	"github.com/besra-ml/besra/models"
)

// filled is what was measured of a store full of cards.
type filled struct {
	Entities int64   `json:"entities"`
	Bytes    int64   `json:"bytes"`    // that the store counts
	Resident int64   `json:"resident"` // of the process, at the end
	Peak     int64   `json:"peak"`
	Nanos    float64 `json:"nanos"` // an event of the last passes, processor time
}

func (f filled) each() float64 { return float64(f.Bytes) / float64(f.Entities) }

// A filler plays payments into a store.
type filler struct {
	kind
	cards   int
	plan    *feature.Plan
	program *feature.Program
	keys    *feature.Keys
	group   int // of the plan: the card's
	number  int // of the store
	store   *store.Memory
	amount  int // field
	card    int // field
}

// timed is in how many passes, the last ones, events are timed. A state grows in steps: in a single pass, all or none
// of the cards may be at one.
func (k kind) timed() int { return max(2, k.payments/4) }

// fill gives each of cards its payments, each card one in a pass.
func fill(k kind, cards int) (r filled, err error) {
	f := filler{kind: k, cards: cards}
	if err := f.define(); err != nil {
		return r, err
	}
	f.store = store.NewMemory(store.Options{Bytes: most})
	g := f.plan.Groups[f.group]
	f.number = f.store.Group(g.ID, time.Duration(g.Layout.Retention())*time.Millisecond)
	var before int64
	for pass := range k.payments {
		if pass == k.payments-k.timed() {
			before = processor()
		}
		if err := f.play(pass); err != nil {
			return r, err
		}
	}
	spent := processor() - before
	s := f.store.Stats()
	if s.Entities != int64(cards) || s.Shed > 0 {
		return r, fmt.Errorf("%s: %d cards of %d are held, %d were dropped for want of room", k.what, s.Entities, cards, s.Shed)
	}
	r = filled{
		Entities: s.Entities, Bytes: s.Bytes,
		Nanos: float64(spent) / float64(cards*k.timed()),
	}
	r.Resident, r.Peak, err = resident()
	runtime.KeepAlive(f.store)
	return r, err
}

// define takes the demo's definition, in steps of a day if so wanted.
func (f *filler) define() error {
	b, err := bundle.Read(models.Demo())
	if err != nil {
		return err
	}
	text, err := fs.ReadFile(models.Demo(), "features.yaml")
	if err != nil {
		return err
	}
	if f.stepped {
		text = []byte(strings.ReplaceAll(string(text), "over: card,", "over: card, resolution: 1d,"))
	}
	d, err := feature.Parse("features.yaml", text)
	if err != nil {
		return err
	}
	if f.plan, err = feature.NewPlan([]*feature.Definition{d}); err != nil {
		return err
	}
	if f.program, err = f.plan.Program(d, b.Columns()); err != nil {
		return err
	}
	f.keys = f.plan.Keys("", "fraud")
	f.card, f.amount = f.plan.Field("card"), f.plan.Field("amount")
	for i, g := range f.plan.Groups {
		if len(g.Entities) == 1 && g.Entities[0] == "card" && (g.Resolution > 0) == f.stepped {
			f.group = i
			return nil
		}
	}
	return errors.New("the demo's definition has no group of the card")
}

// play makes a payment of each card, in another order in each pass, on all cores.
func (f *filler) play(pass int) error {
	workers := runtime.GOMAXPROCS(0)
	stride := f.stride(pass)
	errs := make([]error, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			p := player{filler: f, row: make([]float64, f.program.Columns()), states: make([][]byte, len(f.plan.Groups))}
			p.event.Reset(f.plan)
			for i := w; i < f.cards; i += workers {
				if err := p.pay(int(uint64(i)*stride%uint64(f.cards)), pass); err != nil {
					errs[w] = err
					return
				}
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// stride is how far one card is from the next in a pass: a number without a divisor that the number of cards has.
func (f *filler) stride(pass int) uint64 {
	n := uint64(f.cards)
	for s := draw.Mix(uint64(pass)) % n; ; s++ {
		a, b := n, s
		for b > 0 {
			a, b = b, a%b
		}
		if a == 1 {
			return s
		}
	}
}

// A player is one goroutine's memory.
type player struct {
	*filler
	event  feature.Event
	work   feature.Work
	lease  store.Lease
	refs   [1]store.Ref
	states [][]byte
	row    []float64
}

// pay makes a card's payment, as the service does: row, then history. Rows are left out until the pass before those
// that are timed, which takes the windows to where they stand in a service.
func (p *player) pay(card, pass int) error {
	x := draw.Mix(uint64(card)<<8 | uint64(pass))
	e := &p.event
	const begin, month = 1_522_540_800_000, 30 * 24 * 3600 * 1000
	gap := int64(month / p.payments)
	e.Time = begin + int64(pass)*gap + int64(x>>32)%gap
	e.Numbers[p.amount] = float64(100+x%20_000) / 100
	binary.LittleEndian.PutUint64(e.Hashes[p.card][:8], draw.Mix(2*uint64(card)))
	binary.LittleEndian.PutUint64(e.Hashes[p.card][8:], draw.Mix(2*uint64(card)+1))
	key, _ := p.keys.Key(p.group, e)
	p.refs[0] = store.Ref{Key: key, Group: p.number}
	if err := p.store.Lease(context.Background(), p.refs[:], &p.lease); err != nil {
		return err
	}
	if pass >= p.payments-p.timed()-1 {
		p.states[p.group] = p.lease.States[0]
		p.program.Row(p.row, e, p.states, &p.work)
	}
	state, kept := p.plan.Insert(p.group, p.lease.States[0], e, &p.work)
	if kept != window.Remembered {
		p.store.Release(&p.lease)
		return fmt.Errorf("payment %d of card %d was not remembered", pass, card)
	}
	p.lease.States[0], p.lease.Changed[0] = state, true
	return p.store.Advance(context.Background(), &p.lease, 0)
}

// processor returns the processor time of this process in ns.
func processor() int64 {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0 // it cannot fail
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

// resident returns the memory of this process, now and at most.
func resident() (now, most int64, err error) {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		var kib int64
		if n, _ := fmt.Sscanf(s.Text(), "VmRSS: %d kB", &kib); n == 1 {
			now = kib << 10
		}
		if n, _ := fmt.Sscanf(s.Text(), "VmHWM: %d kB", &kib); n == 1 {
			most = kib << 10
		}
	}
	return now, most, nil
}
