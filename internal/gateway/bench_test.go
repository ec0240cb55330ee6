package gateway

import (
	"bytes"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"testing"

	"github.com/besra-ml/besra/internal/auth"
	"github.com/besra-ml/besra/internal/bundle"
	"github.com/besra-ml/besra/internal/entity"
	"github.com/besra-ml/besra/internal/history"
	"github.com/besra-ml/besra/internal/limit"
	"github.com/besra-ml/besra/internal/outcome"
	"github.com/besra-ml/besra/internal/registry"
	"github.com/besra-ml/besra/internal/rfc3339"
	"github.com/besra-ml/besra/internal/score"
	"github.com/besra-ml/besra/internal/store"
	"github.com/besra-ml/besra/internal/telemetry"
)

// answer is a ResponseWriter that keeps nothing.
type answer struct{ h http.Header }

func (a answer) Header() http.Header         { return a.h }
func (a answer) Write(b []byte) (int, error) { return len(b), nil }

// WriteHeader panics: answers of 200 do not call it.
func (a answer) WriteHeader(status int) { panic(status) }

// BenchmarkScore is the whole of besra's own work in a request, without net/http's: a row as the client has it,
// with and without an id that guards it; a payment of which besra makes the row, among those of 5,000 cards and
// 10,000 terminals in two months before it, a new one each time; and an answer that was given before.
func BenchmarkScore(b *testing.B) {
	bundle := demo(b)
	for _, c := range []struct {
		name  string
		kind  string
		stack func(*Options) score.Scorer
	}{
		{"row, nothing kept", "row", func(o *Options) score.Scorer { return score.Measured(score.Direct()) }},
		{"row", "row", stack},
		{"event", "event", stack},
		{"replay", "replay", stack},
	} {
		b.Run(c.name, func(b *testing.B) {
			g := benchGateway(b, bundle, c.stack)
			read := bytes.NewReader(nil)
			req := httptest.NewRequest(http.MethodPost, "/v1/score", nil)
			req.Body = io.NopCloser(read)
			req.Header.Set("Content-Type", "application/json")
			w := answer{http.Header{}}
			random := rand.New(rand.NewPCG(1, 1))
			var body []byte
			send := func(i int) {
				body = append(strconv.AppendInt(append(body[:0], `{"event_id":"`...), int64(i), 10), `","model":"fraud",`...)
				if c.kind == "row" {
					body = append(body, `"features":{`...)
					for k, f := range bundle.Features {
						if k > 0 {
							body = append(body, ',')
						}
						body = append(append(append(body, '"'), f.Name...), `":`...)
						body = strconv.AppendFloat(body, float64(random.IntN(10000))/100, 'f', -1, 32)
					}
					body = append(body, `}}`...)
				} else {
					body = rfc3339.Append(append(body, `"event":{"time":"`...), 1_700_000_000_000+int64(i)*9000)
					body = strconv.AppendInt(append(body, `","card":"c_`...), int64(random.IntN(5000)), 10)
					body = strconv.AppendInt(append(body, `","terminal":"t_`...), int64(random.IntN(10000)), 10)
					body = strconv.AppendFloat(append(body, `","amount":`...), float64(random.IntN(30000))/100, 'f', -1, 64)
					body = append(body, `}}`...)
				}
				read.Reset(body)
				req.ContentLength = int64(len(body))
				clear(w.h)
				g.ServeHTTP(w, req)
			}
			n := 0
			for c.kind != "row" && n < 600_000 {
				send(n)
				n++
			}
			b.ReportAllocs()
			for b.Loop() {
				if c.kind != "replay" {
					send(n)
					n++
					continue
				}
				read.Reset(body)
				clear(w.h)
				g.ServeHTTP(w, req)
			}
		})
	}
}

func demo(b *testing.B) *bundle.Bundle {
	d, err := bundle.Read(os.DirFS("../../models/fraud/1"))
	if err != nil {
		b.Fatal(err)
	}
	return d
}

func stack(o *Options) score.Scorer {
	s := score.Recorded(score.Direct(), o.History, nil)
	return score.Measured(score.Replayed(s, o.History.Store, false, o.Metrics))
}

func benchGateway(b *testing.B, d *bundle.Bundle, stack func(*Options) score.Scorer) *Gateway {
	m := telemetry.New(telemetry.Options{})
	r, err := registry.New([]*registry.Model{registry.NewModel(d, nil, m)}, nil)
	if err != nil {
		b.Fatal(err)
	}
	table, err := outcome.Open(outcome.Options{})
	if err != nil {
		b.Fatal(err)
	}
	h := history.New(history.Options{Store: store.NewMemory(store.Options{}), Outcomes: table, Metrics: m})
	h.Attach("fraud", r.Plan("fraud"))
	o := Options{
		Registry: r, Metrics: m, History: h, Hasher: entity.NewHasher(entity.NewKey()),
		Log: slog.New(slog.DiscardHandler), MaxBody: 1 << 20, Recovering: func() bool { return false },
	}
	o.Scorer = stack(&o)
	o.admitAll(b, m, auth.Options{}, limit.Options{})
	return New(o)
}
