package gateway

import (
	"math"
	"net/http"
	"strconv"

	"github.com/besra-ml/besra/internal/identity"
	"github.com/besra-ml/besra/internal/registry"
	"github.com/besra-ml/besra/internal/score"
	"github.com/besra-ml/besra/internal/strictjson"
)

// models answers GET /v1/models: every version that is served, and those that were refused, of the models that whoever
// asks may see.
func (g *Gateway) models(w http.ResponseWriter, _ *http.Request, v *visit) int {
	b := appendModels([]byte{'{'}, g.Registry.Set(), v.identity())
	return writeJSON(w, http.StatusOK, append(b, '}'))
}

// appendModels appends the members that tell what is served, and what was found and is not, of what id may see.
func appendModels(b []byte, s *registry.Set, id *identity.Identity) []byte {
	b = append(b, `"models":[`...)
	for _, m := range s.Models() {
		if !id.Sees(m.Name) {
			continue
		}
		b = appendNext(b)
		b = appendModel(b, m, false)
	}
	return appendRefused(append(b, ']'), s, id)
}

// appendRefused appends the member that tells which versions were refused, after another member.
func appendRefused(b []byte, s *registry.Set, id *identity.Identity) []byte {
	b = append(b, `,"refused":[`...)
	for _, r := range s.Refused() {
		if !id.Sees(r.Name) {
			continue
		}
		b = appendNext(b)
		b = append(b, `{"name":`...)
		b = strictjson.AppendString(b, r.Name)
		b = append(b, `,"version":`...)
		b = strconv.AppendInt(b, int64(r.Version), 10)
		b = append(b, `,"reason":`...)
		b = strictjson.AppendString(b, r.Reason)
		b = append(b, `,"why":`...)
		b = strictjson.AppendString(b, r.Why)
		b = append(b, '}')
	}
	return append(b, ']')
}

// model answers GET /v1/models/{name}: one version, with its features. name may be name@version.
func (g *Gateway) model(w http.ResponseWriter, r *http.Request, v *visit) int {
	m, p := g.find(v, []byte(r.PathValue("name")))
	if p != nil {
		return v.refuse(w, p)
	}
	return writeJSON(w, http.StatusOK, appendModel(nil, m, true))
}

// appendModel appends what is known of a version; with its features when whole.
func appendModel(b []byte, m *registry.Model, whole bool) []byte {
	b = append(b, `{"name":`...)
	b = strictjson.AppendString(b, m.Name)
	b = append(b, `,"version":`...)
	b = strconv.AppendInt(b, int64(m.Version), 10)
	b = append(b, `,"live":`...)
	b = strconv.AppendBool(b, m.Live)
	b = append(b, `,"proven":`...)
	b = strconv.AppendBool(b, m.Proven)
	b = append(b, `,"format":`...)
	b = strictjson.AppendString(b, m.Engine.Format())
	b = append(b, `,"trainer":`...)
	b = strictjson.AppendString(b, m.Engine.Trainer())
	b = append(b, `,"digest":`...)
	b = strictjson.AppendString(b, m.Digest)
	b = append(b, `,"trees":`...)
	b = strconv.AppendInt(b, int64(m.Engine.Trees()), 10)
	b = append(b, `,"outputs":`...)
	b = strconv.AppendInt(b, int64(m.Values), 10)
	if m.NoMargin {
		b = append(b, `,"value_only":true`...)
	}
	b = score.AppendLabels(b, m.Labels)
	if p := m.Policy(); p != nil {
		b = append(b, `,"policy":`...)
		b = strictjson.AppendString(b, p.Version)
	}
	if whole {
		b = appendFeatures(b, m)
		b = appendFields(b, m)
	}
	return append(b, '}')
}

func appendFeatures(b []byte, m *registry.Model) []byte {
	b = append(b, `,"features":[`...)
	for i, c := range m.Columns {
		f := m.Features[i]
		b = appendNext(b)
		b = append(b, `{"name":`...)
		b = strictjson.AppendString(b, c.Name)
		b = append(b, `,"type":`...)
		b = strictjson.AppendString(b, c.Type.String())
		b = appendCategories(b, c.Dictionary())
		if f.Min > math.Inf(-1) {
			b = append(b, `,"min":`...)
			b = strictjson.AppendNumber(b, f.Min, 64)
		}
		if f.Max < math.Inf(1) {
			b = append(b, `,"max":`...)
			b = strictjson.AppendNumber(b, f.Max, 64)
		}
		b = append(b, `,"required":`...)
		b = strconv.AppendBool(b, f.RefuseMissing)
		if f.Unit != "" {
			b = append(b, `,"unit":`...)
			b = strictjson.AppendString(b, f.Unit)
		}
		if f.Text != "" {
			b = append(b, `,"text":`...)
			b = strictjson.AppendString(b, f.Text)
		}
		b = append(b, '}')
	}
	return append(b, ']')
}

// fewCategories is how many names a client may want to choose from.
const fewCategories = 100

// appendCategories appends the names that a string feature knows, if they are few.
func appendCategories(b []byte, names []string) []byte {
	if len(names) == 0 || len(names) > fewCategories {
		return b
	}
	b = append(b, `,"categories":[`...)
	for _, name := range names {
		b = strictjson.AppendString(appendNext(b), name)
	}
	return append(b, ']')
}

// appendFields appends the fields of the events that the model takes, if it does.
func appendFields(b []byte, m *registry.Model) []byte {
	if m.Plan == nil {
		return b
	}
	b = append(b, `,"event":[`...)
	for i := range m.Plan.Fields {
		f := &m.Plan.Fields[i]
		b = appendNext(b)
		b = append(b, `{"name":`...)
		b = strictjson.AppendString(b, f.Name)
		b = append(b, `,"type":`...)
		b = strictjson.AppendString(b, f.Type.String())
		b = append(b, `,"required":`...)
		b = strconv.AppendBool(b, m.Program.Requires(i))
		if f.Text != "" {
			b = append(b, `,"text":`...)
			b = strictjson.AppendString(b, f.Text)
		}
		b = append(b, '}')
	}
	return append(b, ']')
}
