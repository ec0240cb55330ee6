//go:build linux

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/valkey-io/valkey-go"

	"github.com/besra-ml/besra/bench/internal/load"
	"github.com/besra-ml/besra/bench/internal/report"
)

// A contestant is a way with states of a size, and few terminals or many.
type contestant struct {
	Way       string   `json:"way"`
	Size      int      `json:"size"`
	Terminals int      `json:"terminals"`
	Rounds    []figure `json:"rounds"`
}

// A figure is what a round measured. Times are in µs.
type figure struct {
	PerSecond float64 `json:"per_second"`
	Store     float64 `json:"store"`   // processor time an event, callers busy
	Client    float64 `json:"client"`  // the same, of the clients
	Repeats   float64 `json:"repeats"` // trips made again, an event
	Most      float64 `json:"most"`    // of one event
	P99       float64 `json:"p99"`     // callers busy
	Alone50   float64 `json:"alone_p50"`
	Alone99   float64 `json:"alone_p99"`
	Open50    float64 `json:"open_p50"`
	Open99    float64 `json:"open_p99"`
}

const callers, processes = 64, 2

func run(o options) (results, error) {
	r := results{Machine: report.ThisMachine(), TimeSeconds: o.time.Seconds(), Rate: o.rate}
	dir, err := os.MkdirTemp("", "choice-")
	if err != nil {
		return r, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	server, err := load.Start(o.store, func(address string) []string {
		_, port, _ := net.SplitHostPort(address)
		return []string{"--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "no", "--dir", dir}
	})
	if err != nil {
		return r, err
	}
	defer server.Stop()
	if err := answers(server.Address); err != nil {
		return r, err
	}
	for _, size := range o.sizes {
		for _, n := range []int{terminals, o.hot} {
			for _, way := range []string{"log", "replace"} {
				r.Contestants = append(r.Contestants, &contestant{Way: way, Size: size, Terminals: n})
			}
		}
	}
	for _, x := range r.Contestants {
		if err := x.fill(server.Address); err != nil {
			return r, err
		}
	}
	for round := range o.rounds {
		fmt.Fprintf(os.Stderr, "choice: round %d of %d\n", round+1, o.rounds)
		for i := range r.Contestants {
			if err := r.Contestants[i^round&1].round(o, server); err != nil { // a pair's who begins changes
				return r, err
			}
		}
	}
	return r, nil
}

// answers waits until a server does.
func answers(address string) error {
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		c, err := valkey.NewClient(clientOptions(address))
		if err == nil {
			err = c.Do(context.Background(), c.B().Ping().Build()).Error()
			c.Close()
		}
		if err == nil || time.Now().After(end) {
			return err
		}
	}
}

func (x *contestant) prefix() string { return fmt.Sprintf("%s-%d-%d", x.Way, x.Size, x.Terminals) }

func (x *contestant) fill(address string) error {
	w, err := newWay(x.Way, address, x.prefix())
	if err != nil {
		return err
	}
	defer w.close()
	errs := make([]error, callers)
	var team sync.WaitGroup
	for c := range callers {
		team.Go(func() {
			for i := c; i < cards+x.Terminals && errs[c] == nil; i += callers {
				errs[c] = w.fill(i, x.Size)
			}
		})
	}
	team.Wait()
	return errors.Join(errs...)
}

func (x *contestant) round(o options, server *load.Process) error {
	j := job{way: x.Way, address: server.Address, prefix: x.prefix(), terminals: x.Terminals, callers: callers / processes, time: o.time}
	before, err := server.CPU()
	if err != nil {
		return err
	}
	stamp := func() (err error) {
		before, err = server.CPU()
		return err
	}
	busy, err := measure(j, processes, stamp)
	if err != nil {
		return err
	}
	after, err := server.CPU()
	if err != nil {
		return err
	}
	n := float64(busy.Events)
	f := figure{
		PerSecond: n / o.time.Seconds(), Store: micros(after-before) / n, Client: micros(busy.CPU) / n,
		Repeats: float64(busy.Repeats) / n, Most: float64(busy.Most), P99: micros(busy.P99),
	}
	nothing := func() error { return nil }
	alone := j
	alone.callers = 1
	one, err := measure(alone, 1, nothing)
	if err != nil {
		return err
	}
	f.Alone50, f.Alone99 = micros(one.P50), micros(one.P99)
	j.rate = o.rate / processes
	open, err := measure(j, processes, nothing)
	f.Open50, f.Open99 = micros(open.P50), micros(open.P99)
	x.Rounds = append(x.Rounds, f)
	return err
}

// measure has workers do a job, all at once. Of their latencies it returns the means.
func measure(j job, workers int, begin func() error) (sum done, err error) {
	type worker struct {
		cmd  *exec.Cmd
		to   io.WriteCloser
		from *bufio.Reader
	}
	self, err := os.Executable()
	if err != nil {
		return sum, err
	}
	var all []worker
	defer func() {
		for _, w := range all {
			_ = w.to.Close()
			if e := w.cmd.Wait(); err == nil {
				err = e
			}
		}
	}()
	for range workers {
		w := worker{cmd: exec.Command(self, j.args()...)}
		w.cmd.Stderr = os.Stderr
		out, err := w.cmd.StdoutPipe()
		if err != nil {
			return sum, err
		}
		if w.to, err = w.cmd.StdinPipe(); err != nil {
			return sum, err
		}
		if err := w.cmd.Start(); err != nil {
			return sum, err
		}
		w.from = bufio.NewReader(out)
		all = append(all, w)
	}
	for _, w := range all {
		if _, err := w.from.ReadString('\n'); err != nil {
			return sum, err
		}
	}
	if err := begin(); err != nil {
		return sum, err
	}
	for _, w := range all {
		if _, err := io.WriteString(w.to, "go\n"); err != nil {
			return sum, err
		}
	}
	for _, w := range all {
		var d done
		if err := json.NewDecoder(w.from).Decode(&d); err != nil {
			return sum, err
		}
		sum.Events += d.Events
		sum.CPU += d.CPU
		sum.Repeats += d.Repeats
		sum.Most = max(sum.Most, d.Most)
		sum.P50 += d.P50 / time.Duration(workers)
		sum.P99 += d.P99 / time.Duration(workers)
	}
	return sum, nil
}

func micros(d time.Duration) float64 { return d.Seconds() * 1e6 }
