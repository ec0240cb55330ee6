package lambdasim

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/besra-ml/besra/internal/tools/scaling"
)

// A Function is a version of a function and its environments. Its methods may be called from many goroutines; whoever
// makes one closes it.
type Function struct {
	options Options
	epoch   time.Time

	ctx  context.Context // ends with Close
	stop context.CancelFunc
	all  sync.WaitGroup // what runs

	mu           sync.Mutex
	closed       bool
	pool         *scaling.Pool
	environments map[int]*environment
	throttled    map[scaling.Throttle]int
	started      map[scaling.Kind]int
	most         int // environments at once
}

// New returns a function of no environments yet. Start makes those that are provisioned.
func New(o Options) (*Function, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	pool, err := scaling.New(o.Limits)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	f := &Function{
		options: o, epoch: time.Now(), ctx: ctx, stop: stop, pool: pool,
		environments: map[int]*environment{},
		throttled:    map[scaling.Throttle]int{}, started: map[scaling.Kind]int{},
	}
	if o.Limits.Idle > 0 {
		f.all.Go(f.reap)
	}
	return f, nil
}

// Start makes the provisioned environments and returns when they are ready. It is called before any request.
func (f *Function) Start(ctx context.Context) error {
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		return ErrClosed
	}
	f.all.Add(1)
	f.mu.Unlock()
	var starting sync.WaitGroup
	failed := make([]error, f.options.Limits.Provisioned)
	for i := range failed {
		starting.Go(func() {
			if fault := f.provide(i); fault != nil {
				failed[i] = fmt.Errorf("provisioned environment %d: %s: %s", i, fault.kind, fault.text)
			}
		})
	}
	ready := make(chan struct{})
	go func() {
		defer f.all.Done()
		starting.Wait()
		close(ready)
	}()
	select {
	case <-ready:
		return errors.Join(failed...)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// provide starts provisioned environment i.
func (f *Function) provide(i int) *failure {
	e, err := newEnvironment(f, i, true)
	if err != nil {
		return &failure{kind: "Environment", text: err.Error()}
	}
	f.keep(e)
	if fault := e.initialise(f.ctx, "init", f.options.initLimit(true)); fault != nil {
		f.drop(e)
		return fault
	}
	e.rest()
	return nil
}

// replace starts a provisioned environment again, after longer and longer when that fails.
func (f *Function) replace(i int) {
	for wait := time.Duration(0); sleep(f.ctx, wait); wait = min(max(2*wait, time.Second), time.Minute) {
		if f.provide(i) == nil {
			f.mu.Lock()
			f.pool.Ready(f.now(), i)
			f.mu.Unlock()
			return
		}
	}
}

func (f *Function) keep(e *environment) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.environments[e.number] = e
	f.most = max(f.most, len(f.environments))
}

// drop ends e, which nobody uses.
func (f *Function) drop(e *environment) {
	_ = e.end() // a file that stays in a temporary directory is for the system to clean
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.environments[e.number] == e {
		delete(f.environments, e.number)
	}
}

// now is the time of the pool. The lock is held, so that it never goes back.
func (f *Function) now() time.Duration { return time.Since(f.epoch) }

// Invoke runs the function, as Lambda does with a RequestResponse. The error is a [scaling.Throttle], [ErrRequestTooLarge],
// [ErrNotJSON], [ErrClosed], or that of ctx: who does not wait for the answer does not end the invocation.
func (f *Function) Invoke(ctx context.Context, in Invocation) (Answer, error) {
	if len(in.Payload) > MaxPayload {
		return Answer{}, ErrRequestTooLarge
	}
	if len(in.Payload) == 0 {
		in.Payload = []byte("{}")
	}
	if !jsontext.Value(in.Payload).IsValid(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)) {
		return Answer{}, ErrNotJSON
	}
	e, kind, err := f.take()
	if err != nil {
		return Answer{}, err
	}
	answer := make(chan *Answer, 1)
	go func() {
		defer f.all.Done()
		v := e.visit(&in, kind, func(a *Answer) { answer <- a })
		last := f.give(e, v.serve(f.ctx))
		v.tell() // now, so that who asks next finds the environment idle
		if last {
			f.drop(e)
			if e.provisioned {
				f.replace(e.number)
			}
		}
	}()
	select {
	case a := <-answer:
		return *a, nil
	case <-ctx.Done():
		return Answer{}, ctx.Err()
	}
}
