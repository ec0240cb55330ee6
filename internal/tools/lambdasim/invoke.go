package lambdasim

import (
	"bytes"
	"context"
	"time"

	"github.com/besra-ml/besra/internal/tools/scaling"
)

// An Invocation is a request to a function.
type Invocation struct {
	Payload       []byte // JSON, up to [MaxPayload]
	TraceHeader   string // X-Amzn-Trace-Id of whoever asks; "": none
	ClientContext string // JSON; "": none
	Tail          bool   // the answer has the end of the log
}

// An Answer is what Lambda says of an invocation that ran.
type Answer struct {
	Payload       []byte
	FunctionError string // "": none, else Unhandled; Payload then says what happened
	RequestID     string
	Version       string
	Kind          scaling.Kind  // of the environment
	Init          time.Duration // INIT of a cold start on demand, which the caller has waited for
	Log           []byte        // its last 4 KiB, if asked for
}

const maxTail = 4 << 10

// linger is how long an answer waits at most until its environment is ready for the next request: with a network in
// between, no caller of Lambda would be quicker.
const linger = 100 * time.Millisecond

// A visit is an invocation in an environment, or in one of its slots, which is the visit's alone.
type visit struct {
	*environment
	call   *call
	answer Answer
	report report
	fault  *failure
	told   func(*Answer) // is called once
}

// visit begins a visit. told is called with the answer.
func (e *environment) visit(in *Invocation, kind scaling.Kind, told func(*Answer)) *visit {
	o := &e.function.options
	v := &visit{environment: e, call: newCall(NewID(), in), told: told}
	v.call.trace, v.call.arn = traceHeader(in.TraceHeader, o.Traced), o.arn()
	v.answer = Answer{RequestID: v.call.id, Version: o.Version, Kind: kind}
	v.report = report{id: v.call.id, status: "success", memory: o.Memory, trace: sampledRoot(v.call.trace)}
	return v
}

// serve runs it, and returns whether the environment is fit for more. The caller may have been told already.
func (v *visit) serve(ctx context.Context) (fit bool) {
	e, o := v.environment, &v.function.options
	v.listen(v.call.invocation.Tail)
	if e.sandbox == nil && sleep(ctx, o.Placement) && e.initialise(ctx, "init", o.initLimit(false)) == nil {
		v.answer.Init, v.report.init = e.took, e.took
	}
	e.set("busy")
	e.thaw()
	late := time.NewTimer(o.Timeout)
	defer late.Stop()
	begun := time.Now()
	v.call.deadline = begun.Add(o.Timeout)
	e.platform().start(v.call.id, o.Version)

	if v.enter(ctx, late.C) {
		fit = v.run(ctx, late.C)
	}
	v.report.duration = time.Since(begun)
	v.end()
	return fit
}

// enter hands the call to the function. Where INIT has failed, or the process has ended by itself after its last answer,
// Lambda tries INIT again, in the time of the invocation.
func (v *visit) enter(ctx context.Context, late <-chan time.Time) bool {
	e, o := v.environment, &v.function.options
	if s := e.sandbox; s != nil {
		e.function.opened(e)
		if s.enter(ctx, v.call, late) {
			return true
		}
		if !s.ended() || s.slots > 1 {
			v.fault = v.why(ctx)
			return false
		}
		s.stop()
		e.sandbox = nil
	}
	if v.fault = e.initialise(ctx, "invoke", o.Timeout); v.fault != nil {
		return false
	}
	e.function.opened(e)
	if !e.sandbox.enter(ctx, v.call, late) {
		v.fault = v.why(ctx)
		return false
	}
	return true
}

// listen has the log of the visit kept, if the caller wants it.
func (v *visit) listen(tail bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.tail = nil; tail {
		v.tail = &bytes.Buffer{}
	}
}

// run waits until a call that has been handed over is over.
func (v *visit) run(ctx context.Context, late <-chan time.Time) (fit bool) {
	s, c := v.sandbox, v.call
	select {
	case <-c.answered:
	case <-s.process.exited:
	case <-late:
	case <-ctx.Done():
	}
	if !s.settled(c) {
		v.fault = v.why(ctx)
		return v.fault.kind == timedOut && s.slots > 1
	}
	v.fault = c.failure
	soon := time.NewTimer(linger)
	defer soon.Stop()
	for {
		select {
		case <-c.over:
			return true
		case <-soon.C:
			v.tell()
		case <-s.process.exited:
			return false
		case <-late:
			return false
		case <-ctx.Done():
			return false
		}
	}
}

// why tells why a function has not answered.
func (v *visit) why(ctx context.Context) *failure {
	select {
	case <-v.sandbox.process.exited:
		return crashed(v.sandbox.process)
	default:
	}
	if ctx.Err() != nil {
		return &failure{kind: exitError, text: ErrClosed.Error()}
	}
	return outOfTime(v.function.options.Timeout)
}

// end writes the last lines of the visit.
func (v *visit) end() {
	log, f := v.platform(), v.fault
	if s := v.sandbox; s != nil {
		s.process.drain()
		v.mu.Lock()
		v.used = max(v.used, s.process.memory())
		v.report.used = v.used
		v.mu.Unlock()
	}
	if f != nil {
		v.report.status, v.report.errorType = "error", f.kind
		if f.kind == timedOut {
			v.report.status = "timeout"
		}
		if f.kind == timedOut || f.kind == exitError {
			log.failed(v.call.id, f)
		}
	}
	log.end(v.report)
	v.mu.Lock()
	v.served++
	v.mu.Unlock()
	v.function.measure(v.report, v.answer.Kind)
}

// tell hands the answer to the caller, the first time.
func (v *visit) tell() {
	if v.told == nil {
		return
	}
	v.answer.Payload = v.call.payload
	if f := v.fault; f != nil {
		v.answer.Payload, v.answer.FunctionError = f.document(v.call.id), "Unhandled"
	}
	v.mu.Lock()
	if v.tail != nil {
		v.answer.Log = bytes.Clone(v.tail.Bytes()[max(0, v.tail.Len()-maxTail):])
	}
	v.mu.Unlock()
	v.told(&v.answer)
	v.told = nil
}

// sleep waits, and reports whether ctx still holds.
func sleep(ctx context.Context, d time.Duration) bool {
	if d > 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
		}
	}
	return ctx.Err() == nil
}
