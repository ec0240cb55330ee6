//go:build linux

// Command server is the server contest: besra serve beside an empty handler of net/http, which is as fast
// as a service on it can be. Both are asked by the same client, on the same cores, in turn.
//
// The model has 500 trees of depth 6 and 30 features; a request is one row, named numbers in JSON; 2,000
// distinct ones are cycled. Before anything is timed, every answer has to hold the bits of XGBoost's own
// margin.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/besra-ml/besra/bench/internal/load"
	"github.com/besra-ml/besra/bench/internal/report"
)

type options struct {
	cache       string
	short       bool
	connections int
	rounds      int           // of the closed loop
	round       time.Duration // of one server
	passes      int           // of the open loop
	probe       time.Duration // of one rate
	starts      int
}

func main() {
	var o options
	flag.StringVar(&o.cache, "cache", "../.cache/bench", "`directory` that prepare.sh filled")
	flag.BoolVar(&o.short, "short", false, "about a minute instead of six")
	flag.IntVar(&o.connections, "connections", 64, "connections of both loops")
	asJSON := flag.Bool("json", false, "write JSON instead of tables")
	check := flag.Bool("check", false, "exit 3 when a target is missed")
	flag.Parse()
	o.rounds, o.round, o.passes, o.probe, o.starts = 10, 4*time.Second, 5, 2*time.Second, 20
	if o.short {
		o.round, o.passes, o.probe = time.Second, 1, time.Second
	}
	r, err := run(o)
	report.Exit("server", r, err, *asJSON, *check)
}

// A measure is what was measured in turn of both servers, and besra's share of the other's: the median of
// the rounds' ratios.
type measure struct {
	What   string         `json:"what"`
	Unit   string         `json:"unit"`
	Besra  []float64      `json:"besra"` // in each round
	Empty  []float64      `json:"empty"`
	Ratio  float64        `json:"ratio"`
	Target *report.Target `json:"target"`
}

// A figure is what was measured of besra alone.
type figure struct {
	What   string         `json:"what"`
	Unit   string         `json:"unit"`
	Value  float64        `json:"value"`
	Target *report.Target `json:"target,omitempty"`
}

type results struct {
	Machine     report.Machine `json:"machine"`
	Short       bool           `json:"short"`
	Connections int            `json:"connections"`
	Exact       int            `json:"exact"`   // rows answered with the training library's bits
	Request     int            `json:"request"` // mean length of a body
	Answer      int            `json:"answer"`  // length of a body
	Measures    []measure      `json:"measures"`
	Figures     []figure       `json:"figures"`
}

func (r results) Missed() bool {
	for _, m := range r.Measures {
		if !m.Target.Met(m.Ratio) {
			return true
		}
	}
	for _, f := range r.Figures {
		if f.Target != nil && !f.Target.Met(f.Value) {
			return true
		}
	}
	return false
}

func run(o options) (r results, err error) {
	r = results{Machine: report.ThisMachine(), Short: o.short, Connections: o.connections}
	model := filepath.Join(o.cache, "models", "B")
	requests, mean, err := requests(model + ".rows")
	if err != nil {
		return r, err
	}
	r.Request = mean
	besra, err := startBesra(o, model+".ubj")
	if err != nil {
		return r, err
	}
	defer besra.Stop()
	if _, err := besra.Answered(requests[0]); err != nil {
		return r, err
	}
	if r.Exact, r.Answer, err = verify(besra.Address, requests, model+".margins"); err != nil {
		return r, fmt.Errorf("besra: %w", err)
	}
	empty, err := load.Start(filepath.Join(o.cache, "empty"), func(address string) []string {
		return []string{address, fmt.Sprint(r.Answer)}
	})
	if err != nil {
		return r, err
	}
	defer empty.Stop()
	if _, err := empty.Answered(requests[0]); err != nil {
		return r, err
	}

	duel := duel{options: o, besra: besra, empty: empty, requests: requests}
	closed, err := duel.closedLoops()
	if err != nil {
		return r, err
	}
	open, err := duel.openLoops(closed[0])
	if err != nil {
		return r, err
	}
	r.Measures = append(closed, open)
	memory, err := duel.memory()
	if err != nil {
		return r, err
	}
	starts, err := starts(o)
	r.Figures = append(memory, starts...)
	return r, err
}

func startBesra(o options, models ...string) (*load.Process, error) {
	return load.Start(filepath.Join(o.cache, "besra"), func(address string) []string {
		return append([]string{"serve", "--listen", address}, models...)
	})
}

// starts measures the time from the start of besra serve to its first answer, with the demo.
func starts(o options) ([]figure, error) {
	fmt.Fprintln(os.Stderr, "server: starts")
	first, err := startBesra(o)
	if err != nil {
		return nil, err
	}
	defer first.Stop()
	if _, err := first.Answered(load.Request("GET", "/readyz", nil)); err != nil {
		return nil, err
	}
	request, err := demoRequest(first.Address)
	if err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	var ms []float64
	for range o.starts {
		p, err := startBesra(o)
		if err != nil {
			return nil, err
		}
		elapsed, err := p.Answered(request)
		p.Stop()
		if err != nil {
			return nil, err
		}
		ms = append(ms, elapsed.Seconds()*1e3)
	}
	return []figure{{
		What: "start to first score, demo", Unit: "ms", Value: report.Median(ms),
		Target: &report.Target{Value: 20, AtMost: true},
	}}, nil
}

var errNoRate = errors.New("not even a request a second is answered in time")
