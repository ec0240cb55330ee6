// Command engine is the engine contest: besra beside XGBoost's C API and its Python, on one thread.
//
// 2,000 distinct rows are cycled, since one row replayed lets branch predictors learn its path. Every round
// times every contestant in turn, so that what disturbs the machine disturbs all of them; figures are
// medians over the rounds, and a ratio is the median of the rounds' ratios. Before anything is timed, all
// contestants have to agree in every bit of every row.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/besra-ml/besra/bench/internal/report"
)

// A model is a model file with its rows and XGBoost's own margins, as train.py wrote them.
type model struct {
	Name     string `json:"name"`
	What     string `json:"what"`
	Features int    `json:"features"`
	Exact    int    `json:"exact"` // rows whose bits all contestants agree in

	target *report.Target // of one row a call, times faster than the C API
	large  bool           // left out of a short run
}

func (m model) path(dir, ext string) string { return filepath.Join(dir, "models", m.Name+"."+ext) }

func models() []model {
	return []model{
		{Name: "A", What: "100 trees, depth 6", Features: 30, target: &report.Target{Value: 10}},
		{Name: "B", What: "500 trees, depth 6", Features: 30, target: &report.Target{Value: 8}},
		{Name: "C", What: "1000 trees, depth 8", Features: 30, target: &report.Target{Value: 6}},
		{Name: "X", What: "94 random trees, depth 6: 12 thousand nodes", Features: 64, large: true},
		{Name: "Y", What: "1000 random trees, depth 8: 0.5 million nodes", Features: 128, large: true},
		{Name: "Z", What: "2000 random trees, depth 10: 4 million nodes", Features: 1000, large: true},
	}
}

// A contest is one row of the results.
type contest struct {
	Model  string `json:"model"`
	Output string `json:"output"`
	Rows   int    `json:"rows"` // a call

	// Nanoseconds a row in each round, by contestant, and their medians.
	Rounds map[string][]float64 `json:"rounds"`
	Median map[string]float64   `json:"median"`

	// How many times faster besra is: the median of the rounds' ratios.
	Faster map[string]float64 `json:"faster"`
	Target *report.Target     `json:"target,omitempty"`
}

type results struct {
	Machine  report.Machine `json:"machine"`
	Short    bool           `json:"short"`
	Models   []model        `json:"models"`
	Contests []contest      `json:"contests"`
}

// The contestants, in the order in which a round takes them.
const (
	besraLibrary = "besra"
	capi         = "capi"
	python       = "python"
)

var names = []string{besraLibrary, capi, python}

type options struct {
	cache  string
	short  bool
	rounds int
	slice  time.Duration // what a contestant is timed for in a round, about
	only   string
}

func main() {
	var o options
	flag.StringVar(&o.cache, "cache", "../.cache/bench", "`directory` that prepare.sh filled")
	flag.BoolVar(&o.short, "short", false, "half a minute: fewer rounds, no large models")
	flag.IntVar(&o.rounds, "rounds", 0, "rounds (default 15; short: 5)")
	flag.DurationVar(&o.slice, "slice", 0, "`time` that a contestant runs for in a round (default 200ms; short: 50ms)")
	flag.StringVar(&o.only, "only", "", "only the models whose names are in this `list`, such as AB")
	asJSON := flag.Bool("json", false, "write JSON instead of tables")
	check := flag.Bool("check", false, "exit 3 when a target is missed")
	flag.Parse()
	r, err := run(o)
	report.Exit("engine", r, err, *asJSON, *check)
}

func run(o options) (results, error) {
	rounds, slice := 15, 200*time.Millisecond
	if o.short {
		rounds, slice = 5, 50*time.Millisecond
	}
	if o.rounds == 0 {
		o.rounds = rounds
	}
	if o.slice == 0 {
		o.slice = slice
	}
	if o.rounds < 1 || o.slice < 0 {
		return results{}, errors.New("rounds and slice must be positive")
	}
	runtime.LockOSThread()
	r := results{Machine: report.ThisMachine(), Short: o.short}
	for _, m := range models() {
		if m.large && o.short || !o.wants(m) {
			continue
		}
		fmt.Fprintf(os.Stderr, "engine: %s, %s\n", m.Name, m.What)
		contests, err := o.contests(&m)
		if err != nil {
			return r, fmt.Errorf("model %s: %w", m.Name, err)
		}
		r.Models = append(r.Models, m)
		r.Contests = append(r.Contests, contests...)
	}
	return r, nil
}

