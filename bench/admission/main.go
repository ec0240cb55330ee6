//go:build linux

// Command admission is the contest of admission: what besra serve spends to find out who asks, whether that is
// within the rate that was agreed and within what can be done, and until when, beside a besra that asks nothing, and
// beside an empty handler of net/http. All are asked for scores of rows by the same client, on the same cores, in
// turn. Each request shows one of 2,048 keys, or of 2,048 tokens that were seen before; who does not look at them is
// sent them, too.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/besra-ml/besra/bench/internal/report"
)

type options struct {
	cache       string
	short       bool
	connections int
	rounds      int
	requests    int // of a round, for each contestant
}

func main() {
	var o options
	flag.StringVar(&o.cache, "cache", "../.cache/bench", "`directory` that admission.sh filled")
	flag.BoolVar(&o.short, "short", false, "about half a minute: fewer rounds and requests")
	flag.IntVar(&o.connections, "connections", 16, "connections of the closed loop")
	flag.IntVar(&o.rounds, "rounds", 10, "rounds, each of all contestants in turn (-short: 3)")
	flag.IntVar(&o.requests, "requests", 100_000, "requests of a round, for each contestant (-short: 20000)")
	asJSON := flag.Bool("json", false, "write JSON instead of tables")
	check := flag.Bool("check", false, "exit 3 when a target is missed")
	flag.Parse()
	if o.short {
		o.rounds, o.requests = min(o.rounds, 3), min(o.requests, 20_000)
	}
	r, err := run(o)
	report.Exit("admission", r, err, *asJSON, *check)
}

func run(o options) (results, error) {
	var r results
	r.Machine = report.ThisMachine()
	if o.rounds < 1 || o.connections < 1 || o.requests < o.connections {
		return r, errors.New("-rounds and -connections must be positive, -requests at least -connections")
	}
	c, err := newContest(o)
	if err != nil {
		return r, err
	}
	defer c.close()
	for round := range o.rounds {
		fmt.Fprintf(os.Stderr, "admission: round %d of %d\n", round+1, o.rounds)
		// New processes each time: where the memory of one lies is worth a microsecond, and would be in all rounds.
		if err := c.prepare(); err != nil {
			return r, err
		}
		for i := range c.all {
			if err := c.all[(round+i)%len(c.all)].measure(o); err != nil {
				return r, err
			}
		}
		c.stop()
	}
	c.results(&r)
	return r, nil
}

type results struct{ report.Costs }

func (c *contest) results(r *results) {
	for _, x := range c.all {
		r.Servers = append(r.Servers, x.spent)
	}
	for _, pair := range [][2]*contestant{{c.key, c.keyUnasked}, {c.token, c.tokenUnasked}} {
		r.Costs.Costs = append(r.Costs.Costs, report.CostOf(pair[0].spent, pair[1].spent, c.empty.spent, 10))
	}
}

// Print writes the results as tables.
func (r results) Print(w io.Writer) error {
	return r.PrintCosts(w, "Admission: besra serve with the demo's model, beside an empty net/http handler; one row a request.", "what admission costs")
}
