package gateway

import (
	"errors"
	"net/http"

	"github.com/besra-ml/besra/internal/admit"
	"github.com/besra-ml/besra/internal/auth"
	"github.com/besra-ml/besra/internal/limit"
	"github.com/besra-ml/besra/internal/problem"
)

// denied answers a request that was not admitted.
func (g *Gateway) denied(v *visit, w http.ResponseWriter, err error) int {
	v.told.Reason = reason(err)
	var forbid *admit.Forbidden
	var denied *auth.Denied
	if errors.As(err, &denied) {
		v.told.Key = denied.KeyID
	}
	if errors.As(err, &forbid) {
		v.told.Key, v.told.Tenant = forbid.Identity.ID, forbid.Identity.Tenant
	}
	p := refusal(err)
	if p == nil {
		return g.failed(v, w, err)
	}
	p.Challenge = v.challenge(p, err)
	if retry := v.ticket.Quota().RetryAfter; retry > 0 {
		p.RetryAfter = limit.Seconds(retry)
	}
	return v.refuse(w, p)
}

// reason spells why a request was not admitted, as metrics do; "" for what is none of theirs.
func reason(err error) string {
	var denied *auth.Denied
	var forbid *admit.Forbidden
	switch {
	case errors.As(err, &denied):
		return denied.Reason.String()
	case errors.As(err, &forbid) && forbid.Scopes != 0:
		return "scope " + forbid.Scopes.String()
	case errors.As(err, &forbid), errors.Is(err, limit.ErrModel):
		return "model"
	case errors.Is(err, limit.ErrRate):
		return "rate"
	case errors.Is(err, limit.ErrConcurrent):
		return "concurrent"
	case errors.Is(err, limit.ErrQuota):
		return "quota"
	case errors.Is(err, limit.ErrOverload):
		return "overload"
	}
	return ""
}

// refusal turns an error of admission into a problem; nil: it is none. Strangers are told nothing of why: whether
// a key is unknown, expired or revoked, the answer is one and the same, and the log has more.
func refusal(err error) *problem.Problem {
	var denied *auth.Denied
	var forbid *admit.Forbidden
	var timeout *admit.BadTimeout
	switch {
	case errors.As(err, &denied) && denied.Reason == auth.Unready:
		return problem.NotReady.Of("", "whether the token is good cannot be told just now")
	case errors.As(err, &denied):
		p := problem.Unauthenticated.Of("", denied.Error())
		p.Challenge = denied.Challenge()
		return p
	case errors.As(err, &forbid):
		p := problem.Forbidden.Of("", forbid.Error())
		p.Challenge = `Bearer realm="besra", error="insufficient_scope"`
		return p
	case errors.As(err, &timeout):
		return problem.BadRequest.Of(limit.TimeoutHeader, timeout.Error())
	case errors.Is(err, limit.ErrRate), errors.Is(err, limit.ErrConcurrent), errors.Is(err, limit.ErrModel):
		p := problem.RateLimited.Of("", err.Error())
		p.RetryAfter = 1
		return p
	case errors.Is(err, limit.ErrQuota):
		p := problem.QuotaExceeded.Of("", err.Error())
		p.RetryAfter = 1
		return p
	case errors.Is(err, limit.ErrOverload):
		return problem.Overloaded.Of("", err.Error())
	}
	return nil
}
