package gateway

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/besra-ml/besra/internal/registry"
)

const recovering = "what besra remembers is still being read from the disk"

// score answers POST /v1/score: one event, one result.
func (g *Gateway) score(w http.ResponseWriter, r *http.Request) int {
	if g.Recovering() {
		return g.refuse(w, notReady.of("", recovering))
	}
	c := g.calls.Get().(*call)
	defer g.release(c)
	var p *Problem
	if c.body, p = readBody(w, r, c.body, g.MaxBody); p != nil {
		return g.refuse(w, p)
	}
	begun := time.Now()
	if p := g.read(c); p != nil {
		return g.refuse(w, p)
	}
	if c.void[0] != nil && !c.scored.Events[0].Guarded {
		return g.refuse(w, c.void[0])
	}
	if err := g.evaluate(r.Context(), c, begun); err != nil {
		return g.failed(w, r, err)
	}
	g.problems(r.Context(), c, w.Header().Get("X-Request-Id"))
	if c.void[0] != nil {
		return g.refuse(w, c.void[0])
	}
	if c.scored.Events[0].Replayed {
		markReplayed(w)
	}
	c.out = appendSingle(c.out[:0], &c.scored)
	return g.answer(w, c)
}

// scoreBatch answers POST /v1/score/batch: many events of one model, a result or an error for each.
func (g *Gateway) scoreBatch(w http.ResponseWriter, r *http.Request) int {
	if g.Recovering() {
		return g.refuse(w, notReady.of("", recovering))
	}
	c := g.calls.Get().(*call)
	defer g.release(c)
	var p *Problem
	if c.body, p = readBody(w, r, c.body, g.MaxBatchBody); p != nil {
		return g.refuse(w, p)
	}
	begun := time.Now()
	if p := c.readBatch(g.MaxBatch); p != nil {
		return g.refuse(w, p)
	}
	if p := g.decode(c); p != nil {
		return g.refuse(w, p)
	}
	if err := g.evaluate(r.Context(), c, begun); err != nil {
		return g.failed(w, r, err)
	}
	g.problems(r.Context(), c, w.Header().Get("X-Request-Id"))
	c.out = appendBatch(c.out[:0], &c.scored, c.void)
	return g.answer(w, c)
}

// resolve finds the live model that a call is for, and checks that one of its outputs is the score.
func (g *Gateway) resolve(c *call) (m *registry.Model, p *Problem) {
	if c.named {
		m, p = g.find(c.model)
	} else if m = g.Registry.Only(); m == nil {
		p = badRequest.of("model", "several models are served; name one of "+strings.Join(g.Registry.Names(), ", "))
	}
	if p == nil && m.Output < 0 {
		return nil, noOutput.of("model", m.OutputChoice())
	}
	return m, p
}

// find finds the live model of that name.
func (g *Gateway) find(name []byte) (*registry.Model, *Problem) {
	m, err := g.Registry.Resolve(name)
	switch {
	case errors.Is(err, registry.ErrNoVersion):
		return nil, noSuchVersion.of("model", err.Error())
	case err != nil:
		return nil, noSuchModel.of("model", err.Error())
	}
	return m, nil
}

// failed logs why nothing could be scored, which the client need not know.
func (g *Gateway) failed(w http.ResponseWriter, r *http.Request, err error) int {
	return g.refuse(w, g.problem(r.Context(), err, w.Header().Get("X-Request-Id")))
}
