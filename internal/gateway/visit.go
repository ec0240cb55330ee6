package gateway

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/besra-ml/besra/internal/admit"
	"github.com/besra-ml/besra/internal/identity"
	"github.com/besra-ml/besra/internal/limit"
	"github.com/besra-ml/besra/internal/problem"
	"github.com/besra-ml/besra/internal/telemetry"
)

// A visit is one request: who asks, until when an answer is worth giving, and what is told of it. It is reused by later
// ones.
type visit struct {
	call   admit.Call
	ticket admit.Ticket // of who was admitted
	until  until
	line   telemetry.Timeline
	told   telemetry.Request

	streamed time.Duration // that it took to watch, which is nobody's wait
}

// identity returns who asks; nil where anybody may.
func (v *visit) identity() *identity.Identity { return v.ticket.Identity }

// enter begins a visit.
func (g *Gateway) enter(route *telemetry.Route, w http.ResponseWriter, r *http.Request) *visit {
	v := g.visits.Get().(*visit)
	v.line.Start(time.Now())
	g.Metrics.InFlight.Inc()
	v.told = telemetry.Request{
		ID: setRequestID(w, r), Route: route.Name, Method: known(r.Method), Status: http.StatusInternalServerError,
		Trace: g.traceOf(r.Header), Times: &v.line.Times,
	}
	return v
}

// leave ends a visit, and tells of it.
func (g *Gateway) leave(v *visit, route *telemetry.Route) {
	ended := time.Now()
	if id := v.ticket.Identity; id != nil {
		v.told.Key, v.told.Tenant = id.ID, id.Tenant
	}
	v.ticket.Release(ended)
	v.until.end()
	v.told.Took = ended.Sub(v.line.Begun) - v.streamed
	g.Metrics.InFlight.Dec()
	route.Answered(v.told.Status, v.told.Failures, v.told.Took)
	if c := v.told.Problem; c != "" {
		g.problems[c].Inc()
	}
	g.Metrics.Stages(&v.line.Times)
	for _, t := range g.Tell {
		t.Told(&v.told)
	}
	v.call, v.ticket, v.until, v.told, v.streamed = admit.Call{}, admit.Ticket{}, until{}, telemetry.Request{}, 0
	g.visits.Put(v)
}

// refuse answers with a problem, and returns its status.
func (v *visit) refuse(w http.ResponseWriter, p *problem.Problem) int {
	v.told.Problem = p.Code.Name
	return p.Write(w)
}

// blame notes why something failed, the first time.
func (v *visit) blame(err error) {
	if v.told.Cause == nil {
		v.told.Cause = err
	}
}

// known returns a method's name, if it is one that is served anywhere.
func known(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost:
		return method
	}
	return "other"
}

// traceOf returns the trace that a client says it keeps.
func (g *Gateway) traceOf(h http.Header) telemetry.Trace {
	if g.XRay {
		if t := xrayOf(h); !t.None() {
			return t
		}
	}
	if parent := h["Traceparent"]; len(parent) == 1 {
		if t := telemetry.ReadTraceparent(parent[0]); !t.None() {
			t.State = strings.Join(h["Tracestate"], ",")
			return t
		}
	}
	return xrayOf(h)
}

func xrayOf(h http.Header) telemetry.Trace {
	if header := h["X-Amzn-Trace-Id"]; len(header) == 1 {
		return telemetry.ReadXRay(header[0])
	}
	return telemetry.Trace{}
}

// admitted asks whether a request may proceed. Whoever may not is answered, with the status that is returned;
// 0: it may.
func (g *Gateway) admitted(v *visit, w http.ResponseWriter, r *http.Request, a access) int {
	c := &v.call
	c.Credentials.Header, c.Credentials.Host, c.Credentials.Query = r.Header, r.Host, r.URL.RawQuery
	c.Credentials.Certificate, c.Credentials.Barred = g.Certificate(r)
	c.Credentials.Address = g.Address(r)
	c.Credentials.Platform = identity.FromContext(r.Context())
	c.Needs, c.Limited = a.needs, a.limited
	c.Long = a.long && longBody(r)
	c.Most, c.Now = 0, v.line.Begun
	if a.deadline != nil {
		c.Most = *a.deadline
	}
	if timeout := r.Header["X-Request-Timeout-Ms"]; a.limited && len(timeout) > 0 {
		c.Timeout = strings.Join(timeout, ", ") // several are none
	}
	err := g.Admission.Admit(r.Context(), c, &v.ticket)
	*c = admit.Call{}
	if q := v.ticket.Quota(); q.Told() {
		tellQuota(w.Header(), q)
	}
	if err == nil {
		return 0
	}
	return g.denied(v, w, err)
}

// shortBody is up to what length there is little to do for a body, even if it is a batch, in bytes: a thousand events,
// a few milliseconds.
const shortBody = 256 << 10

// longBody reports whether there may be much to do for a body: it is long, or nobody knows how long it will be.
func longBody(r *http.Request) bool {
	return r.ContentLength < 0 || r.ContentLength > shortBody || len(r.Header["Content-Encoding"]) > 0
}

// tellQuota says how the client's rate stands: draft-ietf-httpapi-ratelimit-headers.
func tellQuota(h http.Header, q limit.Quota) {
	var buf [96]byte
	policy := q.AppendPolicy(buf[:0])
	text := string(q.AppendRateLimit(policy))
	both := []string{text[:len(policy)], text[len(policy):]}
	h["Ratelimit-Policy"], h["Ratelimit"] = both[:1:1], both[1:]
}

// until is a request's context with its deadline. The clock starts when somebody waits for its end: most answer
// without waiting, and a timer for each would cost more than they do.
type until struct {
	context.Context
	line     *telemetry.Timeline
	deadline time.Time // zero: none
	timed    context.Context
	cancel   context.CancelFunc
}

// context returns the context of v's work. It is good until v is left.
func (v *visit) context(r *http.Request) context.Context {
	v.until.end()
	v.until = until{Context: r.Context(), line: &v.line, deadline: v.ticket.Deadline}
	return &v.until
}

func (u *until) Value(key any) any {
	if _, ok := key.(telemetry.TimelineKey); ok {
		return u.line
	}
	return u.Context.Value(key)
}

func (u *until) Deadline() (time.Time, bool) {
	if u.deadline.IsZero() {
		return u.Context.Deadline()
	}
	return u.deadline, true
}

func (u *until) Done() <-chan struct{} {
	if u.deadline.IsZero() {
		return u.Context.Done()
	}
	if u.timed == nil {
		u.timed, u.cancel = context.WithDeadline(u.Context, u.deadline)
	}
	return u.timed.Done()
}

func (u *until) Err() error {
	if u.timed != nil {
		return u.timed.Err()
	}
	if err := u.Context.Err(); err != nil {
		return err
	}
	if !u.deadline.IsZero() && !time.Now().Before(u.deadline) {
		return context.DeadlineExceeded
	}
	return nil
}

func (u *until) end() {
	if u.cancel != nil {
		u.cancel()
	}
}
