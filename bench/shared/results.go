//go:build linux

package main

import (
	"fmt"
	"io"

	"github.com/besra-ml/besra/bench/internal/report"
)

type results struct {
	Machine   report.Machine `json:"machine"`
	Options   publicOptions  `json:"options"`
	Store     string         `json:"store"`     // its name and version
	Verified  int            `json:"verified"`  // events answered alike
	Bytes     int            `json:"bytes"`     // that the store sends for an event
	Failed    int            `json:"failed"`    // calls of the store
	Disturbed int            `json:"disturbed"` // measurements during which others were busy
	Servers   []server       `json:"servers"`
	Gets      []atPace       `json:"gets"`       // in each round: a GET through a client
	Plain     []atPace       `json:"plain_gets"` // and over plain connections
	Figures   []figure       `json:"figures"`
}

type publicOptions struct {
	Short           bool    `json:"short"`
	Callers         int     `json:"callers"`
	Rounds          int     `json:"rounds"`
	ClosedSeconds   float64 `json:"closed_seconds"`
	OpenSeconds     float64 `json:"open_seconds"`
	Rate            float64 `json:"rate"`
	Warm            int     `json:"warm"`
	EverySeconds    float64 `json:"every_seconds"`
	DeadlineSeconds float64 `json:"deadline_seconds,omitempty"` // of the store; 0: besra's own
}

func (o *options) public() publicOptions {
	return publicOptions{
		o.short, o.callers, o.rounds, o.closed.Seconds(), o.open.Seconds(), o.rate, o.warm, o.every.Seconds(), o.deadline.Seconds(),
	}
}

// A server is what was measured of a contestant.
type server struct {
	What   string   `json:"what"`
	Closed []busy   `json:"closed"`
	Open   []atPace `json:"open"`
	Memory float64  `json:"memory"` // after the last round, proportional, MiB
}

// A figure has a target.
type figure struct {
	What   string         `json:"what"`
	Value  float64        `json:"value"` // a median
	Unit   string         `json:"unit"`
	Target *report.Target `json:"target"`
}

func (r results) Missed() bool {
	for _, f := range r.Figures {
		if !f.Target.Met(f.Value) {
			return true
		}
	}
	return false
}

// results fills in what was measured.
func (c *contest) results(r *results) (err error) {
	r.Store, r.Verified, r.Bytes, r.Gets, r.Plain, r.Disturbed = c.version, c.verified, c.bytes, c.gets, c.plain, c.disturbed
	if r.Failed, err = c.shared.failures(); err != nil {
		return err
	}
	for _, x := range c.contestants() {
		memory, err := x.server.Memory("smaps_rollup", "Pss")
		if err != nil {
			return err
		}
		r.Servers = append(r.Servers, server{x.what, x.closed, x.open, memory})
	}
	ratios := report.Ratios(median99(c.shared.open), median99(c.gets))
	r.Figures = []figure{
		{"besra's processor time a request, callers busy", report.Median(of(c.shared.closed, cpuOf)), " µs", &report.Target{Value: 60, AtMost: true}},
		{"events a second", report.Median(of(c.shared.closed, rateOf)), "", &report.Target{Value: 8000}},
		{"p99 of POST /v1/score by that of GET", report.Median(ratios), "×", &report.Target{Value: 3, AtMost: true}},
	}
	return nil
}

func of[T any](rounds []T, get func(T) float64) (all []float64) {
	for _, r := range rounds {
		all = append(all, get(r))
	}
	return all
}

func cpuOf(b busy) float64   { return b.CPU }
func rateOf(b busy) float64  { return b.PerSecond }
func storeOf(b busy) float64 { return b.Store }
func loadOf(b busy) float64  { return b.Load }

func median99(rounds []atPace) []float64 { return of(rounds, func(p atPace) float64 { return p.P99 }) }

// Print writes the results as tables.
func (r results) Print(w io.Writer) error {
	o := r.Options
	fmt.Fprintf(w, "Shared: besra serve with the demo's model, histories and answers at a %s beside it, or in its own memory.\n%v\n\n", r.Store, r.Machine)
	fmt.Fprintf(w, "%d of %d events are answered alike. %d cards, %d terminals, an event each %g s; %d came before. The store sends %d bytes\n"+
		"for an event, and GET gets as many. Of all its calls %d failed.\n\n", r.Verified, r.Verified, cards, terminals, o.EverySeconds, o.Warm, r.Bytes, r.Failed)
	table := [][]string{{fmt.Sprintf("%d callers, closed loop", o.Callers), "events/s", "processor time an event: besra", "store", "load", "memory of besra"}}
	for _, s := range r.Servers {
		table = append(table, []string{
			s.What, fmt.Sprintf("%.0f", report.Median(of(s.Closed, rateOf))), fmt.Sprintf("%.1f µs", report.Median(of(s.Closed, cpuOf))),
			fmt.Sprintf("%.1f µs", report.Median(of(s.Closed, storeOf))), fmt.Sprintf("%.1f µs", report.Median(of(s.Closed, loadOf))),
			fmt.Sprintf("%.1f MiB", s.Memory),
		})
	}
	if err := report.Table(w, table); err != nil {
		return err
	}
	fmt.Fprintln(w)
	table = [][]string{{fmt.Sprintf("%g a second, open loop", o.Rate), "p50", "p99", "rounds' p99", "besra's processor time a request"}}
	row := func(what string, rounds []atPace, cpu bool) {
		all := median99(rounds)
		cells := []string{
			what, fmt.Sprintf("%.0f µs", report.Median(of(rounds, func(p atPace) float64 { return p.P50 }))),
			fmt.Sprintf("%.0f µs", report.Median(all)), fmt.Sprintf("%.0f", all), "",
		}
		if cpu {
			cells[4] = fmt.Sprintf("%.1f µs", report.Median(of(rounds, func(p atPace) float64 { return p.CPU })))
		}
		table = append(table, cells)
	}
	for _, s := range r.Servers {
		row("POST /v1/score: "+s.What, s.Open, true)
	}
	row("GET, through a client as besra's", r.Gets, false)
	row("GET, over plain connections", r.Plain, false)
	if err := report.Table(w, table); err != nil {
		return err
	}
	fmt.Fprintln(w)
	table = [][]string{{"at the store", "", "target"}}
	for _, f := range r.Figures {
		table = append(table, []string{f.What, fmt.Sprintf("%.4g%s", f.Value, f.Unit), f.Target.Says(f.Value, f.Unit)})
	}
	if err := report.Table(w, table); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\nMedians of %d rounds; the ratio is the median of the rounds' ratios. Others were busy during %d of the measurements.\n",
		o.Rounds, r.Disturbed)
	return err
}
