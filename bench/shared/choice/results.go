//go:build linux

package main

import (
	"fmt"
	"io"

	"github.com/besra-ml/besra/bench/internal/report"
)

type results struct {
	Machine     report.Machine `json:"machine"`
	TimeSeconds float64        `json:"time_seconds"`
	Rate        float64        `json:"rate"`
	Contestants []*contestant  `json:"contestants"`
}

// Missed is false: nothing is promised.
func (r results) Missed() bool { return false }

// Print writes the results as a table.
func (r results) Print(w io.Writer) error {
	fmt.Fprintf(w, "Choice: histories as logs, or states that are replaced if nobody else was quicker. An event changes two, of %d cards\n"+
		"and as many terminals as said.\n%v\n\n", cards, r.Machine)
	table := [][]string{{
		"state", "terminals", "", "events/s", "store", "clients", "p99", "made again", "at most", "alone: p50", "p99", fmt.Sprintf("%g/s: p50", r.Rate), "p99",
	}}
	for _, x := range r.Contestants {
		median := func(get func(f figure) float64) float64 {
			var all []float64
			for _, f := range x.Rounds {
				all = append(all, get(f))
			}
			return report.Median(all)
		}
		us := func(get func(f figure) float64) string { return fmt.Sprintf("%.0f µs", median(get)) }
		table = append(table, []string{
			fmt.Sprintf("%d B", x.Size), fmt.Sprint(x.Terminals), x.Way,
			fmt.Sprintf("%.0f", median(func(f figure) float64 { return f.PerSecond })),
			fmt.Sprintf("%.1f µs", median(func(f figure) float64 { return f.Store })),
			fmt.Sprintf("%.1f µs", median(func(f figure) float64 { return f.Client })),
			us(func(f figure) float64 { return f.P99 }),
			fmt.Sprintf("%.3f", median(func(f figure) float64 { return f.Repeats })),
			fmt.Sprintf("%.0f", median(func(f figure) float64 { return f.Most })),
			us(func(f figure) float64 { return f.Alone50 }), us(func(f figure) float64 { return f.Alone99 }),
			us(func(f figure) float64 { return f.Open50 }), us(func(f figure) float64 { return f.Open99 }),
		})
	}
	if err := report.Table(w, table); err != nil {
		return err
	}
	rounds := 0
	if len(r.Contestants) > 0 {
		rounds = len(r.Contestants[0].Rounds)
	}
	_, err := fmt.Fprintf(w, "\nMedians of %d rounds of %g s. Events a second, processor time an event and the first p99 are of %d busy callers in %d\n"+
		"processes; \"made again\" are trips an event, and the most that one event took.\n", rounds, r.TimeSeconds, callers, processes)
	return err
}
