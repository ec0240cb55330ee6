package feature_test

import (
	"math"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/besra-ml/besra/internal/window"
)

// A payment is an event of the handbook's, with its label.
type payment struct {
	at                       int64
	card, terminal           string
	cents                    int64
	fraud                    bool
	known                    int64 // when its label is
	cardKnows, terminalKnows bool  // it is remembered
}

// plainRow computes the handbook's row for the last of payments, from all before it, in the plainest way.
func plainRow(payments []payment) []float64 {
	before, now := payments[:len(payments)-1], payments[len(payments)-1]
	newestCard, newestTerminal := newest(before, now)
	t := time.UnixMilli(now.at).UTC()
	row := []float64{float64(now.cents) / 100, 0, 0}
	if t.Hour() <= 6 {
		row[1] = 1
	}
	if t.Weekday() == time.Saturday || t.Weekday() == time.Sunday {
		row[2] = 1
	}
	for _, days := range []int64{1, 7, 30} {
		count, sum := int64(1), now.cents
		for _, p := range before {
			forgotten := p.at <= newestCard-30*day-hour
			if p.cardKnows && !forgotten && p.card == now.card && p.at > now.at-days*day && p.at <= now.at {
				count++
				sum += p.cents
			}
		}
		row = append(row, float64(count), float64(sum)/float64(count*100))
	}
	for _, days := range []int64{1, 7, 30} {
		count, frauds := 0, 0
		for _, p := range before {
			forgotten := p.at <= newestTerminal-37*day-hour
			if p.terminalKnows && !forgotten && p.terminal == now.terminal && p.at > now.at-(7+days)*day && p.at <= now.at-7*day {
				count++
				if p.fraud && p.known <= now.at {
					frauds++
				}
			}
		}
		share := 0.0
		if count > 0 {
			share = float64(frauds) / float64(count)
		}
		row = append(row, float64(count), share)
	}
	return row
}

// newest returns the newest remembered times of now's card and terminal.
func newest(before []payment, now payment) (card, terminal int64) {
	for _, p := range before {
		if p.cardKnows && p.card == now.card {
			card = max(card, p.at)
		}
		if p.terminalKnows && p.terminal == now.terminal {
			terminal = max(terminal, p.at)
		}
	}
	return card, terminal
}

func TestTheHandbooksRowsAreThoseOfAPlainComputation(t *testing.T) {
	for seed := range uint64(5) {
		r := rand.New(rand.NewPCG(seed, 1))
		g := newEngine(t, handbook(t))
		at := int64(start)
		var payments []payment
		late, shares := 0, map[float64]bool{}
		for range 1500 {
			at += r.Int64N(2 * hour)
			p := payment{
				at: at, cents: r.Int64N(50_000), fraud: r.IntN(5) == 0,
				card: "c" + strconv.Itoa(r.IntN(6)), terminal: "t" + strconv.Itoa(r.IntN(4)),
			}
			switch n := len(payments); {
			case n > 0 && r.IntN(4) == 0:
				p.at = payments[r.IntN(min(n, 5))+max(0, n-5)].at // equal times, and a little late
			case r.IntN(8) == 0:
				p.at -= r.Int64N(6 * hour)
			}
			p.known = p.at + r.Int64N(12*day)
			card, terminal := newest(payments, p)
			p.cardKnows, p.terminalKnows = p.at >= card-hour, p.at >= terminal-hour
			payments = append(payments, p)

			g.set(p.at, map[string]any{"card": p.card, "terminal": p.terminal, "amount": float64(p.cents) / 100})
			got, want := g.row(), plainRow(payments)
			for i := range want {
				if math.Float64bits(got[i]) != math.Float64bits(want[i]) {
					t.Fatalf("seed %d, payment %d, column %d: got %v, want %v", seed, len(payments), i, got[i], want[i])
				}
			}
			shares[got[14]] = true
			for i, k := range g.insert() {
				if knows := []bool{p.cardKnows, p.terminalKnows}[i]; knows != (k == window.Remembered) {
					t.Fatalf("seed %d, payment %d: %v keeps it as %v", seed, len(payments), g.plan.Groups[i], k)
				} else if !knows {
					late++
				}
			}
			if p.fraud && p.terminalKnows {
				g.mark(0, p.known)
			}
		}
		if late == 0 || len(shares) < 20 {
			t.Errorf("seed %d: %d late payments and %d different shares prove little", seed, late, len(shares))
		}
	}
}
