//go:build linux

// Command shared tells what it costs to score where processes share their histories: besra serve with a Valkey or
// Redis beside it, and besra serve with its own memory, both asked to score the same payments with the demo's model,
// everything on the cores of this machine.
//
// The payments are one stream. The first are sent to both one after another, and have to be answered alike; then some
// more, until there are histories worth reading.
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
	cache    string
	store    string // program
	short    bool
	callers  int
	rounds   int
	closed   time.Duration // of a round, for each contestant
	open     time.Duration // of a round, for each contestant
	rate     float64       // of the open loop
	warm     int           // events before anything is timed
	verified int           // events that both have to answer alike
	every    time.Duration // of event time, from one event to the next
	deadline time.Duration // of calls of the store
	tries    int           // of a measurement that others disturb
}

func main() {
	o := options{verified: 4096}
	flag.StringVar(&o.cache, "cache", "../.cache/bench", "`directory` that shared.sh filled")
	flag.StringVar(&o.store, "store", "redis-server", "`program` of the store: a redis-server or valkey-server")
	flag.BoolVar(&o.short, "short", false, "about a minute: fewer and shorter rounds, and histories that are not full")
	flag.IntVar(&o.callers, "callers", 64, "callers of the closed loop, and most calls at once of the open one")
	flag.IntVar(&o.rounds, "rounds", 7, "rounds, each of all contestants in turn (-short: 3)")
	flag.DurationVar(&o.closed, "closed", 5*time.Second, "`time` of a closed loop (-short: 2s)")
	flag.DurationVar(&o.open, "open", 5*time.Second, "`time` of an open loop (-short: 2s)")
	flag.Float64Var(&o.rate, "rate", 1000, "requests a second of the open loop")
	flag.IntVar(&o.warm, "warm", 400_000, "events before anything is timed; 9 seconds apart, 355,200 fill the windows (-short: 50000)")
	flag.DurationVar(&o.every, "every", 9*time.Second, "event `time` from one event to the next; the demo has one in 9 seconds")
	flag.DurationVar(&o.deadline, "deadline", 100*time.Millisecond, "`time` that the store has for a call; besra's own 2ms are not for 64 callers that share two cores with all servers; 0: besra's own")
	flag.IntVar(&o.tries, "tries", 3, "`times` that a measurement is repeated, while others have more than a twentieth of the processors")
	asJSON := flag.Bool("json", false, "write JSON instead of tables")
	check := flag.Bool("check", false, "exit 3 when a target is missed")
	flag.Parse()
	if o.short {
		o.shorten()
	}
	r, err := run(o)
	report.Exit("shared", r, err, *asJSON, *check)
}

// shorten makes smaller what no flag has set.
func (o *options) shorten() {
	set := map[string]bool{}
	flag.Visit(func(f *flag.Flag) { set[f.Name] = true })
	for name, less := range map[string]func(){
		"rounds": func() { o.rounds = 3 },
		"warm":   func() { o.warm = 50_000 },
		"closed": func() { o.closed = 2 * time.Second },
		"open":   func() { o.open = 2 * time.Second },
	} {
		if !set[name] {
			less()
		}
	}
}

func (o *options) check() error {
	if o.tries < 0 || o.rounds < 1 || o.callers < 1 || o.rate < 1 || o.closed < time.Second || o.open < time.Second || o.warm < o.verified+o.callers {
		return fmt.Errorf("-rounds, -callers and -rate must be positive, -tries not negative, -closed and -open at least a second, -warm at least %d",
			o.verified+o.callers)
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
		fmt.Fprintf(os.Stderr, "shared: round %d of %d\n", round+1, o.rounds)
		if err := c.round(round); err != nil {
			return r, err
		}
	}
	return r, c.results(&r)
}
