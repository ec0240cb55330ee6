// Package telemetry holds what can be counted and timed, and what is told of a request. catalogue.go names every metric;
// the instruments behind them are plain atomics, and exporters read them through [Metrics.Families].
//
// Handles are bound once (a route at start, a model when it is loaded) and then updated without a map
// lookup or an allocation. No label ever comes from a request: routes and status codes are closed sets,
// model and feature names come from the operator's files and are bounded in number and length.
package telemetry

import (
	"runtime"
	"time"
)

// Metrics is everything one process measures. Its methods may be called from many goroutines.
type Metrics struct {
	InFlight *UpDown // requests being answered now
	SLOs     SLOs
	Replay   Replay
	State    State
	Store    Store
	Memo     Memo
	Mirror   Mirror
	Journal  Journal
	Labels   Labels
	Access   Access
	Traces   Traces
	Log      Log
	TLS      TLS

	stages   [StageCount]*Histogram
	problems *family[*Counter]
	loaded   *family[*Gauge]

	objectives *family[*Gauge]

	requests     *family[*Counter]
	latency      *family[*Histogram]
	rows         *family[*Counter]
	decisions    *family[*Counter]
	scores       *family[*Histogram]
	missing      *family[*Counter]
	outOfBounds  *family[*Counter]
	modelReady   *family[*Gauge]
	modelRefused *family[*Counter]
	degraded     *family[*Counter]
	forgotten    *family[*Counter]
	policies     *family[*Counter]
	performance  performance
	drift        drift

	shadowEvents, shadowChanged *family[*Counter]
	shadowShift                 *family[*Histogram]

	now      func() time.Time
	codes    codes
	families []reader
}

// Options describes the build that measures itself. Every field may be empty.
type Options struct {
	Version  string           // of besra
	Revision string           // of its source
	Now      func() time.Time // default time.Now
}

// New makes the metrics of a process, all at zero.
func New(o Options) *Metrics {
	k := newMaker(runtime.GOMAXPROCS(0))
	m := &Metrics{
		requests:     k.counters("besra_requests_total"),
		latency:      k.natives("besra_request_seconds", requestBounds()),
		rows:         k.counters("besra_rows_scored_total"),
		decisions:    k.counters("besra_decisions_total"),
		scores:       k.histograms("besra_score", scoreBounds()),
		missing:      k.counters("besra_features_missing_total"),
		outOfBounds:  k.counters("besra_features_out_of_bounds_total"),
		modelReady:   k.gauges("besra_model_ready"),
		modelRefused: k.counters("besra_model_refused_total"),
		degraded:     k.counters("besra_degraded_total"),
		forgotten:    k.counters("besra_events_not_remembered_total"),
		policies:     k.counters("besra_policy_reloads_total"),
		codes:        newCodes(), now: o.Now,
	}
	if m.now == nil {
		m.now = time.Now
	}
	m.InFlight = k.upDown("besra_requests_in_flight")
	m.problems = k.counters("besra_problems_total")
	m.loaded = k.gauges("besra_model_loaded_timestamp_seconds")
	stages := k.natives("besra_stage_seconds", stageBounds())
	for i := range m.stages {
		m.stages[i] = stages.with(Stage(i).String())
	}
	build := k.gauges("besra_build_info")
	build.with(o.Version, o.Revision, runtime.Version(), runtime.GOOS+"/"+runtime.GOARCH).Set(1)
	m.addMirror(k)
	m.addState(k)
	m.addShared(k)
	m.addMemo(k)
	m.addPerformance(k)
	m.addAccess(k)
	m.addSLOs(k)
	m.addLog(k)
	m.addTraces(k)
	m.addShadow(k)
	m.addDrift(k)
	m.families = k.families()
	m.Route(OtherRoute, NoPromise)
	return m
}

// requestBounds are dense between 0.5 and 5 ms, where a slow score is told from a quick one, and have
// 50 ms, the usual promise, as a bound.
func requestBounds() []float64 {
	return []float64{
		25e-6, 50e-6, 100e-6, 250e-6, 500e-6, 750e-6, 1e-3, 1.5e-3, 2e-3, 3e-3, 5e-3, 7.5e-3,
		10e-3, 25e-3, 50e-3, 100e-3, 250e-3, 500e-3, 1, 2.5, 5, 10,
	}
}

// stageBounds begin where a small model's score does.
func stageBounds() []float64 {
	return []float64{
		1e-6, 2.5e-6, 5e-6, 10e-6, 25e-6, 50e-6, 100e-6, 250e-6, 500e-6,
		1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 100e-3, 1, 10,
	}
}

// scoreBounds are narrow at both ends: nearly all events are genuine, so equal widths would put nearly
// all scores into one bucket.
func scoreBounds() []float64 {
	return []float64{
		.001, .002, .005, .01, .02, .05, .1, .2, .3, .4, .5, .6, .7, .8, .9, .95, .98, .99, .995, 1,
	}
}

