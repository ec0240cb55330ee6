//go:build linux

package main

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/besra-ml/besra/bench/internal/load"
	"github.com/besra-ml/besra/bench/internal/report"
)

// A contestant is a server and what it is asked.
type contestant struct {
	spent    report.Spent
	program  string
	begin    func() load.Requests
	requests load.Requests // of this round
	server   *load.Process
}

// A contest is between these.
type contest struct {
	options
	empty, mutedRows, rows, mutedEvents, events *contestant

	all []*contestant
}

func newContest(o options) *contest {
	c := &contest{
		options:     o,
		empty:       &contestant{spent: report.Spent{What: "empty handler"}, program: "empty", begin: rows},
		mutedRows:   &contestant{spent: report.Spent{What: "rows, untold"}, program: "besra-muted", begin: rows},
		rows:        &contestant{spent: report.Spent{What: "rows"}, program: "besra", begin: rows},
		mutedEvents: &contestant{spent: report.Spent{What: "payments, untold"}, program: "besra-muted", begin: events},
		events:      &contestant{spent: report.Spent{What: "payments"}, program: "besra", begin: events},
	}
	c.all = []*contestant{c.empty, c.mutedRows, c.rows, c.mutedEvents, c.events}
	return c
}

// rows are requests to score 2,048 rows of the demo's columns.
func rows() load.Requests {
	r := rand.New(rand.NewPCG(1, 1))
	all := make([][]byte, 2048)
	for i := range all {
		values := make([]string, 15)
		for k := range values {
			values[k] = fmt.Sprint(float64(r.IntN(20000)) / 100)
		}
		all[i] = load.Request("POST", "/v1/score", []byte(`{"row":[`+strings.Join(values, ",")+`]}`))
	}
	return load.Cycle(all...)
}

// payments are requests to score payments, of 5,000 cards at 10,000 terminals, one every nine seconds of theirs.
type payments struct {
	r          *rand.Rand
	at         time.Time
	body, sent []byte
}

func events() load.Requests {
	return &payments{r: rand.New(rand.NewPCG(1, 1)), at: time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC)}
}

// Next returns the next payment.
func (p *payments) Next() []byte {
	p.at = p.at.Add(9 * time.Second)
	p.body = fmt.Appendf(p.body[:0], `{"event":{"time":%q,"card":"c_%d","terminal":"t_%d","amount":%d.%02d}}`,
		p.at.Format(time.RFC3339), p.r.IntN(5000), p.r.IntN(10_000), p.r.IntN(300), p.r.IntN(100))
	p.sent = load.AppendRequest(p.sent[:0], "POST", "/v1/score", p.body)
	return p.sent
}

// prepare starts the servers and has each answer until it is warm.
func (c *contest) prepare() (err error) {
	for _, x := range c.all {
		x.requests = x.begin()
		x.server, err = load.Start(filepath.Join(c.cache, x.program), func(address string) []string {
			if x == c.empty {
				return []string{address, "130"}
			}
			return []string{
				"serve", "--listen", address, "--admin-listen", "", "--log-level", "warn", "--log-sample", "0", "--limits-deadline", "10s",
			}
		})
		if err != nil {
			return err
		}
		first := load.Request("GET", "/readyz", nil)
		if x == c.empty {
			first = x.requests.Next()
		}
		if _, err := x.server.Answered(first); err != nil {
			return err
		}
	}
	for _, x := range c.all {
		if err := x.send(c.requests/4, c.connections); err != nil {
			return err
		}
	}
	return nil
}

// stop ends the servers.
func (c *contest) stop() { c.stopAllBut() }

func (c *contest) stopAllBut(some ...*contestant) {
	for _, x := range c.all {
		if x.server != nil && !slices.Contains(some, x) {
			x.server.Stop()
			x.server = nil
		}
	}
}

func (x *contestant) send(n, connections int) error {
	if err := load.Send(x.server.Address, connections, x.requests, n); err != nil {
		return fmt.Errorf("%s: %w", x.spent.What, err)
	}
	return nil
}

func (x *contestant) measure(o options) error {
	cpu, err := x.server.Spend(o.connections, x.requests, o.requests)
	x.spent.CPU = append(x.spent.CPU, cpu)
	return err
}
