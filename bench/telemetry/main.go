//go:build linux

// Command telemetry is the contest of telemetry: what besra serve spends to count, time and tell of requests of which
// none is sampled, beside a besra that is built without all of that (-tags besra_muted), and beside an empty handler of
// net/http. All are asked for scores by the same client, on the same cores, in turn: of 2,048 rows, and of payments, each
// of which enters histories.
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
	connections int
	rounds      int
	requests    int // of a round, for each contestant
}

func main() {
	var o options
	flag.StringVar(&o.cache, "cache", "../.cache/bench", "`directory` that telemetry.sh filled")
	short := flag.Bool("short", false, "about half a minute: fewer rounds and requests")
	flag.IntVar(&o.connections, "connections", 16, "connections of the closed loop")
	flag.IntVar(&o.rounds, "rounds", 10, "rounds, each of all contestants in turn (-short: 3)")
	flag.IntVar(&o.requests, "requests", 100_000, "requests of a round, for each contestant (-short: 20000)")
	asJSON := flag.Bool("json", false, "write JSON instead of tables")
	check := flag.Bool("check", false, "exit 3 when a target is missed")
	flag.Parse()
	if *short {
		o.rounds, o.requests = min(o.rounds, 3), min(o.requests, 20_000)
	}
	r, err := run(o)
	report.Exit("telemetry", r, err, *asJSON, *check)
}

func run(o options) (r results, err error) {
	r.Machine = report.ThisMachine()
	if o.rounds < 1 || o.connections < 1 || o.requests < o.connections {
		return r, errors.New("-rounds and -connections must be positive, -requests at least -connections")
	}
	c := newContest(o)
	defer c.stop()
	for round := range o.rounds {
		fmt.Fprintf(os.Stderr, "telemetry: round %d of %d\n", round+1, o.rounds)
		// New processes each time: where the memory of one lies is worth a microsecond, and would be in all rounds.
		if err := c.prepare(); err != nil {
			return r, err
		}
		for i := range c.all {
			if err := c.all[(round+i)%len(c.all)].measure(o); err != nil {
				return r, err
			}
		}
		if round == o.rounds-1 {
			c.stopAllBut(c.rows, c.empty)
			if r.Percentiles, err = percentiles(c.rows, c.empty, o); err != nil {
				return r, err
			}
		}
		c.stop()
	}
	c.results(&r)
	return r, nil
}

type results struct {
	report.Costs
	Percentiles []percentile `json:"percentiles"`
}

func (c *contest) results(r *results) {
	for _, x := range c.all {
		r.Servers = append(r.Servers, x.spent)
	}
	for _, pair := range [][2]*contestant{{c.rows, c.mutedRows}, {c.events, c.mutedEvents}} {
		r.Costs.Costs = append(r.Costs.Costs, report.CostOf(pair[0].spent, pair[1].spent, c.empty.spent, 10))
	}
}

// Missed reports whether a cost or a difference is above its target.
func (r results) Missed() bool {
	for _, p := range r.Percentiles {
		if !p.Target.Met(float64(p.Apart)) {
			return true
		}
	}
	return r.Costs.Missed()
}

// Print writes the results as tables.
func (r results) Print(w io.Writer) error {
	if err := r.PrintCosts(w, "Telemetry: besra serve with the demo's model, beside an empty net/http handler; one score a request, none of them sampled.", "what telemetry costs"); err != nil {
		return err
	}
	fmt.Fprintln(w)
	table := [][]string{{"a fifth of its load", "the client's", "an empty handler's", "besra's own", "apart", "less the empty one", "target"}}
	for _, p := range r.Percentiles {
		table = append(table, []string{
			p.What, fmt.Sprintf("%.0f µs", p.Client.Seconds()*1e6), fmt.Sprintf("%.0f µs", p.Empty.Seconds()*1e6),
			fmt.Sprintf("≤ %.0f µs", p.Bound*1e6), fmt.Sprintf("%d buckets", p.Raw), fmt.Sprint(p.Apart), p.Target.Says(float64(p.Apart), ""),
		})
	}
	return report.Table(w, table)
}
