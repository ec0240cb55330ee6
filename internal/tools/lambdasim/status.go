package lambdasim

import (
	"maps"
	"slices"
	"time"

	"github.com/besra-ml/besra/internal/tools/scaling"
)

// Status is a function at a moment.
type Status struct {
	Name, Version, ARN string
	Memory             int // MB
	Timeout            time.Duration
	Limits             scaling.Limits

	Environments []EnvironmentStatus
	Most         int // environments at once
	InFlight     int // requests
	Claims       int // what counts against the concurrency

	Started   map[scaling.Kind]int     // requests, by what they got
	Throttled map[scaling.Throttle]int // requests, by why
}

// EnvironmentStatus is an environment at a moment.
type EnvironmentStatus struct {
	Number      int
	Provisioned bool
	State       string // initialising, busy, idle or ended
	Frozen      bool
	PID         int // 0: no process
	Made        time.Time
	Idle        time.Duration // 0: it is not
	Init        time.Duration
	Served      int
	Memory      int64 // bytes, at most
	Stream      string
}

// Status returns how the function is.
func (f *Function) Status() Status {
	f.mu.Lock()
	defer f.mu.Unlock()
	o, counts := &f.options, f.pool.Counts()
	s := Status{
		Name: o.Name, Version: o.Version, ARN: o.arn(), Memory: o.Memory, Timeout: o.Timeout, Limits: o.Limits,
		Most: f.most, InFlight: counts.InFlight, Claims: counts.Claims,
		Started: maps.Clone(f.started), Throttled: maps.Clone(f.throttled),
	}
	for _, number := range slices.Sorted(maps.Keys(f.environments)) {
		s.Environments = append(s.Environments, f.environments[number].status())
	}
	return s
}

func (e *environment) status() EnvironmentStatus {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := EnvironmentStatus{
		Number: e.number, Provisioned: e.provisioned, State: e.state, Frozen: e.frozen, PID: e.pid, Made: e.made, Init: e.took,
		Served: e.served, Memory: e.used, Stream: e.stream,
	}
	if e.state == "idle" {
		s.Idle = time.Since(e.since)
	}
	return s
}

// Options returns what the function was made of, with defaults.
func (f *Function) Options() Options { return f.options }
