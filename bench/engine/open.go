package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/besra-ml/besra"
	"github.com/besra-ml/besra/bench/internal/report"
)

// opened is what it takes to open a model: a new process each time.
type opened struct {
	Model  string         `json:"model"`
	File   int64          `json:"file"`             // bytes
	Millis float64        `json:"millis"`           // from the file to the first prediction that can be asked for
	Memory int64          `json:"memory"`           // bytes that the process has grown by at most, resident
	Times  float64        `json:"times"`            // as many files
	Target *report.Target `json:"target,omitempty"` // of Millis
	Bound  *report.Target `json:"bound,omitempty"`  // of Times
}

// openOften opens a file in new processes and returns medians.
func openOften(m model, path string, short bool) (opened, error) {
	o := opened{Model: m.Name}
	if m.quick {
		o.Target, o.Bound = &report.Target{Value: 15, AtMost: true}, &report.Target{Value: 4, AtMost: true}
	}
	info, err := os.Stat(path)
	if err != nil {
		return o, err
	}
	o.File = info.Size()
	times := 15
	if short {
		times = 5
	}
	self, err := os.Executable()
	if err != nil {
		return o, err
	}
	var millis, grown []float64
	for range times {
		out, err := exec.Command(self, "-open", path).CombinedOutput()
		if err != nil {
			return o, fmt.Errorf("opening in a process of its own: %w: %s", err, out)
		}
		var m, kib float64
		if _, err := fmt.Sscan(string(out), &m, &kib); err != nil {
			return o, fmt.Errorf("opening in a process of its own: %w", err)
		}
		millis, grown = append(millis, m), append(grown, kib)
	}
	o.Millis, o.Memory = report.Median(millis), int64(1024*report.Median(grown))
	o.Times = float64(o.Memory) / float64(o.File)
	return o, nil
}

// openOnce opens a file and prints the milliseconds that it took, and the KiB that the process has grown by at most.
func openOnce(path string) {
	before := status("VmRSS")
	begin := time.Now()
	m, err := besra.Open(path)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	millis := float64(time.Since(begin).Microseconds()) / 1e3
	fmt.Println(millis, status("VmHWM")-before, m.Outputs())
}

// status returns a figure of /proc/self/status, in KiB.
func status(name string) (kib int) {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		return 0
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if rest, ok := strings.CutPrefix(s.Text(), name+":"); ok {
			_, _ = fmt.Sscan(rest, &kib) // stays 0 where there is none
		}
	}
	return kib
}
