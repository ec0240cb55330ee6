// Package admit answers one question for every door: may this call proceed? It finds out who asks, whether they may,
// whether that is within what was agreed and what can be done, and until when an answer is worth giving.
//
// HTTP, gRPC and Lambda are thin skins over [Admission.Admit]; none of them judges by itself.
package admit

import (
	"context"
	"math"
	"time"

	"github.com/besra-ml/besra/internal/auth"
	"github.com/besra-ml/besra/internal/identity"
	"github.com/besra-ml/besra/internal/limit"
	"github.com/besra-ml/besra/internal/telemetry"
)

// A Call is what a door knows about a request before it has read its body.
type Call struct {
	Credentials auth.Credentials
	Needs       identity.Scopes // without all of these the call is forbidden; 0: whoever is known may
	Limited     bool            // it takes part in limits, and can be shed
	Long        bool            // there may be much to do: after its body is read it waits for its Turn
	Timeout     string          // what X-Request-Timeout-Ms says; "": nothing
	Most        time.Duration   // for the answer; 0: as long as it takes, unless Timeout says
	Now         time.Time       // when it came
}

// A Ticket is the right to proceed. Its holder must Release it, once; a zero Ticket holds nothing.
type Ticket struct {
	Identity *identity.Identity
	Deadline time.Time // zero: none

	permit limit.Permit
}

// Quota is how the rate of whoever asks stands; also after Admit has refused the call.
func (t *Ticket) Quota() limit.Quota { return t.permit.Quota }

// An Admission lets calls in. Its methods may be called from many goroutines.
type Admission struct {
	auth    *auth.Authenticator
	limiter *limit.Limiter
	denied  telemetry.Denied
}

// New returns an Admission. All of it is needed.
func New(a *auth.Authenticator, l *limit.Limiter, m *telemetry.Access) *Admission {
	return &Admission{a, l, m.Denied}
}

// Forbidden refuses an identity that is known and may not.
type Forbidden struct {
	Identity *identity.Identity
	Scopes   identity.Scopes // that it would need; 0: it is about a model
}

func (e *Forbidden) Error() string {
	if e.Scopes == 0 {
		return "not for this model"
	}
	return "needs the scope " + e.Scopes.String()
}

// A BadTimeout refuses a timeout that is none.
type BadTimeout struct{ err error }

func (e *BadTimeout) Error() string { return e.err.Error() }

// Admit fills t with the right to proceed, or returns why there is none: an *auth.Denied, a *Forbidden, a
// *BadTimeout, or an error of internal/limit. Who asks is settled first: strangers are told nothing, and take no
// part in limits.
func (a *Admission) Admit(ctx context.Context, c *Call, t *Ticket) error {
	*t = Ticket{}
	id, err := a.auth.Authenticate(ctx, &c.Credentials)
	if err != nil {
		return err
	}
	if !id.Scopes.Has(c.Needs) {
		a.denied.Scope.Inc()
		return &Forbidden{id, c.Needs}
	}
	t.Identity = id
	if t.Deadline, err = deadline(c); err != nil || !c.Limited {
		return err
	}
	if c.Long {
		t.permit, err = a.limiter.AdmitLong(id, c.Now, 1)
	} else {
		t.permit, err = a.limiter.Admit(id, c.Now, 1)
	}
	return err
}

func deadline(c *Call) (time.Time, error) {
	most := c.Most
	if most == 0 {
		if c.Timeout == "" {
			return time.Time{}, nil
		}
		most = math.MaxInt64
	}
	at, err := limit.Deadline(c.Now, c.Timeout, most)
	if err != nil {
		return time.Time{}, &BadTimeout{err}
	}
	return at, nil
}

// Sees returns a *Forbidden when the ticket's holder is bound to other models than the one of that name.
func (a *Admission) Sees(t *Ticket, model string) error {
	if t.Identity.Sees(model) {
		return nil
	}
	a.denied.Model.Inc()
	return &Forbidden{Identity: t.Identity}
}

// Model takes one of the model's places for the ticket, once the door has read which model it is about.
func (t *Ticket) Model(name string) error { return t.permit.Model(name) }

// Turn waits until it is the turn of a long call. An error says that this would take too long.
func (t *Ticket) Turn(ctx context.Context, now time.Time) error {
	return t.permit.Turn(ctx, t.Identity, now, t.Deadline)
}

// Sent tells that so much of the time the client took to send its request: the deadline moves on, and it was no work.
func (t *Ticket) Sent(took time.Duration) {
	if !t.Deadline.IsZero() {
		t.Deadline = t.Deadline.Add(took)
	}
	t.permit.Sent(took)
}

// Rest gives back what is for work, when only the answer is left to be sent.
func (t *Ticket) Rest(now time.Time) { t.permit.Rest(now) }

// Release gives back what the ticket holds, as of now.
func (t *Ticket) Release(now time.Time) { t.permit.Release(now) }
