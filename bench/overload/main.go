//go:build linux

// Command overload shows what a server does when it is asked for three times what it can do, and what one greedy
// client does to another. The server has one core, the client another; requests take about a millisecond and are
// sent when they are due, whatever has become of those before.
//
// The server is either a handler that burns a millisecond behind internal/limit, or besra serve with a batch that
// takes about as long.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/besra-ml/besra/bench/internal/report"
)

type options struct {
	server, besra string
	self          string // the program that runs
	concurrency   string
	work          time.Duration
	rows          int
	connections   int
	rounds        int
	calm, crowd   time.Duration
	random        bool
	rate          float64 // sustainable; 0: found
	greedy        bool

	polite, greedyHeader string // of besra: who they are
	serverArgs           []string
}

func main() {
	var o options
	flag.StringVar(&o.server, "server", "synthetic", "synthetic, or besra: which `server`")
	flag.StringVar(&o.besra, "besra", "../.cache/bench/besra", "the `program`, for -server besra; arguments after the flags are besra serve's")
	flag.StringVar(&o.concurrency, "concurrency", "adaptive", "limits.concurrency: adaptive, off, or a `number`")
	flag.DurationVar(&o.work, "work", time.Millisecond, "what a request takes the server, `time`")
	flag.IntVar(&o.rows, "rows", 0, "events in a request to besra; 0: as many as take about -work")
	flag.IntVar(&o.connections, "connections", 512, "most connections")
	flag.IntVar(&o.rounds, "rounds", 5, "`number` of rounds; the medians are judged")
	flag.DurationVar(&o.calm, "calm", 5*time.Second, "how long 0.8 times what is sustainable is asked for, before and after, `time`")
	flag.DurationVar(&o.crowd, "crowd", 10*time.Second, "how long three times as much is asked for, `time`")
	flag.BoolVar(&o.random, "random", false, "send at random, as many independent clients do, and not evenly")
	flag.Float64Var(&o.rate, "rate", 0, "what is sustainable, requests a second; 0: find out")
	flag.BoolVar(&o.greedy, "greedy", true, "also show what a greedy client does to another")
	flag.StringVar(&o.polite, "polite-header", "", "for -server besra and -greedy: a `header` of a client without a limit")
	flag.StringVar(&o.greedyHeader, "greedy-header", "", "and of one whose rate is 100 a second")
	serve := flag.String("serve", "", "be the synthetic server, on this `address`")
	asJSON := flag.Bool("json", false, "write JSON instead of tables")
	flag.Parse()
	o.serverArgs = flag.Args()
	if *serve != "" {
		fmt.Fprintln(os.Stderr, "overload:", synthetic(*serve, o.concurrency, o.work))
		os.Exit(1)
	}
	r, err := run(o)
	report.Exit("overload", r, err, *asJSON, false)
	if r.Missed() {
		os.Exit(1)
	}
}

const serverCore, clientCore = "0", 1

func run(o options) (r results, err error) {
	r = results{Machine: report.ThisMachine(), Server: o.server, Concurrency: o.concurrency, Random: o.random}
	if o.self, err = os.Executable(); err != nil {
		return r, err
	}
	if runtime.NumCPU() < 2 {
		return r, errors.New("two cores are needed: one for the server, one for the client")
	}
	if err := stayOn(clientCore); err != nil {
		return r, err
	}
	s, err := o.start()
	if err != nil {
		return r, err
	}
	defer s.Stop()
	for i := range o.rounds {
		fmt.Fprintf(os.Stderr, "overload: round %d of %d\n", i+1, o.rounds)
		c, err := o.contest(s)
		if err != nil {
			return r, err
		}
		r.Rounds = append(r.Rounds, c)
	}
	if o.greedy && (o.server == "synthetic" || o.greedyHeader != "") {
		if r.Greedy, err = o.duel(s); err != nil {
			return r, err
		}
	}
	r.judge()
	return r, nil
}

// stayOn keeps this thread on a core. It is the one that measures.
func stayOn(core int) error {
	runtime.LockOSThread()
	var set unix.CPUSet
	set.Set(core)
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("stay on core %d: %w", core, err)
	}
	return nil
}
