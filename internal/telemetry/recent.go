package telemetry

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Recent remembers what operators look at when something is wrong: the slowest requests, the problems, and who asks.
// All of it is bounded, and most requests take no lock.
type Recent struct {
	now   func() time.Time
	bar   atomic.Int64 // how slow a request must be to be among the slowest, in ns
	stale atomic.Int64 // when the first of them will have been slow long ago, ns since 1970
	mu    sync.Mutex
	slow  []Slow
	codes map[problemKey]*ProblemCount

	clients atomic.Pointer[map[string]*client] // replaced, never written
}

const (
	slowKept    = 20
	slowFor     = 15 * time.Minute
	clientsKept = 100 // those that come later count together
	problemsFor = time.Hour
)

// OtherClients is who asks beyond those that are told apart.
const OtherClients = "other"

// A Slow is one of the slowest requests.
type Slow struct {
	At time.Time
	Request
}

type problemKey struct{ route, code string }

// A ProblemCount tells how often a route has answered with a problem, since it last went without for an hour.
type ProblemCount struct {
	Route, Code string
	Count       uint64
	Last        time.Time
	Request     string // the id of the last one
}

type client struct{ requests, denied, failed atomic.Uint64 }

// A ClientCount tells what one client asked, since the start.
type ClientCount struct {
	Key                      string
	Requests, Denied, Failed uint64 // Denied: 4xx; Failed: 5xx
}

// NewRecent returns an empty Recent.
func NewRecent(now func() time.Time) *Recent {
	r := &Recent{now: now, codes: map[problemKey]*ProblemCount{}}
	r.clients.Store(&map[string]*client{})
	return r
}

// Told remembers what is worth it.
func (r *Recent) Told(q *Request) {
	if q.Key != "" {
		c := r.client(q.Key)
		c.requests.Add(1)
		switch {
		case q.Status >= 500:
			c.failed.Add(1)
		case q.Status >= 400:
			c.denied.Add(1)
		}
	}
	if q.Problem != "" {
		r.problem(q)
	}
	if q.Model != "" && (int64(q.Took) > r.bar.Load() || q.Times.Begun.UnixNano() > r.stale.Load()) {
		r.slower(q)
	}
}

func (r *Recent) client(key string) *client {
	all := *r.clients.Load()
	if c, ok := all[key]; ok {
		return c
	}
	if c, ok := all[OtherClients]; ok && len(all) > clientsKept {
		return c
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	known := *r.clients.Load()
	if _, ok := known[key]; !ok && len(known) >= clientsKept {
		key = OtherClients
	}
	if c, ok := known[key]; ok {
		return c
	}
	more := make(map[string]*client, len(known)+1)
	for k, c := range known {
		more[k] = c
	}
	more[key] = new(client)
	r.clients.Store(&more)
	return more[key]
}

func (r *Recent) problem(q *Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	k := problemKey{q.Route, q.Problem} // routes and codes are closed sets
	p := r.codes[k]
	if p == nil {
		p = &ProblemCount{Route: q.Route, Code: q.Problem}
		r.codes[k] = p
	}
	now := r.now()
	if now.Sub(p.Last) > problemsFor {
		p.Count = 0
	}
	p.Count++
	p.Last, p.Request = now, q.ID
}

func (r *Recent) slower(q *Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	r.forget(now)
	i, _ := slices.BinarySearchFunc(r.slow, q.Took, func(s Slow, d time.Duration) int { return cmp.Compare(d, s.Took) })
	if i >= slowKept {
		return
	}
	if len(r.slow) == slowKept {
		r.slow = r.slow[:slowKept-1]
	}
	kept := q.Clone()
	kept.Cause, kept.Entities, kept.Trace.State = nil, nil, "" // which nobody looks at here
	r.slow = slices.Insert(r.slow, i, Slow{now, kept})
	r.mark()
}

// mark says which requests are among the slowest from now on.
func (r *Recent) mark() {
	first := r.now()
	for i := range r.slow {
		if r.slow[i].At.Before(first) {
			first = r.slow[i].At
		}
	}
	r.stale.Store(first.Add(slowFor).UnixNano())
	r.bar.Store(0)
	if len(r.slow) == slowKept {
		r.bar.Store(int64(r.slow[slowKept-1].Took))
	}
}

// forget drops what was slow long ago.
func (r *Recent) forget(now time.Time) {
	n := len(r.slow)
	if r.slow = slices.DeleteFunc(r.slow, func(s Slow) bool { return now.Sub(s.At) > slowFor }); len(r.slow) < n {
		r.mark()
	}
}

// Slowest returns the slowest requests to models of the last quarter of an hour, the slowest first.
func (r *Recent) Slowest() []Slow {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forget(r.now())
	return slices.Clone(r.slow)
}

// Problems returns the problems of the last hour, the most frequent first.
func (r *Recent) Problems() []ProblemCount {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []ProblemCount
	for _, p := range r.codes {
		if r.now().Sub(p.Last) <= problemsFor {
			out = append(out, *p)
		}
	}
	slices.SortFunc(out, func(a, b ProblemCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Route, b.Route), cmp.Compare(a.Code, b.Code))
	})
	return out
}

// Clients returns who has asked, the busiest first.
func (r *Recent) Clients() []ClientCount {
	var out []ClientCount
	for key, c := range *r.clients.Load() {
		out = append(out, ClientCount{key, c.requests.Load(), c.denied.Load(), c.failed.Load()})
	}
	slices.SortFunc(out, func(a, b ClientCount) int {
		return cmp.Or(cmp.Compare(b.Requests, a.Requests), cmp.Compare(a.Key, b.Key))
	})
	return out
}
