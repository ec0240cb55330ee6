//go:build linux

// Command state measures how much memory the histories of many cards take, and what an event costs among them: the
// demo's card group, three windows over counts and means, in the store of besra serve, bounded to 8 GiB.
//
// Each case runs in processes of its own, first without and then with a GOMEMLIMIT a tenth and 64 MiB above what
// the store of the first one held.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"github.com/besra-ml/besra/bench/internal/report"
)

const (
	most  = 8 << 30    // state.bytes
	scale = 10_000_000 // cards that have to fit
)

// A kind is what each card has.
type kind struct {
	name     string
	what     string
	payments int
	stepped  bool
}

var kinds = []kind{
	{name: "exact-6", what: "6 payments, exact", payments: 6},
	{name: "exact-30", what: "30 payments, exact", payments: 30},
	{name: "stepped-60", what: "60 payments, resolution 1d", payments: 60, stepped: true},
}

type options struct {
	cards int
	only  string
}

func main() {
	var o options
	flag.IntVar(&o.cards, "cards", 0, "`number` of cards (default 10000000, which need up to 13 GiB; -short: 500000)")
	flag.StringVar(&o.only, "only", "", "one `case`: exact-6, exact-30 or stepped-60")
	short := flag.Bool("short", false, "500,000 cards")
	asJSON := flag.Bool("json", false, "write JSON instead of a table")
	check := flag.Bool("check", false, "exit 3 when ten million cards would not fit")
	child := flag.Bool("child", false, "measure one case in this process (what the command does itself)")
	flag.Parse()
	if o.cards == 0 {
		o.cards = scale
		if *short {
			o.cards = 500_000
		}
	}
	if *child {
		if err := measure(o); err != nil {
			fmt.Fprintln(os.Stderr, "state:", err)
			os.Exit(1)
		}
		return
	}
	r, err := run(o)
	report.Exit("state", r, err, *asJSON, *check)
}

func kindOf(name string) (kind, bool) {
	i := slices.IndexFunc(kinds, func(k kind) bool { return k.name == name })
	if i < 0 {
		return kind{}, false
	}
	return kinds[i], true
}

// measure is what a child does.
func measure(o options) error {
	k, ok := kindOf(o.only)
	if !ok {
		return fmt.Errorf("there is no case %q", o.only)
	}
	f, err := fill(k, o.cards)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(f)
}

type results struct {
	Machine report.Machine `json:"machine"`
	Cards   int            `json:"cards"`
	Cases   []result       `json:"cases"`
}

// A result is what was measured of a case.
type result struct {
	What    string `json:"what"`
	Free    filled `json:"unlimited"`
	Limited filled `json:"limited"`
	Limit   int64  `json:"gomemlimit"`
}

// whole is how many bytes ten million cards take.
func (r result) whole() float64 { return r.Free.each() * scale }

var fits = report.Target{Value: most >> 30, AtMost: true}

func (r results) Missed() bool {
	return slices.ContainsFunc(r.Cases, func(c result) bool { return !fits.Met(gib(c.whole())) })
}

func run(o options) (results, error) {
	if o.cards < 1 {
		return results{}, errors.New("-cards must be positive")
	}
	r := results{Machine: report.ThisMachine(), Cards: o.cards}
	chosen := kinds
	if o.only != "" {
		k, ok := kindOf(o.only)
		if !ok {
			return r, fmt.Errorf("there is no case %q", o.only)
		}
		chosen = []kind{k}
	}
	for _, k := range chosen {
		fmt.Fprintf(os.Stderr, "state: %s\n", k.what)
		free, err := runChild(o, k, 0)
		if err != nil {
			return r, err
		}
		c := result{What: k.what, Free: free, Limit: free.Bytes + free.Bytes/10 + 64<<20}
		if c.Limited, err = runChild(o, k, c.Limit); err != nil {
			return r, err
		}
		r.Cases = append(r.Cases, c)
	}
	return r, nil
}

// runChild measures a case in a process of its own; limit 0 is none.
func runChild(o options, k kind, limit int64) (f filled, err error) {
	self, err := os.Executable()
	if err != nil {
		return f, err
	}
	cmd := exec.Command(self, "-child", "-only", k.name, "-cards", strconv.Itoa(o.cards))
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "GOMEMLIMIT=") || strings.HasPrefix(v, "GOGC=")
	})
	if limit > 0 {
		cmd.Env = append(cmd.Env, fmt.Sprintf("GOMEMLIMIT=%d", limit))
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	if err := cmd.Run(); err != nil {
		return f, fmt.Errorf("%s: %w", k.what, err)
	}
	return f, json.Unmarshal(out.Bytes(), &f)
}

func (r results) Print(w io.Writer) error {
	fmt.Fprintf(w, "State: %d cards, the demo's windows of 1, 7 and 30 days, state.bytes 8 GiB.\n%v\n\n", r.Cards, r.Machine)
	table := [][]string{{
		"each card", "bytes a card", "held", "resident", "at most", "with GOMEMLIMIT", "resident", "at most",
		"ns an event", "with GOMEMLIMIT", "10,000,000 cards", "target",
	}}
	for _, c := range r.Cases {
		whole := gib(c.whole())
		table = append(table, []string{
			c.What, fmt.Sprintf("%.0f", c.Free.each()), amount(c.Free.Bytes), amount(c.Free.Resident), amount(c.Free.Peak),
			amount(c.Limit), amount(c.Limited.Resident), amount(c.Limited.Peak),
			fmt.Sprintf("%.0f", c.Free.Nanos), fmt.Sprintf("%.0f", c.Limited.Nanos),
			fmt.Sprintf("%.2f GiB", whole), fits.Says(whole, " GiB"),
		})
	}
	if err := report.Table(w, table); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w, "\nA card's bytes are those that the store counts: states, slabs and index. An event is its row and its place in the\n"+
		"card's history, in processor time, garbage collection included, averaged over the last payments of all cards.")
	return err
}

func gib(bytes float64) float64 { return bytes / (1 << 30) }

func amount(bytes int64) string { return fmt.Sprintf("%.2f GiB", gib(float64(bytes))) }
