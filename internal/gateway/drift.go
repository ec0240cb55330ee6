package gateway

import (
	"cmp"
	"math"
	"slices"

	"github.com/besra-ml/besra/internal/drift"
	"github.com/besra-ml/besra/internal/identity"
	"github.com/besra-ml/besra/internal/registry"
)

// driftTold is how many features of a model the status tells, those that have drifted furthest.
const driftTold = 10

// appendDrift appends how far what models see is from what they were made for.
func appendDrift(b []byte, set *registry.Set, id *identity.Identity) []byte {
	b = append(b, `"drift":[`...)
	for _, m := range set.Models() {
		if m.Drift == nil || !id.Sees(m.Name) || id.Tenant != "" { // the figures are those of all tenants together
			continue
		}
		b = appendDriftOf(appendNext(b), m)
	}
	return append(b, ']')
}

func appendDriftOf(b []byte, m *registry.Model) []byte {
	r := m.Drift.Report()
	o := object{b: append(b, '{'), first: true}
	o.text("model", m.Name)
	o.int("version", int64(m.Version))
	o.int("rows", int64(r.Rows))
	o.int("reference_rows", int64(r.ReferenceRows))
	o.seconds("window_seconds", r.Window)
	o.number("score_psi", r.Score.PSI)
	o.text("verdict", r.Score.Verdict.String())
	o.name("features")
	o.b = append(o.b, '[')
	for _, f := range furthest(r.Features) {
		o.b = appendNext(o.b)
		o.b, o.first = append(o.b, '{'), true
		o.text("feature", f.Name)
		o.number("psi", f.PSI)
		o.text("verdict", f.Verdict.String())
		o.close()
	}
	o.b = append(o.b, ']')
	o.close()
	return o.b
}

// furthest returns the features that are told: those that have drifted furthest first, and those of which nobody
// knows last.
func furthest(of []drift.Figure) []drift.Figure {
	key := func(f drift.Figure) float64 {
		if f.PSI != f.PSI {
			return math.Inf(1)
		}
		return -f.PSI
	}
	of = slices.Clone(of)
	slices.SortStableFunc(of, func(a, b drift.Figure) int { return cmp.Compare(key(a), key(b)) })
	return of[:min(len(of), driftTold)]
}
