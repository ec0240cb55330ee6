package gateway

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/besra-ml/besra/internal/bundle"
	"github.com/besra-ml/besra/internal/entity"
	"github.com/besra-ml/besra/internal/history"
	"github.com/besra-ml/besra/internal/outcome"
	"github.com/besra-ml/besra/internal/registry"
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

// BenchmarkScore is the whole of besra's own work in a request, without net/http's, over 20,000 distinct
// payments of the demo model: a row as the client has it, or a payment of which besra makes the row; and an
// answer that was given before.
func BenchmarkScore(b *testing.B) {
	const payments = 20_000
	rows, events := make([][]byte, payments), make([][]byte, payments)
	bundle := demo(b)
	for i := range rows {
		row := fmt.Appendf(nil, `{"event_id":"row_%06d","model":"fraud","features":{`, i)
		for j, f := range bundle.Features {
			if j > 0 {
				row = append(row, ',')
			}
			row = fmt.Appendf(row, "%q:%v", f.Name, float32(rand.IntN(10000))/100)
		}
		rows[i] = append(row, "}}"...)
		at := time.Date(2026, 11, 1, 0, 0, i, 0, time.UTC)
		events[i] = fmt.Appendf(nil, `{"event_id":"evt_%06d","model":"fraud","event":{"time":%q,"card":"c_%d","terminal":"t_%d","amount":%v}}`,
			i, at.Format(time.RFC3339), rand.IntN(5000), rand.IntN(10000), float32(rand.IntN(30000))/100)
	}
	for _, c := range []struct {
		name   string
		bodies [][]byte
		stack  func(*Options) score.Scorer
		again  bool
	}{
		{"row, nothing kept", rows, func(o *Options) score.Scorer { return score.Measured(score.Direct(), o.Metrics) }, false},
		{"row", rows, stack, false},
		{"event", events, stack, false},
		{"replay", events, stack, true},
	} {
		b.Run(c.name, func(b *testing.B) {
			g := benchGateway(b, bundle, c.stack)
			read := bytes.NewReader(nil)
			req := httptest.NewRequest(http.MethodPost, "/v1/score", nil)
			req.Body = io.NopCloser(read)
			req.Header.Set("Content-Type", "application/json")
			w := answer{http.Header{}}
			var id, round []byte
			send := func(i int, fresh bool) {
				id = append(id[:0], c.bodies[i%payments]...)
				if fresh { // an id is answered once
					copy(id[len(`{"event_id":"`):], fmt.Appendf(round[:0], "%03d", i/payments%1000))
				}
				read.Reset(id)
				req.ContentLength = int64(len(id))
				clear(w.h)
				g.ServeHTTP(w, req)
			}
			for i := range payments {
				send(i, false)
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				send(i, !c.again)
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
	s := score.Recorded(score.Direct(), o.History, o.Log)
	return score.Measured(score.Replayed(s, o.History.Store, o.Metrics), o.Metrics)
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
	h.Attach(r.Plan("fraud"))
	o := Options{
		Registry: r, Metrics: m, History: h, Hasher: entity.NewHasher(entity.NewKey()),
		Log: slog.New(slog.DiscardHandler), MaxBody: 1 << 20, Recovering: func() bool { return false },
	}
	o.Scorer = stack(&o)
	return New(o)
}