func (o options) wants(m model) bool {
	for _, name := range o.only {
		if string(name) == m.Name {
			return true
		}
	}
	return o.only == ""
}

// contests lets all contestants predict with model m.
func (o options) contests(m *model) (contests []contest, err error) {
	all := map[string]contestant{}
	defer func() {
		for _, c := range all {
			err = errors.Join(err, c.close())
		}
	}()
	for _, name := range names {
		if all[name], err = o.open(name, *m); err != nil {
			delete(all, name)
			return nil, err
		}
	}
	if m.Exact, err = compare(all, *m, m.path(o.cache, "margins")); err != nil {
		return nil, err
	}
	for _, c := range []contest{
		{Output: margin, Rows: 1, Target: m.target},
		{Output: value, Rows: 1, Target: m.target},
		{Output: value, Rows: 1000},
	} {
		c.Model = m.Name
		if err := c.run(all, o); err != nil {
			return nil, err
		}
		contests = append(contests, c)
	}
	return contests, nil
}

func (o options) open(name string, m model) (contestant, error) {
	switch name {
	case capi:
		return openTheirs(m, o.cache, filepath.Join(o.cache, "capi"))
	case python:
		return openTheirs(m, o.cache, filepath.Join(o.cache, "venv/bin/python"), "xgboost/inplace.py")
	}
	return openOurs(m, o.cache)
}

// compare returns the number of rows, all contestants' bits being the same; it is an error if they are not.
// Large models, which take XGBoost a minute one row a call, are compared so for their margins only.
func compare(all map[string]contestant, m model, margins string) (int, error) {
	raw, err := os.ReadFile(margins)
	if err != nil {
		return 0, err
	}
	trained := floats(raw)
	for _, output := range []string{margin, value} {
		var want []uint32
		for _, n := range []int{1, 1000} {
			if m.large && output == value && n == 1 {
				continue
			}
			for _, name := range names {
				got, err := all[name].bits(output, n)
				if err != nil {
					return 0, err
				}
				if want == nil {
					want = got
				}
				if err := same(got, want); err != nil {
					return 0, fmt.Errorf("%s of %s, %d rows a call: %w", output, name, n, err)
				}
			}
		}
		if output == margin {
			if err := same(bitsOf(trained), want); err != nil {
				return 0, fmt.Errorf("margins of the training run: %w", err)
			}
		}
	}
	return len(trained), nil
}

func same(got, want []uint32) error {
	if len(got) != len(want) {
		return fmt.Errorf("%d results instead of %d", len(got), len(want))
	}
	differ, first := 0, -1
	for i := range got {
		if got[i] != want[i] {
			differ++
			if first < 0 {
				first = i
			}
		}
	}
	if differ > 0 {
		return fmt.Errorf("%d of %d rows differ, row %d first: bits %08x, besra's are %08x",
			differ, len(got), first, got[first], want[first])
	}
	return nil
}

// run times the contestants in turn, round by round.
func (c *contest) run(all map[string]contestant, o options) error {
	c.Rounds, c.Median, c.Faster = map[string][]float64{}, map[string]float64{}, map[string]float64{}
	calls := map[string]int{}
	for _, name := range names {
		n, err := calibrate(all[name], c.Output, c.Rows, o.slice)
		if err != nil {
			return err
		}
		calls[name] = n
	}
	for range o.rounds {
		for _, name := range names {
			elapsed, err := all[name].time(c.Output, c.Rows, calls[name])
			if err != nil {
				return err
			}
			ns := float64(elapsed.Nanoseconds()) / float64(calls[name]*c.Rows)
			c.Rounds[name] = append(c.Rounds[name], ns)
		}
	}
	for _, name := range names {
		c.Median[name] = report.Median(c.Rounds[name])
		if name != besraLibrary {
			c.Faster[name] = report.Median(report.Ratios(c.Rounds[name], c.Rounds[besraLibrary]))
		}
	}
	return nil
}

// calibrate returns how many calls take about as long as a slice. It also warms the contestant up.
func calibrate(c contestant, output string, n int, slice time.Duration) (int, error) {
	for calls := 1; ; calls *= 4 {
		elapsed, err := c.time(output, n, calls)
		if err != nil {
			return 0, err
		}
		if elapsed > slice/8 {
			return max(1, int(float64(calls)*float64(slice)/float64(elapsed))), nil
		}
	}
}

func (r results) Missed() bool {
	for _, c := range r.Contests {
		if c.Target != nil && !c.Target.Met(c.Faster[capi]) {
			return true
		}
	}
	return false
}
