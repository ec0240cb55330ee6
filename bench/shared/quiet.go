//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// foreign is the most that others may have of the processors for a figure to count.
const foreign = 0.05

// quietly measures until nobody else has been busy meanwhile, or it has been tried often enough; then the figure counts
// all the same, and is told of.
func (c *contest) quietly(measure func() (keep func(), err error)) error {
	for try := 0; ; try++ {
		begun := time.Now()
		before, err := c.others()
		if err != nil {
			return err
		}
		keep, err := measure()
		if err != nil {
			return err
		}
		after, err := c.others()
		if err != nil {
			return err
		}
		quiet := float64(after-before) <= foreign*float64(time.Since(begun))*float64(runtime.NumCPU())
		if quiet || try == c.tries {
			if !quiet {
				c.disturbed++
			}
			keep()
			return nil
		}
		time.Sleep(time.Second)
	}
}

// others is the processor time that none of the processes here has used.
func (c *contest) others() (d time.Duration, err error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	f := strings.Fields(line)
	if len(f) < 9 {
		return 0, fmt.Errorf("%q is not what /proc/stat says", line)
	}
	const ticks = 100                     // a second
	for _, i := range []int{1, 2, 3, 8} { // user, nice, system, steal
		n, e := strconv.ParseInt(f[i], 10, 64)
		d, err = d+time.Duration(n)*time.Second/ticks, errors.Join(err, e)
	}
	for _, x := range c.contestants() {
		cpu, e := x.server.CPU()
		d, err = d-cpu, errors.Join(err, e)
	}
	u, e := c.used(c.memory)
	return d - u.store - u.load, errors.Join(err, e)
}
