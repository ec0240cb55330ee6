//go:build linux

// Package pace makes calls when they are due.
package pace

import (
	"errors"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// A Caller makes one call at a time.
type Caller func() error

// Latencies of calls.
type Latencies struct{ P50, P99 time.Duration }

// Of returns what latencies come to, and sorts them.
func Of(all []time.Duration) Latencies {
	slices.Sort(all)
	return Latencies{all[len(all)/2], all[len(all)*99/100]}
}

// Keep makes calls at a rate for d, whatever becomes of them, and returns their latencies. That of a call counts from
// when it was due, however late it could be made; those of the first tenth do not count. All wait in the runtime's
// poller, the clock as well: its own timers would be late by up to a millisecond when there is little to do.
func Keep(rate float64, d time.Duration, callers []Caller) ([]time.Duration, error) {
	clock, err := newClock()
	if err != nil {
		return nil, err
	}
	defer clock.Close()
	total := int(rate * d.Seconds())
	due := make(chan time.Time, total)
	each := make([][]time.Duration, len(callers))
	errs := make([]error, len(callers))
	start := time.Now()
	var team sync.WaitGroup
	for i, call := range callers {
		team.Go(func() {
			for at := range due {
				if errs[i] != nil {
					continue
				}
				errs[i] = call()
				if at.Sub(start) >= d/10 {
					each[i] = append(each[i], time.Since(at))
				}
			}
		})
	}
	for n := range total {
		at := start.Add(time.Duration(float64(n) / rate * 1e9))
		if err = clock.until(at); err != nil {
			break
		}
		due <- at
	}
	close(due)
	team.Wait()
	all := slices.Concat(each...)
	if err := errors.Join(append(errs, err)...); err != nil || len(all) == 0 {
		return nil, errors.Join(errors.New("nothing can be said of the pace"), err)
	}
	return all, nil
}

// A clock wakes a goroutine within some microseconds of a time.
type clock struct {
	*os.File
	fd int
}

func newClock() (clock, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return clock{}, err
	}
	return clock{os.NewFile(uintptr(fd), "clock"), fd}, nil
}

func (c clock) until(at time.Time) error {
	left := time.Until(at)
	if left <= 0 {
		return nil
	}
	err := unix.TimerfdSettime(c.fd, 0, &unix.ItimerSpec{Value: unix.NsecToTimespec(left.Nanoseconds())}, nil)
	if err == nil {
		var count [8]byte
		_, err = c.Read(count[:])
	}
	return err
}
