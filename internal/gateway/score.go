package gateway

import (
	"bytes"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/besra-ml/besra/internal/problem"
	"github.com/besra-ml/besra/internal/registry"
	"github.com/besra-ml/besra/internal/telemetry"
)

const recovering = "what besra remembers is still being read from the disk"

// score answers POST /v1/score: one event, one result.
func (g *Gateway) score(w http.ResponseWriter, r *http.Request, v *visit) int {
	if g.Recovering() {
		return v.refuse(w, problem.NotReady.Of("", recovering))
	}
	c := g.newCall(v)
	defer g.release(c)
	begun, p := g.receive(w, r, c, g.MaxBody)
	if p != nil {
		return v.refuse(w, p)
	}
	if p := g.read(c); p != nil {
		return v.refuse(w, p)
	}
	if c.void[0] != nil && !c.scored.Events[0].Guarded {
		return v.refuse(w, c.void[0])
	}
	if err := g.evaluate(v.context(r), c, begun); err != nil {
		return g.failed(v, w, err)
	}
	g.note(c)
	if c.void[0] != nil {
		return v.refuse(w, c.void[0])
	}
	if c.scored.Events[0].Replayed {
		markReplayed(w)
	}
	c.out = appendSingle(c.out[:0], &c.scored)
	return g.answer(w, c)
}

// receive reads the body of a call and returns when it was in hand. The time that a client takes to send it is the
// client's own: the deadline moves on by it.
func (g *Gateway) receive(w http.ResponseWriter, r *http.Request, c *call, limit int64) (begun time.Time, p *problem.Problem) {
	asked := time.Now()
	c.body, p = g.readBody(w, r, c.body, limit)
	begun = time.Now()
	c.visit.ticket.Sent(begun.Sub(asked))
	return begun, p
}

// scoreBatch answers POST /v1/score/batch: many events of one model, a result or an error for each.
func (g *Gateway) scoreBatch(w http.ResponseWriter, r *http.Request, v *visit) int {
	if g.Recovering() {
		return v.refuse(w, problem.NotReady.Of("", recovering))
	}
	c := g.newCall(v)
	defer g.release(c)
	begun, p := g.receive(w, r, c, g.MaxBatchBody)
	if p != nil {
		return v.refuse(w, p)
	}
	if err := v.ticket.Turn(v.context(r), begun); err != nil {
		return g.denied(v, w, err)
	}
	v.line.Spent(telemetry.StageQueue, begun.Sub(v.line.Begun))
	begun = time.Now()
	if p := c.readBatch(g.MaxBatch); p != nil {
		return v.refuse(w, p)
	}
	if p := g.decode(c); p != nil {
		return v.refuse(w, p)
	}
	if err := g.evaluate(v.context(r), c, begun); err != nil {
		return g.failed(v, w, err)
	}
	g.note(c)
	c.out = appendBatch(c.out[:0], &c.scored, c.void)
	return g.answer(w, c)
}

// resolve finds the live model that a call is for, and checks that one of its outputs is the score.
func (g *Gateway) resolve(c *call) (m *registry.Model, p *problem.Problem) {
	if c.named {
		m, p = g.find(c.visit, c.model)
	} else if m = g.Registry.Only(); m != nil {
		m, p = g.seen(c.visit, m)
	} else {
		names := slices.DeleteFunc(slices.Clone(g.Registry.Names()), func(name string) bool { return !c.visit.identity().Sees(name) })
		p = problem.BadRequest.Of("model", "several models are served; name one of "+strings.Join(names, ", "))
	}
	if p == nil && m.Output < 0 {
		return nil, problem.NoOutput.Of("model", m.OutputChoice())
	}
	return m, p
}

// find finds the live model of that name. Who is bound to others is not told whether there is one.
func (g *Gateway) find(v *visit, name []byte) (*registry.Model, *problem.Problem) {
	if v.identity().Models != nil {
		base, _, _ := bytes.Cut(name, []byte("@"))
		if err := g.Admission.Sees(&v.ticket, string(base)); err != nil {
			return nil, refusal(err)
		}
	}
	m, err := g.Registry.Resolve(name)
	switch {
	case errors.Is(err, registry.ErrNoVersion):
		return nil, problem.NoSuchVersion.Of("model", err.Error())
	case err != nil && v.identity().Models != nil: // what there is else is not for it
		return nil, problem.NoSuchModel.Of("model", "it is not served")
	case err != nil:
		return nil, problem.NoSuchModel.Of("model", err.Error())
	}
	return m, nil
}

// seen returns m, unless whoever asks is bound to others.
func (g *Gateway) seen(v *visit, m *registry.Model) (*registry.Model, *problem.Problem) {
	if err := g.Admission.Sees(&v.ticket, m.Name); err != nil {
		return nil, refusal(err)
	}
	return m, nil
}

// failed answers that nothing could be scored. Why, the client need not know.
func (g *Gateway) failed(v *visit, w http.ResponseWriter, err error) int {
	return v.refuse(w, v.problem(err))
}
