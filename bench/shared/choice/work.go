//go:build linux

package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/besra-ml/besra/bench/shared/pace"
)

const (
	cards     = 5_000
	terminals = 5_000
)

// A job is what a worker measures.
type job struct {
	way, address, prefix string
	terminals, callers   int
	rate                 float64 // 0: a closed loop
	time                 time.Duration
}

func (j *job) args() []string {
	return []string{
		"worker", "-way", j.way, "-address", j.address, "-prefix", j.prefix, "-terminals", fmt.Sprint(j.terminals),
		"-callers", fmt.Sprint(j.callers), "-rate", fmt.Sprint(j.rate), "-time", j.time.String(),
	}
}

// done is what a worker says.
type done struct {
	Events  int
	CPU     time.Duration
	P50     time.Duration
	P99     time.Duration
	Repeats int64
	Most    int64 // of one event
}

// work measures, and says what.
func work(args []string) error {
	var j job
	f := flag.NewFlagSet("worker", flag.ContinueOnError)
	f.StringVar(&j.way, "way", "", "")
	f.StringVar(&j.address, "address", "", "")
	f.StringVar(&j.prefix, "prefix", "", "")
	f.IntVar(&j.terminals, "terminals", 0, "")
	f.IntVar(&j.callers, "callers", 0, "")
	f.Float64Var(&j.rate, "rate", 0, "")
	f.DurationVar(&j.time, "time", 0, "")
	if err := f.Parse(args); err != nil {
		return err
	}
	w, err := newWay(j.way, j.address, j.prefix)
	if err != nil {
		return err
	}
	defer w.close()
	callers := make([]pace.Caller, j.callers)
	for i := range callers {
		r := rand.New(rand.NewPCG(rand.Uint64(), uint64(i)))
		callers[i] = func() error { return w.advance([2]int{r.IntN(cards), cards + r.IntN(j.terminals)}) }
		if err := callers[i](); err != nil {
			return err
		}
	}
	fmt.Println("ready")
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return err
	}
	was, _ := w.repeats()
	before, err := used()
	if err != nil {
		return err
	}
	var all []time.Duration
	if j.rate > 0 {
		all, err = pace.Keep(j.rate, j.time, callers)
	} else {
		all, err = keepBusy(j.time, callers)
	}
	if err != nil {
		return err
	}
	after, err := used()
	if err != nil {
		return err
	}
	d := done{Events: len(all), CPU: after - before}
	if j.rate > 0 {
		d.Events = int(j.rate * j.time.Seconds())
	}
	l := pace.Of(all)
	d.P50, d.P99 = l.P50, l.P99
	d.Repeats, d.Most = w.repeats()
	d.Repeats -= was
	return json.NewEncoder(os.Stdout).Encode(d)
}

func used() (time.Duration, error) {
	var u unix.Rusage
	err := unix.Getrusage(unix.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), err
}

// keepBusy has each caller make one call after another for d.
func keepBusy(d time.Duration, callers []pace.Caller) ([]time.Duration, error) {
	each := make([][]time.Duration, len(callers))
	errs := make([]error, len(callers))
	start := time.Now()
	var team sync.WaitGroup
	for i, call := range callers {
		team.Go(func() {
			for begun := time.Now(); begun.Sub(start) < d && errs[i] == nil; {
				errs[i] = call()
				now := time.Now()
				each[i] = append(each[i], now.Sub(begun))
				begun = now
			}
		})
	}
	team.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return slices.Concat(each...), nil
}
