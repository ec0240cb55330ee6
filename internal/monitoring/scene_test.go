//go:build unix

package monitoring

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/besra-ml/besra/internal/besratest"
)

// patience is for how long a fault may go unnoticed, or an alarm outlast it: 6h, the longest window that ends an alarm, and
// as long again.
const patience = 6 * time.Hour / speed * 2

// A scene is one service with a fault to come, which Prometheus knows as a job of its own.
type scene struct {
	t          *testing.T
	prometheus *prometheus
	job        string
	meant      map[string]bool // alarms so far
}

// start starts a process with the demo's model, of a command that ends in besra serve, and has Prometheus ask it once it is
// ready. Load is not shed and nobody is in a hurry, unless flags say so.
func (s *scene) start(flags ...string) *besratest.Process {
	s.t.Helper()
	return s.startBy(nil, plainModel(s.t), flags...)
}

func (s *scene) startBy(command []string, model string, flags ...string) *besratest.Process {
	s.t.Helper()
	p := s.run(command, append([]string{
		model, "--listen", "127.0.0.1:0", "--limits-deadline", "10s", "--limits-concurrency", "off", "--slo-latency", "1s",
	}, flags...)...)
	p.Ready()
	// Rules know that a journal is not up while a process starts; but not that time goes by so fast.
	p.Until("its journal is up", func() bool { return strings.Contains(string(p.Get("/metrics").Body), "\nbesra_journal_up 1\n") })
	s.prometheus.scrapes(target{s.job, p.URL()})
	return p
}

func (s *scene) run(command []string, args ...string) *besratest.Process {
	s.t.Helper()
	command = append(append(slices.Clone(command), besratest.Program(s.t), "serve"), args...)
	return besratest.Start(s.t, append(command, "--admin-listen", "", "--models-poll", "200ms", "--log-sample", "0")...)
}

// raises waits until all of these alarms are raised, such as "BesraAvailabilityBurn page 1h".
func (s *scene) raises(alarms ...string) {
	s.t.Helper()
	for _, a := range alarms {
		s.meant[a] = true
	}
	begun := time.Now()
	s.until("the alarms that are meant", func() error {
		raised := s.raised()
		for _, a := range alarms {
			if !slices.Contains(raised, a) {
				return fmt.Errorf("%s is not raised, but %q", a, raised)
			}
		}
		return nil
	})
	s.t.Logf("raised after %.1f s", time.Since(begun).Seconds())
}

// calms waits until no alarm is raised.
func (s *scene) calms() {
	s.t.Helper()
	begun := time.Now()
	s.until("the end of alarms", func() error {
		if raised := s.raised(); len(raised) != 0 {
			return fmt.Errorf("still raised: %q", raised)
		}
		return nil
	})
	s.t.Logf("over after %.1f s", time.Since(begun).Seconds())
}

func (s *scene) until(what string, holds func() error) {
	s.t.Helper()
	if err := wait(patience, holds); err != nil {
		s.t.Fatalf("%s: %v", what, err)
	}
}

// healthy lets time go by in health.
func (s *scene) healthy() {
	s.t.Helper()
	time.Sleep(3 * time.Second)
	s.t.Logf("meanwhile: %q", s.raised())
}

// raised returns the alarms that are raised now.
func (s *scene) raised() []string {
	return s.alarms(`ALERTS{alertstate="firing", job="` + s.job + `"}`)
}

// ends checks that none was ever raised but those that were meant.
func (s *scene) ends() {
	s.t.Helper()
	var unmeant []string
	for _, a := range s.alarms(`count_over_time(ALERTS{alertstate="firing", job="` + s.job + `"}[1h])`) {
		if !s.meant[a] {
			unmeant = append(unmeant, a)
		}
	}
	if d := cmp.Diff([]string(nil), unmeant); d != "" {
		s.t.Errorf("%s: alarms that nobody meant:\n%s", s.job, d)
	}
}

func (s *scene) alarms(query string) []string {
	samples, err := s.prometheus.query(query)
	if err != nil {
		s.t.Fatal(err)
	}
	var all []string
	for _, a := range samples {
		name := a.labels["alertname"] + " " + a.labels["severity"]
		if w := a.labels["window"]; w != "" {
			name += " " + w
		}
		all = append(all, name)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// A dial is a number that a scene turns while traffic flows.
type dial struct{ n atomic.Int64 }

func (d *dial) set(n int) { d.n.Store(int64(n)) }
func (d *dial) get() int  { return int(d.n.Load()) }
