// Package report holds what the contests tell besides their own figures: the machine, medians, tables, verdicts.
package report

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// A Machine is where figures were measured, and when.
type Machine struct {
	CPU    string  `json:"cpu"`
	Cores  int     `json:"cores"`
	OS     string  `json:"os"`
	Kernel string  `json:"kernel"`
	Go     string  `json:"go"`
	Load   float64 `json:"load"` // average over the minute before: figures from a busy machine mean little
	Time   string  `json:"time"`
}

// ThisMachine describes the machine that runs.
func ThisMachine() Machine {
	m := Machine{
		CPU: runtime.GOARCH, Cores: runtime.NumCPU(), OS: runtime.GOOS, Go: runtime.Version(),
		Kernel: strings.TrimSpace(firstLine("/proc/sys/kernel/osrelease")),
		Time:   time.Now().UTC().Format(time.RFC3339),
	}
	if f, err := os.Open("/proc/cpuinfo"); err == nil {
		defer f.Close()
		for s := bufio.NewScanner(f); s.Scan(); {
			if name, value, ok := strings.Cut(s.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
				m.CPU = strings.TrimSpace(value)
				break
			}
		}
	}
	_, _ = fmt.Sscan(firstLine("/proc/loadavg"), &m.Load) // stays 0 where there is none
	return m
}

func firstLine(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(data), "\n")
	return line
}

func (m Machine) String() string {
	return fmt.Sprintf("%s, %d cores, %s %s, %s, load %.2f at the start, %s",
		m.CPU, m.Cores, m.OS, m.Kernel, m.Go, m.Load, m.Time)
}

// Median returns the median of v, which must not be empty, without changing it.
func Median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	n := len(s)
	return (s[(n-1)/2] + s[n/2]) / 2
}

// Ratios returns a[i]/b[i].
func Ratios(a, b []float64) []float64 {
	r := make([]float64, len(a))
	for i := range a {
		r[i] = a[i] / b[i]
	}
	return r
}

// Results are a contest's figures. They marshal to JSON.
type Results interface {
	Print(w io.Writer) error // as tables
	Missed() bool            // whether a figure does not reach its target
}

// Exit writes r to standard output, and ends the process as a contest ends: with 1 when there is an err, and with 3
// when check is set and a target is missed. It returns when there is neither.
func Exit(name string, r Results, err error, asJSON, check bool) {
	if err == nil {
		err = write(os.Stdout, r, asJSON)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
	if check && r.Missed() {
		os.Exit(3)
	}
}

func write(w io.Writer, r Results, asJSON bool) error {
	if !asJSON {
		return r.Print(w)
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// Table writes rows of cells in columns; the first row names them.
func Table(w io.Writer, rows [][]string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, r := range rows {
		fmt.Fprintln(t, strings.Join(r, "\t"))
	}
	return t.Flush()
}

// A Target is what a figure has to reach.
type Target struct {
	Value  float64 `json:"value"`
	AtMost bool    `json:"at_most,omitempty"` // else at least
}

// Met tells whether v reaches the target.
func (t Target) Met(v float64) bool {
	if t.AtMost {
		return v <= t.Value
	}
	return v >= t.Value
}

// Says is a table's cell: the target, and whether v reaches it. Nothing, for nil.
func (t *Target) Says(v float64, unit string) string {
	if t == nil {
		return ""
	}
	sign, verdict := "≥", "met"
	if t.AtMost {
		sign = "≤"
	}
	if !t.Met(v) {
		verdict = "MISSED"
	}
	return fmt.Sprintf("%s %g%s %s", sign, t.Value, unit, verdict)
}
