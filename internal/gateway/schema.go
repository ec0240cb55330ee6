package gateway

import (
	"math"
	"sync"

	besra "github.com/besra-ml/besra"
	"github.com/besra-ml/besra/internal/registry"
	"github.com/besra-ml/besra/internal/strictjson"
)

// A schema is what the door knows about one model's rows.
type schema struct {
	of       *Gateway
	names    *strictjson.Names
	fields   []field
	decoders sync.Pool // *decoder
}

// A field is how one value of a row is read.
type field struct {
	column       besra.Column
	low, high    float64 // the declared bounds, within limit
	limit        float64 // beyond ±limit the model's width has no finite number
	missing      float64 // a number that stands for missing; NaN: none
	absent       float64 // what stands for no value: NaN, or the code of the empty name
	refuseBounds bool
	needed       bool // missing is refused
}

// float32Limit is the least float64 that rounds to an infinite float32.
const float32Limit = 0x1.ffffffp127

func (g *Gateway) newSchema(m *registry.Model) (*schema, error) {
	s := &schema{of: g}
	var names []string
	bits, _ := m.Engine.Bits()
	for i, c := range m.Columns {
		names = append(names, c.Name)
		f := field{column: c, limit: math.Inf(1), missing: m.Missing, absent: c.Absent()}
		if bits == 32 {
			f.limit = float32Limit
		}
		spec := m.Features[i]
		finite := math.Nextafter(f.limit, 0)
		f.low, f.high = max(spec.Min, -finite), min(spec.Max, finite)
		f.refuseBounds, f.needed = spec.RefuseOutOfBounds, spec.RefuseMissing
		s.fields = append(s.fields, f)
	}
	var err error
	if s.names, err = strictjson.NewNames(names); err != nil {
		return nil, err
	}
	var fieldNames *strictjson.Names
	if m.Plan != nil {
		fields := make([]string, len(m.Plan.Fields))
		for i := range m.Plan.Fields {
			fields[i] = m.Plan.Fields[i].Name
		}
		if fieldNames, err = strictjson.NewNames(fields); err != nil {
			return nil, err
		}
	}
	s.decoders.New = func() any {
		d := &decoder{schema: s, walker: s.names.Members(), ignoreUnknown: g.IgnoreUnknown}
		if m.Plan != nil {
			d.events = &eventDecoder{g: g, plan: m.Plan, walker: fieldNames.Members(), mac: g.Hasher.Mac()}
		}
		return d
	}
	return s, nil
}

// schema returns the schema of a model. The model keeps it, so that it goes when the model goes.
func (g *Gateway) schema(m *registry.Model) (*schema, error) {
	if s, ok := m.Kept.Load().(*schema); ok && s.of == g {
		return s, nil
	}
	s, err := g.newSchema(m)
	if err == nil {
		m.Kept.Store(s)
	}
	return s, err
}

// decoder returns a decoder of rows of model m; its release gives it back.
func (g *Gateway) decoder(m *registry.Model) (*decoder, error) {
	s, err := g.schema(m)
	if err != nil {
		return nil, err
	}
	return s.decoders.Get().(*decoder), nil
}

func (d *decoder) release() { d.schema.decoders.Put(d) }
