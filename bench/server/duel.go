//go:build linux

package main

import (
	"fmt"
	"os"
	"time"

	"github.com/besra-ml/besra/bench/internal/load"
	"github.com/besra-ml/besra/bench/internal/report"
)

// A duel measures two servers in turn.
type duel struct {
	options
	besra, empty *load.Process
	requests     [][]byte
}

// both lets measure have each server, and whoever was last first.
func (d duel) both(round int, measure func(*load.Process) error) error {
	pair := [2]*load.Process{d.besra, d.empty}
	if round%2 == 1 {
		pair = [2]*load.Process{d.empty, d.besra}
	}
	for _, p := range pair {
		if err := measure(p); err != nil {
			return fmt.Errorf("%s: %w", p.Path(), err)
		}
	}
	return nil
}

// closedLoops measures requests a second, and processor time a request, with all connections busy.
func (d duel) closedLoops() ([]measure, error) {
	fmt.Fprintln(os.Stderr, "server: closed loop")
	rate, cpu := map[*load.Process][]float64{}, map[*load.Process][]float64{}
	for round := -1; round < d.rounds; round++ { // the first is for warming up
		err := d.both(round, func(p *load.Process) error {
			persecond, micros, err := d.closedLoop(p)
			if round >= 0 {
				rate[p], cpu[p] = append(rate[p], persecond), append(cpu[p], micros)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return []measure{
		d.measure("most requests a second", "/s", rate, report.Target{Value: 0.75}),
		d.measure("processor time a request", "µs", cpu, report.Target{Value: 1.5, AtMost: true}),
	}, nil
}

func (d duel) measure(what, unit string, v map[*load.Process][]float64, t report.Target) measure {
	return measure{
		What: what, Unit: unit, Besra: v[d.besra], Empty: v[d.empty],
		Ratio: report.Median(report.Ratios(v[d.besra], v[d.empty])), Target: &t,
	}
}

func (d duel) closedLoop(p *load.Process) (rate, cpu float64, err error) {
	c, err := load.NewClient(p.Address, d.connections, load.Cycle(d.requests...))
	if err != nil {
		return 0, 0, err
	}
	defer c.Close()
	before, err := p.CPU()
	if err != nil {
		return 0, 0, err
	}
	answers, elapsed, err := c.ClosedLoop(d.round)
	if err != nil {
		return 0, 0, err
	}
	after, err := p.CPU()
	n := float64(answers + d.connections) // those in flight at the end do not count, but have been answered
	return float64(answers) / elapsed.Seconds(), float64((after - before).Microseconds()) / n, err
}

// inTime is the 99th percentile that a rate must not pass.
const inTime = 10 * time.Millisecond

// openLoops measures the highest rate that is answered in time.
func (d duel) openLoops(closed measure) (measure, error) {
	guess := map[*load.Process]float64{
		d.besra: report.Median(closed.Besra) * 0.7,
		d.empty: report.Median(closed.Empty) * 0.7,
	}
	highest := map[*load.Process][]float64{}
	for pass := range d.passes {
		fmt.Fprintf(os.Stderr, "server: open loop, pass %d of %d\n", pass+1, d.passes)
		err := d.both(pass, func(p *load.Process) error {
			rate, err := d.highest(p, guess[p])
			highest[p] = append(highest[p], rate)
			guess[p] = rate
			return err
		})
		if err != nil {
			return measure{}, err
		}
	}
	return d.measure("highest rate with p99 ≤ 10 ms", "/s", highest, report.Target{Value: 0.6}), nil
}

// highest searches for the highest rate that is answered in time, to 2 per cent, beginning at a guess.
func (d duel) highest(p *load.Process, guess float64) (float64, error) {
	const stride, near = 1.15, 1.02
	low, high := 0.0, 0.0 // the highest rate that was, and the lowest that was not
	for rate := guess; low == 0 || high == 0 || high/low > near; {
		ok, err := d.holds(p, rate)
		if err != nil {
			return 0, err
		}
		if ok {
			low = rate
		} else {
			high = rate
		}
		switch {
		case high == 0:
			rate = low * stride
		case low == 0:
			rate = high / stride
		default:
			rate = (low + high) / 2
		}
		if rate < 1 {
			return 0, errNoRate
		}
	}
	return low, nil
}

// holds tells whether a rate is answered in time, in one of two tries: the machine has other things to do.
func (d duel) holds(p *load.Process, rate float64) (bool, error) {
	for range 2 {
		c, err := load.NewClient(p.Address, d.connections, load.Cycle(d.requests...))
		if err != nil {
			return false, err
		}
		p99, err := c.OpenLoop(rate, d.probe)
		c.Close()
		if err != nil || p99 <= inTime {
			return err == nil, err
		}
	}
	return false, nil
}

// memory measures besra's memory while all connections are busy.
func (d duel) memory() ([]figure, error) {
	fmt.Fprintln(os.Stderr, "server: memory")
	ended := make(chan error, 1)
	go func() {
		_, _, err := d.closedLoop(d.besra)
		ended <- err
	}()
	var shared float64
	for every := time.Tick(50 * time.Millisecond); ; {
		select {
		case err := <-ended:
			if err != nil {
				return nil, err
			}
			peak, err := d.besra.Memory("status", "VmHWM")
			return []figure{
				{What: "peak memory under load, resident", Unit: "MiB", Value: peak, Target: &report.Target{Value: 40, AtMost: true}},
				{What: "peak memory under load, proportional", Unit: "MiB", Value: shared},
			}, err
		case <-every:
			pss, err := d.besra.Memory("smaps_rollup", "Pss")
			if err != nil {
				return nil, err
			}
			shared = max(shared, pss)
		}
	}
}
