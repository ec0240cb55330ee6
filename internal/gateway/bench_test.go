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

	"github.com/besra-ml/besra/internal/bundle"
	"github.com/besra-ml/besra/internal/registry"
	"github.com/besra-ml/besra/internal/score"
	"github.com/besra-ml/besra/internal/telemetry"
)

// answer is a ResponseWriter that keeps nothing.
type answer struct{ h http.Header }

func (a answer) Header() http.Header         { return a.h }
func (a answer) Write(b []byte) (int, error) { return len(b), nil }

// WriteHeader panics: answers of 200 do not call it.
func (a answer) WriteHeader(status int) { panic(status) }

// BenchmarkScore is the whole of besra's own work in a request, without net/http's, over 2,000 distinct
// payments of the demo model.
func BenchmarkScore(b *testing.B) {
	bundle, err := bundle.Read(os.DirFS("../../models/fraud/1"))
	if err != nil {
		b.Fatal(err)
	}
	m := telemetry.New(telemetry.Options{})
	r, err := registry.New([]*registry.Model{registry.NewModel(bundle, nil, m)}, nil)
	if err != nil {
		b.Fatal(err)
	}
	g := New(Options{
		Registry: r, Scorer: score.Measured(score.Direct(), m), Metrics: m,
		Log: slog.New(slog.DiscardHandler), MaxBody: 1 << 20,
	})
	bodies := make([][]byte, 2000)
	for i := range bodies {
		body := []byte(`{"event_id":"evt_` + fmt.Sprint(i) + `","model":"fraud","features":{`)
		for j, f := range bundle.Features {
			if j > 0 {
				body = append(body, ',')
			}
			body = fmt.Appendf(body, "%q:%v", f.Name, float32(rand.IntN(10000))/100)
		}
		bodies[i] = append(body, "}}"...)
	}
	read := bytes.NewReader(nil)
	req := httptest.NewRequest(http.MethodPost, "/v1/score", nil)
	req.Body = io.NopCloser(read)
	req.Header.Set("Content-Type", "application/json")
	w := answer{http.Header{}}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		body := bodies[i%len(bodies)]
		read.Reset(body)
		req.ContentLength = int64(len(body))
		clear(w.h)
		g.ServeHTTP(w, req)
	}
}
