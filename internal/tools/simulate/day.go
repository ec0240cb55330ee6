package simulate

import (
	"context"
	"math"
	"slices"
)

const secondsADay = 24 * 60 * 60

type payment struct {
	cents    int64
	second   int32 // of the day
	card     int32
	terminal int32
	scenario uint8
}

// day holds the payments of one day, card after card. Its memory is used again for the next.
type day struct {
	n        int
	dice     dice
	payments []payment
	first    []int // where each card's payments begin, and the end
	keys     []uint64
	ordered  []*payment
}

// simulate fills d with the payments of day n, all genuine yet.
func (d *day) simulate(ctx context.Context, w *world, n int) error {
	if d.dice.Rand == nil {
		d.dice = newDice()
	}
	d.n, d.payments, d.first = n, d.payments[:0], d.first[:0]
	for i := range w.cards {
		if i%1024 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		d.first = append(d.first, len(d.payments))
		d.payments = w.pay(d.dice, d.payments, i, n)
	}
	d.first = append(d.first, len(d.payments))
	return nil
}

// of returns the payments of one card.
func (d *day) of(card int32) []payment {
	return d.payments[d.first[card]:d.first[card+1]]
}

// inOrder returns the payments by time, those of one second by card and then as they were drawn.
func (d *day) inOrder() []*payment {
	d.keys, d.ordered = d.keys[:0], d.ordered[:0]
	for i, p := range d.payments {
		d.keys = append(d.keys, uint64(p.second)<<32|uint64(i))
	}
	slices.Sort(d.keys)
	for _, k := range d.keys {
		d.ordered = append(d.ordered, &d.payments[uint32(k)])
	}
	return d.ordered
}

// pay appends what one card pays on day n. The number of payments drawn is Poisson; those that would fall
// outside the day are dropped, as in the handbook.
func (w *world) pay(d dice, dst []payment, id, n int) []payment {
	c := &w.cards[id]
	if c.stranded {
		return dst
	}
	d.set(w.seed, forPayments, id, n)
	for range d.poisson(c.pace) {
		second := d.normal(secondsADay/2, 20_000)
		if second < 1 || second >= secondsADay {
			continue
		}
		amount := d.normal(c.mean, c.mean/2)
		if amount < 0 {
			amount = d.uniform(0, 2*c.mean)
		}
		dst = append(dst, payment{
			cents:    int64(math.Round(100 * amount)),
			second:   int32(second),
			card:     int32(id),
			terminal: w.reach(d, c.home),
		})
	}
	return dst
}
