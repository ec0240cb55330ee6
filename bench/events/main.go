//go:build linux

// Command events is the contest of events: what besra serve spends when it makes the row itself, from an event and
// the histories of its card and terminal, beside what it spends on a row that the client has made, and beside an
// empty handler of net/http. All serve the demo's model, are asked by the same client, on the same cores, in turn.
//
// The events are one stream, the same for all: so many a day that the windows hold as many payments as the demo's
// do. The rows are the rows of its events. Before anything is timed, besra has to answer events and rows alike.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/besra-ml/besra/bench/internal/report"
)

type options struct {
	cache       string
	short       bool
	connections int
	rounds      int
	requests    int           // of a round, for each contestant
	alone       int           // of a round, at one connection
	warm        int           // events before anything is timed
	verified    int           // events that are answered as their rows, and rows that are cycled
	every       time.Duration // of event time, from one event to the next
}

func main() {
	o := options{verified: 4096}
	flag.StringVar(&o.cache, "cache", "../.cache/bench", "`directory` that events.sh filled; the journals are written there, and removed")
	flag.BoolVar(&o.short, "short", false, "about a minute: fewer rounds and requests, and histories that are not full")
	flag.IntVar(&o.connections, "connections", 16, "connections of the closed loop")
	flag.IntVar(&o.rounds, "rounds", 10, "rounds, each of all contestants in turn (-short: 3)")
	flag.IntVar(&o.requests, "requests", 100_000, "requests of a round, for each contestant (-short: 20000)")
	flag.IntVar(&o.alone, "alone", 5_000, "requests of a round at one connection, for latency (-short: 1000)")
	flag.IntVar(&o.warm, "warm", 400_000, "events before anything is timed; 9 seconds apart, 355,200 fill the windows (-short: 100000)")
	flag.DurationVar(&o.every, "every", 9*time.Second, "event `time` from one event to the next; the demo has one in 9 seconds")
	asJSON := flag.Bool("json", false, "write JSON instead of tables")
	check := flag.Bool("check", false, "exit 3 when a target is missed")
	flag.Parse()
	if o.short {
		o.shorten()
	}
	r, err := run(o)
	report.Exit("events", r, err, *asJSON, *check)
}

// shorten makes smaller what no flag has set.
func (o *options) shorten() {
	set := map[string]bool{}
	flag.Visit(func(f *flag.Flag) { set[f.Name] = true })
	for _, s := range []struct {
		name  string
		value *int
		less  int
	}{{"rounds", &o.rounds, 3}, {"requests", &o.requests, 20_000}, {"alone", &o.alone, 1_000}, {"warm", &o.warm, 100_000}} {
		if !set[s.name] {
			*s.value = s.less
		}
	}
}

func (o *options) check() error {
	if o.rounds < 1 || o.connections < 1 || o.requests < o.connections || o.alone < 1 || o.warm < o.connections {
		return errors.New("-rounds, -connections and -alone must be positive, -requests and -warm at least -connections")
	}
	if o.every < time.Millisecond {
		return errors.New("-every must be at least a millisecond")
	}
	return nil
}

func run(o options) (results, error) {
	r := results{Machine: report.ThisMachine(), Options: o.public()}
	if err := o.check(); err != nil {
		return r, err
	}
	c, err := newContest(o)
	if err != nil {
		return r, err
	}
	defer c.close()
	if err := c.prepare(); err != nil {
		return r, err
	}
	for round := range o.rounds {
		fmt.Fprintf(os.Stderr, "events: round %d of %d\n", round+1, o.rounds)
		if err := c.round(round); err != nil {
			return r, err
		}
	}
	err = c.results(&r)
	return r, err
}
