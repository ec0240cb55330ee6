package gateway

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/besra-ml/besra/internal/entity"
	"github.com/besra-ml/besra/internal/problem"
	"github.com/besra-ml/besra/internal/registry"
	"github.com/besra-ml/besra/internal/score"
	"github.com/besra-ml/besra/internal/store"
	"github.com/besra-ml/besra/internal/strictjson"
	"github.com/besra-ml/besra/internal/telemetry"
)

// A call is the memory of one scoring request. It is reused by later ones.
type call struct {
	body, out []byte
	envelope
	scored score.Batch

	digester            digester
	scanner, inner      strictjson.Scanner
	single, item, batch *strictjson.Members

	visit    *visit
	guess    *decoder // decodes the content as it is met; nil: it is passed over
	decoding time.Duration
}

func newCall() *call {
	return &call{single: singleMembers.Members(), item: itemMembers.Members(), batch: batchMembers.Members()}
}

// newCall returns the memory of a request of v's.
func (g *Gateway) newCall(v *visit) *call {
	c := g.calls.Get().(*call)
	c.visit = v
	return c
}

// keep bounds what an idle call may hold, in bytes of body and answer and in events.
const (
	keepBytes  = 256 << 10
	keepEvents = 512
)

// release gives the call back, unless a rare large request has made it large.
func (g *Gateway) release(c *call) {
	if cap(c.body) > keepBytes || cap(c.out) > keepBytes || cap(c.items) > keepEvents {
		return
	}
	c.scored.Forget()
	c.guess, c.visit = nil, nil
	c.digester.keep()
	clear(c.void)
	g.calls.Put(c)
}

// read reads a single request and decodes it. Most are for the only model there is, and nothing is wrong with
// them: guessing so, one pass does it. When the guess fails it is forgotten, and the request is read again
// with care: first what stands around the content, then the model, then the content by its schema.
func (g *Gateway) read(c *call) *problem.Problem {
	if m := g.Registry.Only(); m != nil && m.Output >= 0 && c.visit.identity().Sees(m.Name) && g.guessed(c, m) {
		g.identify(c)
		return nil
	}
	if p := c.readSingle(); p != nil {
		return syntaxFirst(&c.scanner, c.body, p)
	}
	return g.decode(c)
}

// syntaxFirst returns p, or what is wrong with the body's JSON, wherever in it: a body that is no JSON is
// never judged by what it seems to say.
func syntaxFirst(s *strictjson.Scanner, body []byte, p *problem.Problem) *problem.Problem {
	if p.Code == problem.BadJSON {
		return p
	}
	s.Reset(body)
	if _, err := s.Skip(); err != nil {
		return fromJSON(err, "")
	}
	if err := s.End(); err != nil {
		return fromJSON(err, "")
	}
	return p
}

// guessed reads a single request as one for model m, and reports whether it is.
func (g *Gateway) guessed(c *call, m *registry.Model) bool {
	d, err := g.decoder(m)
	if err != nil {
		return false
	}
	c.reset(m, 1)
	c.guess = d
	p := c.readSingle()
	c.guess = nil
	d.release()
	if p != nil {
		return false
	}
	if !c.named {
		return true
	}
	named, p := g.find(c.visit, c.model)
	return p == nil && named == m
}

// reset makes room for n events of model m, of the tenant who asks.
func (c *call) reset(m *registry.Model, n int) {
	c.scored.Reset(m, n)
	c.scored.Tenant, c.scored.Deadline = c.visit.identity().Tenant, c.visit.ticket.Deadline
}

// decode resolves the model of a call and decodes its items.
func (g *Gateway) decode(c *call) *problem.Problem {
	m, p := g.resolve(c)
	if p != nil {
		return p
	}
	d, err := g.decoder(m)
	if err != nil {
		return problem.Internal.Of("", "")
	}
	defer d.release()
	b := &c.scored
	c.reset(m, len(c.items))
	for i, it := range c.items {
		if c.void[i] == nil {
			c.inner.ResetAt(c.body, it.content)
			c.void[i] = d.read(&c.inner, c, it.kind, i)
		}
		if c.void[i] != nil {
			b.Events[i].Refused = c.void[i]
			clear(b.Row(i))
		}
	}
	g.identify(c)
	return nil
}

// identify says which of a call's events may have been answered before: those with ids, whatever is wrong with
// their content by the model's schema.
func (g *Gateway) identify(c *call) {
	b := &c.scored
	for i, it := range c.items {
		e := &b.Events[i]
		e.ID, e.DryRun, e.Guarded = it.id, it.dryRun, false
		if it.id == nil || it.dryRun || it.kind == contentNone {
			continue
		}
		if !g.CardNumbers && entity.LooksLikeCardNumber(it.id) {
			c.void[i] = problem.BadRequest.Of("event_id", cardNumber)
			e.ID, e.Refused = nil, c.void[i]
			continue
		}
		c.inner.ResetAt(c.body, it.content)
		digest, err := c.digester.content(&c.inner, it.kind)
		if err != nil {
			continue // it cannot have been answered; what is wrong with it is known
		}
		e.Guarded = true
		e.Key, e.Digest = store.Key(g.Hasher.Event(b.Tenant, b.Model.Name, it.id)), digest
	}
}

// evaluate scores what was decoded; begun is when decoding was.
func (g *Gateway) evaluate(ctx context.Context, c *call, begun time.Time) error {
	b := &c.scored
	if err := c.visit.ticket.Model(b.Model.Name); err != nil {
		return err
	}
	b.Begun = time.Now()
	c.decoding = b.Begun.Sub(begun)
	c.visit.line.Spent(telemetry.StageDecode, begun.Sub(c.visit.line.Begun))
	b.Times = &c.visit.line
	return g.Scorer.Score(ctx, b)
}

// smallAnswer is the size up to which net/http finds an answer's length itself, in bytes.
const smallAnswer = 2048

// answer sends what c.out holds.
func (g *Gateway) answer(w http.ResponseWriter, c *call) int {
	h := w.Header()
	h["Content-Type"] = jsonType
	h["Server-Timing"] = []string{serverTiming(c)}
	if len(c.out) >= smallAnswer {
		h["Content-Length"] = []string{strconv.Itoa(len(c.out))}
	}
	now := time.Now()
	c.visit.line.Spent(telemetry.StageEncode, c.scored.Begun.Add(c.scored.Took).Sub(c.visit.line.Begun))
	c.visit.ticket.Rest(now)
	_, _ = w.Write(c.out) // whoever asked may have gone
	return http.StatusOK
}

// serverTiming tells the stages of a call, in milliseconds.
func serverTiming(c *call) string {
	var buf [64]byte
	b := append(buf[:0], "decode;dur="...)
	b = appendMillis(b, c.decoding)
	b = append(b, ", score;dur="...)
	return string(appendMillis(b, c.scored.Took))
}

// appendMillis appends d in milliseconds, to the microsecond.
func appendMillis(b []byte, d time.Duration) []byte {
	µs := d.Microseconds()
	b = strconv.AppendInt(b, µs/1000, 10)
	rest := µs % 1000
	return append(b, '.', byte('0'+rest/100), byte('0'+rest/10%10), byte('0'+rest%10))
}
