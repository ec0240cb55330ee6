package gateway

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/besra-ml/besra/internal/registry"
	"github.com/besra-ml/besra/internal/score"
	"github.com/besra-ml/besra/internal/strictjson"
)

// A call is the memory of one scoring request. It is reused by later ones.
type call struct {
	body, out []byte
	envelope
	scored score.Batch

	scanner, inner      strictjson.Scanner
	single, item, batch *strictjson.Members

	decoding, scoring time.Duration
}

func newCall() *call {
	return &call{single: singleMembers.Members(), item: itemMembers.Members(), batch: batchMembers.Members()}
}

// keep bounds what an idle call may hold, in bytes of body and answer and in events.
const (
	keepBytes  = 256 << 10
	keepEvents = 512
)

// release gives the call back, unless a rare large request has made it large.
func (g *Gateway) release(c *call) {
	if cap(c.body) > keepBytes || cap(c.out) > keepBytes || cap(c.scored.Events) > keepEvents {
		return
	}
	c.scored.Model = nil
	g.calls.Put(c)
}

// evaluate decodes the items of a call by the model's schema, and scores them.
func (g *Gateway) evaluate(ctx context.Context, c *call, m *registry.Model, begun time.Time) *Problem {
	s, err := g.schemas.of(m)
	if err != nil {
		return internal.of("", "")
	}
	walker := s.walkers.Get().(*strictjson.Members)
	d := decoder{schema: s, walker: walker, ignoreUnknown: g.IgnoreUnknown}
	b := &c.scored
	b.Reset(m, len(c.items))
	for i, it := range c.items {
		e := &b.Events[i]
		e.ID = it.id
		if c.void[i] == nil {
			c.void[i] = d.event(&c.inner, c.body, it, b.Row(i), e)
		}
		if c.void[i] != nil {
			e.Refused = c.void[i]
			clear(b.Row(i))
		}
	}
	s.walkers.Put(walker)
	decoded := time.Now()
	c.decoding = decoded.Sub(begun)
	g.metrics.Stages.Decode.ObserveDuration(c.decoding)
	if len(c.items) == 1 && c.void[0] != nil {
		return nil
	}
	if err := g.Scorer.Score(ctx, b); err != nil {
		return g.failed(ctx, err)
	}
	c.scoring = time.Since(decoded)
	return nil
}

// answer sends what c.out holds.
func (g *Gateway) answer(w http.ResponseWriter, c *call, encoding time.Time) int {
	h := w.Header()
	h["Content-Type"] = jsonType
	h["Cache-Control"] = noStore
	h["Content-Length"] = []string{strconv.Itoa(len(c.out))}
	h["Server-Timing"] = []string{serverTiming(c)}
	g.metrics.Stages.Encode.ObserveDuration(time.Since(encoding))
	_, _ = w.Write(c.out) // whoever asked may have gone
	return http.StatusOK
}

// serverTiming tells the stages of a call, in milliseconds.
func serverTiming(c *call) string {
	var buf [64]byte
	b := append(buf[:0], "decode;dur="...)
	b = strconv.AppendFloat(b, c.decoding.Seconds()*1e3, 'f', 3, 64)
	b = append(b, ", score;dur="...)
	b = strconv.AppendFloat(b, c.scoring.Seconds()*1e3, 'f', 3, 64)
	return string(b)
}
