//go:build linux

package main

import (
	"fmt"
	"io"
	"slices"

	"github.com/besra-ml/besra/bench/internal/report"
)

type results struct {
	Machine     report.Machine `json:"machine"`
	Server      string         `json:"server"`
	Concurrency string         `json:"concurrency"`
	Random      bool           `json:"random"` // requests were sent at random, not evenly
	Rounds      []contest      `json:"rounds"`
	Greedy      *duel          `json:"greedy,omitempty"`
	Figures     []figure       `json:"figures"`
}

// A figure is the median of the rounds'.
type figure struct {
	What   string         `json:"what"`
	Value  float64        `json:"value"`
	Unit   string         `json:"unit,omitempty"`
	Target *report.Target `json:"target"`
}

func (r *results) judge() {
	add := func(what, unit string, value, target float64, atMost bool) {
		r.Figures = append(r.Figures, figure{what, value, unit, &report.Target{Value: target, AtMost: atMost}})
	}
	median := func(f func(contest) float64) float64 { return medianOf(r.Rounds, f) }
	add("p99 of those accepted, of 3× by of 0.8×", "×",
		median(func(c contest) float64 { return c.Crowd.P99 / c.Calm.P99 }), 2, true)
	// By the second of the processor, which others may take away; on a machine of its own that is by the second.
	add("goodput at 3×, by what is sustainable", "",
		median(func(c contest) float64 { return c.Crowd.PerProcessor / c.Most }), 0.85, false)
	add("p99 of those refused at 3×, by of those accepted at 0.8×", "×",
		median(func(c contest) float64 { return c.Crowd.RefusedP99 / c.Calm.P99 }), 4, true)
	add("neither answered nor refused, of 3×", "",
		median(func(c contest) float64 { return float64(c.Crowd.Unsent + c.Crowd.Other) }), 0, true)
	add("accepted at 0.8×, before", "", median(func(c contest) float64 { return c.Calm.share() }), 0.99, false)
	add("accepted at 0.8×, from a second after", "",
		median(func(c contest) float64 { return c.Settled.share() }), 0.99, false)
	add("p99 from a second after, by before", "×",
		median(func(c contest) float64 { return c.Settled.P99 / c.Calm.P99 }), 2, true)
	if d := r.Greedy; d != nil {
		add("p99 beside a greedy client, median", " ms", report.Median(d.Beside), slices.Max(d.Promised), true)
	}
}

func (p phase) share() float64 {
	return float64(p.Accepted) / float64(max(p.Accepted+p.Refused+p.Other+p.Unsent, 1))
}

func (r results) Missed() bool {
	for _, f := range r.Figures {
		if !f.Target.Met(f.Value) {
			return true
		}
	}
	return false
}

func (r results) Print(w io.Writer) error {
	fmt.Fprintf(w, "%v\n%s, concurrency %s, requests sent %s\n\n", r.Machine, r.Server, r.Concurrency, map[bool]string{false: "evenly", true: "at random"}[r.Random])
	rows := [][]string{{"round", "phase", "sustainable/s (a processor)", "accepted/s", "a processor", "refused", "other", "unsent", "p50 ms", "p99 ms", "p99.9 ms", "refused p99 ms"}}
	for i, c := range r.Rounds {
		rows = append(rows,
			c.Calm.row(fmt.Sprint(i+1), "0.8×", fmt.Sprintf("%.0f (%.0f)", c.Rate, c.Most)), c.Crowd.row("", "3×", ""), c.Settled.row("", "0.8×, settled", ""))
	}
	if err := report.Table(w, rows); err != nil {
		return err
	}
	if d := r.Greedy; d != nil {
		fmt.Fprintf(w, "\na polite client's p99, ms: alone %.2f, beside one that keeps to its rate %.2f, beside it when it is greedy %.2f (let in %d, refused %d)\n",
			d.Alone, d.Promised, d.Beside, d.GreedyAllowed, d.GreedyRefused)
	}
	fmt.Fprintln(w)
	rows = [][]string{{"figure", "median", "target"}}
	for _, f := range r.Figures {
		rows = append(rows, []string{f.What, fmt.Sprintf("%.3g%s", f.Value, f.Unit), f.Target.Says(f.Value, f.Unit)})
	}
	return report.Table(w, rows)
}

func (p phase) row(round, name, rate string) []string {
	ms := func(v float64) string { return fmt.Sprintf("%.2f", v) }
	return []string{
		round, name, rate, fmt.Sprintf("%.0f", p.Goodput), fmt.Sprintf("%.0f", p.PerProcessor), fmt.Sprint(p.Refused), fmt.Sprint(p.Other), fmt.Sprint(p.Unsent),
		ms(p.P50), ms(p.P99), ms(p.P999), ms(p.RefusedP99),
	}
}
