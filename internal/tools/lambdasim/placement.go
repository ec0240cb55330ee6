package lambdasim

import (
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/besra-ml/besra/internal/tools/scaling"
)

// take finds an environment for a request, or says why there is none. Whoever gets one calls f.all.Done at the end.
func (f *Function) take() (*environment, scaling.Kind, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, 0, ErrClosed
	}
	if e, kind := f.spare(); e != nil {
		return f.begin(e, kind), kind, nil
	}
	number, kind, err := f.pool.Take(f.now())
	if why := scaling.Throttle(0); errors.As(err, &why) {
		f.throttled[why]++
		f.measureThrottle()
	}
	if err != nil {
		return nil, 0, err
	}
	e := f.environments[number]
	if e == nil {
		if e, err = newEnvironment(f, number, false); err != nil {
			f.pool.Lose(number)
			return nil, 0, err
		}
		f.environments[number] = e
		f.most = max(f.most, len(f.environments))
	}
	return f.begin(e, kind), kind, nil
}

// spare returns an environment that serves requests and has room for one more: the fullest.
func (f *Function) spare() (best *environment, kind scaling.Kind) {
	if f.options.Concurrency <= 1 {
		return nil, 0
	}
	for _, number := range slices.Sorted(maps.Keys(f.environments)) {
		e := f.environments[number]
		if e.open && !e.broken && e.requests > 0 && e.requests < f.options.Concurrency && (best == nil || e.requests > best.requests) {
			best = e
		}
	}
	if best != nil && best.provisioned {
		kind = scaling.Provisioned
	}
	return best, kind
}

func (f *Function) begin(e *environment, kind scaling.Kind) *environment {
	e.requests++
	f.started[kind]++
	f.all.Add(1)
	f.measureStart(kind)
	return e
}

// opened notes that INIT of e is over, so that more requests can join.
func (f *Function) opened(e *environment) {
	f.mu.Lock()
	defer f.mu.Unlock()
	e.open = true
}

// give takes e back from a request. It returns whether e is broken and nobody uses it any more: the caller ends it.
func (f *Function) give(e *environment, fit bool) (last bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	e.requests--
	if !fit && !e.broken {
		e.broken = true
		f.pool.Lose(e.number)
	}
	if e.requests > 0 {
		return false
	}
	if e.broken || f.closed {
		return e.broken
	}
	e.rest()
	f.pool.Give(f.now(), e.number)
	return false
}

// reap ends environments that were idle for too long.
func (f *Function) reap() {
	tick := time.NewTicker(min(max(f.options.Limits.Idle/20, 10*time.Millisecond), time.Second))
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-f.ctx.Done():
			return
		}
		for _, e := range f.expired() {
			f.drop(e)
		}
	}
}

func (f *Function) expired() (gone []*environment) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, number := range f.pool.Expired(f.now()) {
		if e := f.environments[number]; e != nil {
			gone = append(gone, e)
		}
	}
	return gone
}

// Close ends all environments, as Lambda does, and what they serve. It returns when nothing runs any more.
func (f *Function) Close() {
	f.mu.Lock()
	again := f.closed
	f.closed = true
	f.mu.Unlock()
	if again {
		return
	}
	f.stop()
	f.all.Wait() // who serves has let go, and ended what was broken by that
	f.mu.Lock()
	left := slices.Collect(maps.Values(f.environments))
	f.mu.Unlock()
	for _, e := range left {
		f.all.Go(func() { f.drop(e) })
	}
	f.all.Wait()
}