// Stages times the stages of a request that has been answered.
func (m *Metrics) Stages(t *Times) {
	if Muted {
		return
	}
	for i := range t.Laps {
		if lap := &t.Laps[i]; lap.Times > 0 {
			m.stages[i].ObserveDuration(lap.Busy)
		}
	}
}

// Problem returns the counter of a problem's code, which stands at zero from then on. Codes are a closed set.
func (m *Metrics) Problem(code string) *Counter { return m.problems.with(code) }

// OtherRoute is the route of every request whose path is not served.
const OtherRoute = "other"

// A Route counts and times the answers of one route.
type Route struct {
	Name     string
	seconds  *Histogram
	answered []*Counter // by codes.index
	codes    *codes
	slos     *SLOs
	promise  Promise
}

// A Promise says which SLOs a route's answers count for.
type Promise uint8

// The promises.
const (
	NoPromise Promise = iota
	PromiseAvailable
	PromiseQuick // and available
)

// Route returns the handle of a route, such as "/v1/models/{name}", whose series stand at zero from then
// on. It is for the doors to call once for each route they serve, never with a path that a client sent.
func (m *Metrics) Route(pattern string, p Promise) *Route {
	keys := make([]key, len(m.codes.labels))
	for i, code := range m.codes.labels {
		keys[i] = keyOf(pattern, code)
	}
	return &Route{
		Name: pattern, seconds: m.latency.with(pattern), answered: m.requests.withAll(keys), codes: &m.codes, slos: &m.SLOs, promise: p,
	}
}

// Answered records one answer with its HTTP status, how many items of a batch failed on our side, and the time it took.
func (r *Route) Answered(status, failures int, took time.Duration) {
	r.answered[r.codes.index(status)].Inc()
	r.seconds.ObserveDuration(took)
	if r.promise >= PromiseAvailable {
		r.slos.Availability.Count(status < 500 && failures == 0)
	}
	if r.promise == PromiseQuick && status < 300 {
		r.slos.Latency.Count(took <= r.slos.Within)
	}
}

// A Model counts what one version of a model does.
type Model struct {
	Rows  *Counter
	Score *Histogram
	Ready *Gauge // 1 or 0

	Approve, Review, Decline *Counter

	Degraded   *Counter
	Late, Full *Counter // events that did not enter history; versions of a model share them

	Missing, OutOfBounds []*Counter // by feature, in the model's order; versions of a model share them
}

// Model returns the handle of one version of a model with these features. Its series stand at zero from
// then on, and so do the refusals of the model.
func (m *Metrics) Model(name, version string, features []string) *Model {
	keys := make([]key, len(features))
	for i, feature := range features {
		keys[i] = keyOf(name, feature)
	}
	m.Refusals(name)
	m.loaded.with(name, version).Set(float64(m.now().Unix()))
	for _, age := range Ages() {
		m.Performance(name, version, age)
	}
	return &Model{
		Rows:        m.rows.with(name, version),
		Score:       m.scores.with(name, version),
		Ready:       m.modelReady.with(name, version),
		Approve:     m.decisions.with(name, version, "approve"),
		Review:      m.decisions.with(name, version, "review"),
		Decline:     m.decisions.with(name, version, "decline"),
		Degraded:    m.degraded.with(name, version),
		Late:        m.forgotten.with(name, "late"),
		Full:        m.forgotten.with(name, "full"),
		Missing:     m.missing.withAll(keys),
		OutOfBounds: m.outOfBounds.withAll(keys),
	}
}

// Forget drops the series of one version that will not come back, so that a long life of new versions
// does not pile them up. Handles that are still held stay usable, unseen.
func (m *Metrics) Forget(name, version string) {
	m.rows.drop(name, version)
	m.scores.drop(name, version)
	m.modelReady.drop(name, version)
	m.loaded.drop(name, version)
	m.degraded.drop(name, version)
	m.performance.drop(name, version)
	m.drift.drop(name, version)
	for _, decision := range []string{"approve", "review", "decline"} {
		m.decisions.drop(name, version, decision)
	}
}

// PolicyReloads returns the counters of a policy's changes: those that were taken and those that were refused.
func (m *Metrics) PolicyReloads() (taken, refused *Counter) {
	return m.policies.with("taken"), m.policies.with("refused")
}

// Refusals counts, by reason, the versions of a model that were not accepted.
type Refusals struct {
	Unreadable   *Counter // a file cannot be read, or is not what it says
	Incomplete   *Counter // a file is not there, or its digest differs
	Inconsistent *Counter // manifest, model and policy contradict one another
	Unproven     *Counter // the golden rows were not reproduced
	NeedsChoice  *Counter // it needs event fields that the live version does not
	Other        *Counter
}

// Refusals returns the handle of a model's refusals, whose series stand at zero from then on.
func (m *Metrics) Refusals(model string) Refusals {
	refused := func(reason string) *Counter { return m.modelRefused.with(model, reason) }
	return Refusals{
		Unreadable:   refused("unreadable"),
		Incomplete:   refused("incomplete"),
		Inconsistent: refused("inconsistent"),
		Unproven:     refused("unproven"),
		NeedsChoice:  refused("needs-choice"),
		Other:        refused("other"),
	}
}
