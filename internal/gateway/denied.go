package gateway

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/besra-ml/besra/internal/admit"
	"github.com/besra-ml/besra/internal/auth"
	"github.com/besra-ml/besra/internal/limit"
	"github.com/besra-ml/besra/internal/problem"
)

// denied answers a request that was not admitted.
func (g *Gateway) denied(v *visit, w http.ResponseWriter, r *http.Request, err error) int {
	p := g.refusal(r.Context(), err)
	if p == nil {
		return g.failed(w, r, err)
	}
	p.Challenge = browserChallenge(r, p, err)
	if retry := v.ticket.Quota().RetryAfter; retry > 0 {
		p.RetryAfter = limit.Seconds(retry)
	}
	return p.Write(w)
}

// refusal turns an error of admission into a problem; nil: it is none. Strangers are told nothing of why: whether
// a key is unknown, expired or revoked, the answer is one and the same, and the log has more.
func (g *Gateway) refusal(ctx context.Context, err error) *problem.Problem {
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
		g.tellForbidden(ctx, forbid)
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

// tellForbidden logs that somebody who is known may not, at most so often.
func (g *Gateway) tellForbidden(ctx context.Context, f *admit.Forbidden) {
	if !g.forbidden.Allow() {
		return
	}
	reason := "model"
	if f.Scopes != 0 {
		reason = "scope " + f.Scopes.String()
	}
	g.Log.LogAttrs(ctx, slog.LevelWarn, "forbidden", slog.String("key", f.Identity.ID), slog.String("reason", reason))
}
