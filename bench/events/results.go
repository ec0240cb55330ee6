//go:build linux

package main

import (
	"fmt"
	"io"

	"github.com/besra-ml/besra/bench/internal/load"
	"github.com/besra-ml/besra/bench/internal/report"
)

type results struct {
	Machine  report.Machine `json:"machine"`
	Options  publicOptions  `json:"options"`
	Verified int            `json:"verified"` // events answered as their rows
	Servers  []server       `json:"servers"`
	Shares   []share        `json:"shares"`
}

type publicOptions struct {
	Short        bool    `json:"short"`
	Connections  int     `json:"connections"`
	Rounds       int     `json:"rounds"`
	Requests     int     `json:"requests"`
	Alone        int     `json:"alone"`
	Warm         int     `json:"warm"`
	EverySeconds float64 `json:"every_seconds"`
}

func (o *options) public() publicOptions {
	return publicOptions{o.short, o.connections, o.rounds, o.requests, o.alone, o.warm, o.every.Seconds()}
}

// A server is what was measured of a contestant. Times are in µs.
type server struct {
	What   string    `json:"what"`
	Body   int       `json:"body"`      // mean length, bytes
	CPU    []float64 `json:"cpu"`       // a request, in each round
	Whole  float64   `json:"cpu_whole"` // a request, with what it does between rounds
	P50    []float64 `json:"p50"`       // at one connection, in each round
	P99    []float64 `json:"p99"`
	Memory float64   `json:"memory"` // after the last round, proportional, MiB
	Held   *held     `json:"held,omitempty"`
}

// held is what besra says that it holds.
type held struct {
	State struct {
		Entities int64 `json:"entities"`
		Bytes    int64 `json:"bytes"`
		Shed     int64 `json:"shed"`
	} `json:"state"`
	Replay struct {
		Answers int64 `json:"answers"`
		Bytes   int64 `json:"bytes"`
	} `json:"replay"`
}

// A share is what events cost more than rows, in per cent of what the empty handler costs.
type share struct {
	What   string         `json:"what"`
	Micros float64        `json:"micros"` // median of the rounds' differences
	Rounds []float64      `json:"rounds"`
	Share  float64        `json:"share"` // their median
	Whole  float64        `json:"share_whole"`
	Target *report.Target `json:"target,omitempty"`
}

func (r results) Missed() bool {
	for _, s := range r.Shares {
		if s.Target != nil && !s.Target.Met(s.Share) {
			return true
		}
	}
	return false
}

// results fills in what was measured.
func (c *contest) results(r *results) error {
	r.Verified = c.verified
	whole := map[*contestant]float64{}
	for _, x := range c.contestants() {
		if err := x.spend(nil); err != nil {
			return err
		}
		memory, err := x.server.Memory("smaps_rollup", "Pss")
		if err != nil {
			return err
		}
		whole[x] = micros(x.all) / float64(c.requests*x.rounds)
		s := server{
			What: x.what, Body: x.requests.mean(), CPU: x.cpu, Whole: whole[x], P50: x.p50, P99: x.p99, Memory: memory,
		}
		if x != c.empty {
			s.Held = new(held)
			if err := load.Get(x.server.Address, "/v1/status", s.Held); err != nil {
				return err
			}
			if n := s.Held.State.Shed; n > 0 {
				return fmt.Errorf("%s: %d histories were dropped for want of room", x.what, n)
			}
		}
		r.Servers = append(r.Servers, s)
	}
	for _, of := range []struct {
		x      *contestant
		target *report.Target
	}{
		{c.memory, &report.Target{Value: 20, AtMost: true}},
		{c.journal, &report.Target{Value: 40, AtMost: true}},
		{c.always, nil},
	} {
		s := share{What: of.x.what, Whole: 100 * (whole[of.x] - whole[c.rows]) / whole[c.empty], Target: of.target}
		var more []float64
		for i, cpu := range of.x.cpu {
			more = append(more, cpu-c.rows.cpu[i])
			s.Rounds = append(s.Rounds, 100*more[i]/c.empty.cpu[i])
		}
		s.Micros, s.Share = report.Median(more), report.Median(s.Rounds)
		r.Shares = append(r.Shares, s)
	}
	return nil
}

// print writes the results as tables.
func (r results) Print(w io.Writer) error {
	o := r.Options
	fmt.Fprintf(w, "Events: besra serve with the demo's model, beside an empty net/http handler; one event or row a request.\n%v\n\n", r.Machine)
	fmt.Fprintf(w, "%d of %d events are answered as their rows, by all. %d cards, %d terminals, an event each %g s; %d came before.\n"+
		"Rounds of %d requests at %d connections, and %d at one.\n\n",
		r.Verified, r.Verified, cards, terminals, o.EverySeconds, o.Warm, o.Requests, o.Connections, o.Alone)
	table := [][]string{{"", "body", "processor time a request", "over the whole run", "alone: p50", "p99", "memory", "of it histories", "answers", "rounds"}}
	for _, s := range r.Servers {
		row := []string{
			s.What, fmt.Sprintf("%d B", s.Body), fmt.Sprintf("%.2f µs", report.Median(s.CPU)), fmt.Sprintf("%.2f µs", s.Whole),
			fmt.Sprintf("%.0f µs", report.Median(s.P50)), fmt.Sprintf("%.0f µs", report.Median(s.P99)), fmt.Sprintf("%.1f MiB", s.Memory),
			"", "", fmt.Sprint(len(s.CPU)),
		}
		if s.Held != nil {
			row[7], row[8] = mib(s.Held.State.Bytes), mib(s.Held.Replay.Bytes)
		}
		table = append(table, row)
	}
	if err := report.Table(w, table); err != nil {
		return err
	}
	fmt.Fprintln(w)
	table = [][]string{{"what history costs", "more than rows", "of the empty handler's", "target", "over the whole run"}}
	for _, s := range r.Shares {
		table = append(table, []string{
			s.What, fmt.Sprintf("%+.2f µs", s.Micros), fmt.Sprintf("%+.1f %%", s.Share), s.Target.Says(s.Share, " %"), fmt.Sprintf("%+.1f %%", s.Whole),
		})
	}
	if err := report.Table(w, table); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w, "\nMedians of the rounds; shares are medians of the rounds' shares.")
	return err
}

func mib(bytes int64) string { return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20)) }
