package gateway

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/besra-ml/besra/internal/admit"
	"github.com/besra-ml/besra/internal/identity"
	"github.com/besra-ml/besra/internal/limit"
)

// A visit is one admitted request: who asks, and until when an answer is worth giving. It is reused by later ones.
type visit struct {
	call   admit.Call
	ticket admit.Ticket
	until  until
}

func (v *visit) identity() *identity.Identity { return v.ticket.Identity }

// admitted asks whether a request may proceed. Whoever may not is answered, with the status that is returned;
// 0: it may.
func (g *Gateway) admitted(v *visit, w http.ResponseWriter, r *http.Request, a access, begun time.Time) int {
	c := &v.call
	c.Credentials.Header, c.Credentials.Host, c.Credentials.Query = r.Header, r.Host, r.URL.RawQuery
	c.Credentials.Certificate, c.Credentials.Barred = g.Certificate(r)
	c.Credentials.Address = g.Address(r)
	c.Credentials.Platform = identity.FromContext(r.Context())
	c.Needs, c.Limited = a.needs, a.limited
	c.Long = a.long && longBody(r)
	c.Most, c.Now = 0, begun
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
	return g.denied(v, w, r, err)
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

// leave ends a visit.
func (g *Gateway) leave(v *visit, now time.Time) {
	v.ticket.Release(now)
	v.until.end()
	*v = visit{}
	g.visits.Put(v)
}

// until is a request's context with its deadline. The clock starts when somebody waits for its end: most answer
// without waiting, and a timer for each would cost more than they do.
type until struct {
	context.Context
	deadline time.Time // zero: none
	timed    context.Context
	cancel   context.CancelFunc
}

// context returns the context of v's work. It is good until v is left.
func (v *visit) context(r *http.Request) context.Context {
	v.until.end()
	v.until = until{Context: r.Context(), deadline: v.ticket.Deadline}
	return &v.until
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
