//go:build unix

package monitoring

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

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
	p := s.serve(command, model, flags...)
	s.prometheus.scrapes(target{s.job, p.URL()})
	return p
}

// serve starts a process that Prometheus does not know of.
func (s *scene) serve(command []string, model string, flags ...string) *besratest.Process {
	s.t.Helper()
	p := s.run(command, append([]string{
		model, "--listen", "127.0.0.1:0", "--limits-deadline", "10s", "--limits-concurrency", "off", "--slo-latency", "1s",
	}, flags...)...)
	p.Ready()
	// Rules know that a journal is not up while a process starts; but not that time goes by so fast.
	p.Until("its journal is up", func() bool { return strings.Contains(string(p.Get("/metrics").Body), "\nbesra_journal_up 1\n") })
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

// calms waits until no alarm is raised, for a while.
func (s *scene) calms() {
	s.t.Helper()
	begun := time.Now()
	last := begun
	s.until("the end of alarms", func() error {
		if raised := s.raised(); len(raised) != 0 {
			last = time.Now()
			return fmt.Errorf("still raised: %q", raised)
		}
		if time.Since(last) < 10*tick {
			return errors.New("it is not sure")
		}
		return nil
	})
	s.t.Logf("over after %.1f s", last.Sub(begun).Seconds())
}

func (s *scene) until(what string, holds func() error) {
	s.t.Helper()
	if err := wait(patience, holds); err != nil {
		s.t.Fatalf("%s: %v", what, err)
	}
}

// healthy lets time go by in health, which raises no alarm.
func (s *scene) healthy() {
	s.t.Helper()
	time.Sleep(3 * time.Second)
	s.onlyMeant()
}

// recorded waits until so many ticks of health are on record: an alarm that compares with the day before has to have one, and
// where other tests keep all processors busy, seconds can go by without.
func (s *scene) recorded(series string, ticks int) {
	s.t.Helper()
	s.until("health is on record", func() error {
		return s.prometheus.has(fmt.Sprintf(`count_over_time(%s{job=%q}[1h]) >= %d`, series, s.job, ticks))
	})
}

// onlyMeant checks that no alarm was ever raised but those that were meant.
func (s *scene) onlyMeant() {
	s.t.Helper()
	samples, err := s.prometheus.query(`count_over_time(ALERTS{alertstate="firing", job="` + s.job + `"}[1h])`)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, a := range samples {
		switch name := alarm(a); {
		case s.meant[name]:
		case strings.Contains(name, "Down") && !strings.Contains(name, "Store") && a.value < 20:
			// Where other tests keep all processors busy, a scrape may take longer than a tick, and a process look down.
			s.t.Logf("%s was raised for %v ticks", name, a.value)
		default:
			s.t.Errorf("nobody meant %s, which was raised for %v ticks", name, a.value)
		}
	}
}

// raised returns the alarms that are raised now.
func (s *scene) raised() (all []string) {
	samples, err := s.prometheus.query(`ALERTS{alertstate="firing", job="` + s.job + `"}`)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, a := range samples {
		all = append(all, alarm(a))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// alarm names an alarm by what it says: BesraAvailabilityBurn page 1h.
func alarm(a sample) string {
	return strings.TrimSpace(a.labels["alertname"] + " " + a.labels["severity"] + " " + a.labels["window"])
}

// A dial is a number that a scene turns while traffic flows.
type dial struct{ n atomic.Int64 }

func (d *dial) set(n int) { d.n.Store(int64(n)) }
func (d *dial) get() int  { return int(d.n.Load()) }
