package gateway

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/besra-ml/besra/internal/admit"
	"github.com/besra-ml/besra/internal/auth"
	"github.com/besra-ml/besra/internal/limit"
)

// denied answers a request that was not admitted.
func (g *Gateway) denied(v *visit, w http.ResponseWriter, r *http.Request, err error) int {
	p := g.refusal(r.Context(), err)
	if p == nil {
		return g.failed(w, r, err)
	}
	if retry := v.ticket.Quota().RetryAfter; retry > 0 {
		p.retry = retry
	}
	return g.refuse(w, p)
}

// refusal turns an error of admission into a problem; nil: it is none. Strangers are told nothing of why: whether
// a key is unknown, expired or revoked, the answer is one and the same, and the log has more.
func (g *Gateway) refusal(ctx context.Context, err error) *Problem {
	var denied *auth.Denied
	var forbid *admit.Forbidden
	var timeout *admit.BadTimeout
	switch {
	case errors.As(err, &denied) && denied.Reason == auth.Unready:
		return notReady.of("", "whether the token is good cannot be told just now")
	case errors.As(err, &denied):
		p := unauthenticated.of("", denied.Error())
		p.challenge = denied.Challenge()
		return p
	case errors.As(err, &forbid):
		g.tellForbidden(ctx, forbid)
		p := forbidden.of("", forbid.Error())
		p.challenge = `Bearer realm="besra", error="insufficient_scope"`
		return p
	case errors.As(err, &timeout):
		return badRequest.of(limit.TimeoutHeader, timeout.Error())
	case errors.Is(err, limit.ErrRate), errors.Is(err, limit.ErrConcurrent), errors.Is(err, limit.ErrModel):
		p := rateLimited.of("", err.Error())
		p.retry = time.Second
		return p
	case errors.Is(err, limit.ErrOverload):
		return overloaded.of("", err.Error())
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
