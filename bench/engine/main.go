// Command engine is the engine contest: besra beside the libraries that train models, XGBoost, LightGBM, CatBoost
// and ONNX Runtime, on one thread.
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
	"runtime"
	"strings"
	"time"

	"github.com/besra-ml/besra/bench/internal/report"
)

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
	rival  string             // that the target is about
}

// besraLibrary is the contestant that the others are compared with.
const besraLibrary = "besra"

type results struct {
	Machine   report.Machine `json:"machine"`
	Short     bool           `json:"short"`
	Libraries []table        `json:"libraries"`
}

// A table has the contests with one library.
type table struct {
	Library  string    `json:"library"`
	Models   []model   `json:"models"`
	Contests []contest `json:"contests"`
	Opened   []opened  `json:"opened"`

	rivals []rival
}

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
	file := flag.String("open", "", "open this `file` once and tell what it took; a contest does so itself")
	asJSON := flag.Bool("json", false, "write JSON instead of tables")
	check := flag.Bool("check", false, "exit 3 when a target is missed")
	flag.Parse()
	if *file != "" {
		openOnce(*file)
		return
	}
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
	for _, l := range libraries() {
		t := table{Library: l.name, rivals: l.rivals}
		for _, m := range l.models {
			if m.large && o.short || !o.wants(m) {
				continue
			}
			fmt.Fprintf(os.Stderr, "engine: %s, %s\n", m.Name, m.What)
			contests, err := o.contests(&l, &m)
			if err != nil {
				return r, fmt.Errorf("model %s: %w", m.Name, err)
			}
			file, err := openOften(m, l.path(o.cache, m, l.model), o.short)
			if err != nil {
				return r, fmt.Errorf("model %s: %w", m.Name, err)
			}
			t.Models = append(t.Models, m)
			t.Contests = append(t.Contests, contests...)
			t.Opened = append(t.Opened, file)
		}
		if len(t.Models) > 0 {
			r.Libraries = append(r.Libraries, t)
		}
	}
	return r, nil
}

func (o options) wants(m model) bool { return o.only == "" || strings.Contains(o.only, m.Name) }

// contests lets all contestants predict with model m.
func (o options) contests(l *library, m *model) (contests []contest, err error) {
	all := map[string]contestant{}
	defer func() {
		for _, c := range all {
			err = errors.Join(err, c.close())
		}
	}()
	if all[besraLibrary], err = openOurs(l, *m, o.cache); err != nil {
		delete(all, besraLibrary)
		return nil, err
	}
	names := []string{besraLibrary}
	for _, r := range l.rivals {
		if all[r.name], err = openTheirs(l, *m, o.cache, r); err != nil {
			delete(all, r.name)
			return nil, err
		}
		names = append(names, r.name)
	}
	if m.Exact, err = compare(all, l, *m, o.cache); err != nil {
		return nil, err
	}
	if l.margins {
		contests = append(contests, contest{Output: margin, Rows: 1, Target: m.target})
	}
	contests = append(contests, contest{Output: value, Rows: 1, Target: m.target})
	if l.together > 0 {
		contests = append(contests, contest{Output: value, Rows: l.together})
	}
	for i := range contests {
		contests[i].Model = m.Name
		contests[i].rival = names[1]
		if err := contests[i].run(all, names, o); err != nil {
			return nil, err
		}
	}
	return contests, nil
}

// compare returns the number of rows, all contestants' bits being the same; it is an error if they are not.
// Large models, which take XGBoost a minute one row a call, are compared so for one output only.
func compare(all map[string]contestant, l *library, m model, cache string) (int, error) {
	rows, names := 0, []string{besraLibrary}
	for _, r := range l.rivals {
		if !r.rounded {
			names = append(names, r.name)
		}
	}
	outputs := []string{value}
	if l.margins {
		outputs = []string{margin, value}
	}
	for _, output := range outputs {
		var want []uint64
		for _, n := range []int{1, max(1, l.together)} {
			if m.large && output != outputs[0] && n == 1 {
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
		rows = len(want)
		if l.trained && output == margin {
			raw, err := os.ReadFile(l.path(cache, m, "margins"))
			if err != nil {
				return 0, err
			}
			if err := same(bitsOf(floats(raw)), want); err != nil {
				return 0, fmt.Errorf("margins of the training run: %w", err)
			}
		}
	}
	return rows, nil
}

func same(got, want []uint64) error {
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
func (c *contest) run(all map[string]contestant, names []string, o options) error {
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
	for _, t := range r.Libraries {
		for _, c := range t.Contests {
			if c.Target != nil && !c.Target.Met(c.Faster[c.rival]) {
				return true
			}
		}
		for _, f := range t.Opened {
			if f.Target != nil && (!f.Target.Met(f.Millis) || !f.Bound.Met(f.Times)) {
				return true
			}
		}
	}
	return false
}
