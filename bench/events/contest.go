//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/besra-ml/besra/bench/internal/load"
)

// A contestant is a server and what it is asked.
type contestant struct {
	what     string
	flags    []string // of besra serve
	rounds   int      // in which it takes part
	requests *requests
	server   *load.Process
	cpu      []float64     // by round, µs a request
	p50, p99 []float64     // by round, µs
	all      time.Duration // processor time from the first round on, but for the requests at one connection
	stamp    time.Duration // processor time when it was last looked at
}

// A contest is between these.
type contest struct {
	options
	empty, rows, memory, journal, always *contestant
	dir                                  string // of journals
}

func (c *contest) contestants() []*contestant {
	return []*contestant{c.empty, c.rows, c.memory, c.journal, c.always}
}

// besras are all but the empty handler, rows first.
func (c *contest) besras() []*contestant { return c.contestants()[1:] }

func newContest(o options) (*contest, error) {
	s := newStream(o.every)
	names, all, err := s.rows(o.warm, o.verified)
	if err != nil {
		return nil, fmt.Errorf("rows: %w", err)
	}
	dir, err := os.MkdirTemp(o.cache, "events-")
	if err != nil {
		return nil, err
	}
	saved := func(name string) []string { return []string{"--state-dir", filepath.Join(dir, name)} }
	return &contest{
		options: o, dir: dir,
		empty:   &contestant{what: "empty handler", rounds: o.rounds, requests: s.events()},
		rows:    &contestant{what: "rows", rounds: o.rounds, requests: rows(names, all, o.warm)},
		memory:  &contestant{what: "events, in memory", rounds: o.rounds, requests: s.events()},
		journal: &contestant{what: "events, journal (fsync: interval)", rounds: o.rounds, requests: s.events(), flags: saved("interval")},
		always: &contestant{
			what: "events, journal (fsync: always)", rounds: min(3, o.rounds), requests: s.events(),
			flags: append(saved("always"), "--state-fsync", "always"),
		},
	}, nil
}

// close ends the servers.
func (c *contest) close() {
	for _, x := range c.contestants() {
		if x.server != nil {
			x.server.Stop()
		}
	}
	_ = os.RemoveAll(c.dir) // what is left there is no loss but of room
}

// prepare starts the servers, fills their histories, and holds their answers against each other.
func (c *contest) prepare() error {
	ready := load.Request("GET", "/readyz", nil)
	var wanted []answer
	for _, x := range c.besras() {
		fmt.Fprintf(os.Stderr, "events: warming up: %s\n", x.what)
		var err error
		x.server, err = load.Start(filepath.Join(c.cache, "besra"), func(address string) []string {
			return append([]string{"serve", "--listen", address}, x.flags...)
		})
		if err != nil {
			return err
		}
		if _, err := x.server.Answered(ready); err != nil {
			return err
		}
		if err := x.send(c.warm, c.connections); err != nil {
			return err
		}
		got, err := x.answers(c.verified)
		if err != nil {
			return fmt.Errorf("%s: %w", x.what, err)
		}
		if wanted == nil {
			wanted = got
		}
		for i, want := range wanted {
			if got[i] != want {
				return fmt.Errorf("%s: event %d: %+v, but its row has %+v", x.what, c.warm+i, got[i], want)
			}
		}
	}
	var err error
	c.empty.server, err = load.Start(filepath.Join(c.cache, "empty"), func(address string) []string {
		return []string{address, fmt.Sprint(wanted[0].length)}
	})
	if err != nil {
		return err
	}
	if _, err := c.empty.server.Answered(c.empty.requests.Next()); err != nil {
		return err
	}
	if err := c.empty.send(max(c.connections, c.requests/5), c.connections); err != nil {
		return err
	}
	for _, x := range c.contestants() {
		if err := x.spend(nil); err != nil {
			return err
		}
		x.all = 0
	}
	return nil
}

// An answer is what has to be the same for an event and its row.
type answer struct {
	Score    json.Number
	Margin   json.Number
	Decision string
	length   int // of the body
}

// answers sends the next n requests, one after another.
func (x *contestant) answers(n int) ([]answer, error) {
	client, err := load.NewClient(x.server.Address, 1, x.requests)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	all := make([]answer, n)
	for i := range all {
		body, err := client.Ask()
		if err != nil {
			return nil, err
		}
		all[i].length = len(body)
		if err := json.Unmarshal(body, &all[i]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// send sends the next n requests and waits for all answers.
func (x *contestant) send(n, connections int) error {
	if err := load.Send(x.server.Address, connections, x.requests, n); err != nil {
		return fmt.Errorf("%s: %w", x.what, err)
	}
	return nil
}

// round measures each contestant in turn; who begins changes.
func (c *contest) round(round int) error {
	all := c.contestants()
	for i := range all {
		x := all[(round+i)%len(all)]
		if round >= x.rounds {
			continue
		}
		if err := x.measure(c.options); err != nil {
			return err
		}
	}
	return nil
}

func (x *contestant) measure(o options) error {
	// What the server did while others were asked is part of what it costs, not of this round.
	if err := x.spend(nil); err != nil {
		return err
	}
	if err := x.send(o.requests, o.connections); err != nil {
		return err
	}
	var spent time.Duration
	if err := x.spend(&spent); err != nil {
		return err
	}
	x.cpu = append(x.cpu, spent.Seconds()*1e6/float64(o.requests))
	if err := x.alone(o.alone); err != nil {
		return fmt.Errorf("%s: %w", x.what, err)
	}
	return x.skip()
}

// spend adds the processor time since it was last called to all, and says how much that was.
func (x *contestant) spend(spent *time.Duration) error {
	was := x.stamp
	if err := x.skip(); err != nil {
		return err
	}
	x.all += x.stamp - was
	if spent != nil {
		*spent = x.stamp - was
	}
	return nil
}

func (x *contestant) skip() (err error) {
	x.stamp, err = x.server.CPU()
	return err
}

// alone measures latencies at one connection.
func (x *contestant) alone(n int) error {
	client, err := load.NewClient(x.server.Address, 1, x.requests)
	if err != nil {
		return err
	}
	defer client.Close()
	latencies := make([]time.Duration, n)
	for i := range latencies {
		start := time.Now()
		if _, err := client.Ask(); err != nil {
			return err
		}
		latencies[i] = time.Since(start)
	}
	slices.Sort(latencies)
	x.p50 = append(x.p50, micros(latencies[n/2]))
	x.p99 = append(x.p99, micros(latencies[n*99/100]))
	return nil
}

func micros(d time.Duration) float64 { return d.Seconds() * 1e6 }
