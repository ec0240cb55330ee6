package gateway

import (
	"encoding/hex"
	"errors"

	"github.com/besra-ml/besra/internal/feature"
	"github.com/besra-ml/besra/internal/store"
	"github.com/besra-ml/besra/internal/telemetry"
)

// note takes note of what became of a call's events, for their answers and for what is told of the request.
func (g *Gateway) note(c *call) {
	b, told := &c.scored, &c.visit.told
	told.Model, told.Version, told.Events = b.Model.Name, b.Model.Version, len(b.Events)
	for i := range b.Events {
		e := &b.Events[i]
		switch {
		case e.Refused == nil:
			c.void[i] = nil // it was answered before, whatever is wrong with it today
		case c.void[i] == nil:
			c.void[i] = c.visit.problem(e.Refused)
		}
		switch {
		case c.void[i] != nil:
			told.Refused++
			if c.void[i].Code.Status >= 500 {
				told.Failures++
			}
		case e.Replayed:
			told.Replayed++
		case errors.Is(e.Cause, store.ErrAbsent):
			// Its answer says that it is degraded, and so do all: that is no trouble of this request.
		case e.Result.Degraded:
			told.Degraded++
			if e.Cause != nil {
				c.visit.blame(e.Cause)
			}
		}
	}
	if len(b.Events) != 1 || c.void[0] != nil {
		return
	}
	if e := &b.Events[0]; !e.Replayed {
		told.Decision = e.Result.Decision.String()
	}
	if len(g.Listed) > 0 && b.Events[0].Raw {
		told.Entities = g.listed(c, told.Entities)
	}
}

// listed appends the entities of a call's only event that operators want to find.
func (g *Gateway) listed(c *call, dst []telemetry.Listed) []telemetry.Listed {
	m, in := c.scored.Model, &c.scored.Inputs[0]
	for _, name := range g.Listed {
		if !m.HasEntity(name) {
			continue
		}
		if h := in.Hashes[m.Plan.Field(name)]; h != (feature.Hash{}) {
			dst = append(dst, telemetry.Listed{Field: name, Hash: hex.EncodeToString(h[:])})
		}
	}
	return dst
}
