package otlp

import (
	"encoding/binary"
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/besra-ml/besra/internal/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// nowhere is an endpoint that nobody listens at.
const nowhere = "http://127.0.0.1:1"

func newTracer(t testing.TB, o Options) *Tracer {
	t.Helper()
	if o.Metrics == nil {
		o.Metrics = &telemetry.New(telemetry.Options{}).Traces
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Service, o.Version = "besra", "1.2.3"
	tracer, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return tracer
}

var begun = time.Date(2026, 11, 27, 8, 0, 0, 250_000_000, time.UTC)

// request is one that went well.
func request() *telemetry.Request {
	const us = time.Microsecond
	times := &telemetry.Times{Begun: begun}
	times.Laps[telemetry.StageDecode] = telemetry.Lap{From: 10 * us, To: 30 * us, Busy: 20 * us, Times: 1}
	times.Laps[telemetry.StageScore] = telemetry.Lap{From: 40 * us, To: 900 * us, Busy: 500 * us, Times: 2}
	return &telemetry.Request{
		ID: "req-1", Route: "/v1/score", Method: "POST", Status: 200, Key: "shop", Tenant: "eu",
		Model: "fraud", Version: 3, Events: 1, Decision: "review", Took: time.Millisecond, Times: times,
		Entities: []telemetry.Listed{{Field: "card", Hash: "c0ffee"}},
	}
}

func TestKeeps(t *testing.T) {
	var roll uint64 // of the dice: what is below a hundredth of 2^64 is of the sample
	o := Options{Sample: 0.01, Slow: 50 * time.Millisecond, Rand: func() uint64 { return roll }}
	fresh := func() *Tracer { return &Tracer{options: o, troubled: rate{most: troubledSecond}} }
	const out, in = uint64(1) << 60, uint64(1) << 57
	for name, c := range map[string]struct {
		roll  uint64
		about func(*telemetry.Request)
		want  bool
	}{
		"of the sample":                              {in, func(*telemetry.Request) {}, true},
		"asks how besra is":                          {in, func(r *telemetry.Request) { r.Method = "GET" }, false},
		"not of the sample":                          {out, func(*telemetry.Request) {}, false},
		"its client keeps it":                        {out, func(r *telemetry.Request) { r.Trace.Parent, r.Trace.Sampled = [8]byte{1}, true }, true},
		"its client does not keep it":                {in, func(r *telemetry.Request) { r.Trace.Parent, r.Trace.Decided = [8]byte{1}, true }, false},
		"its client leaves it to us":                 {in, func(r *telemetry.Request) { r.Trace.Parent = [8]byte{1} }, true},
		"a front door does not keep it":              {in, func(r *telemetry.Request) { r.Trace.ID, r.Trace.Decided = [16]byte{1}, true }, false},
		"a front door keeps it":                      {out, func(r *telemetry.Request) { r.Trace.ID, r.Trace.Sampled = [16]byte{1}, true }, true},
		"a front door has not decided":               {in, func(r *telemetry.Request) { r.Trace.ID = [16]byte{1} }, true},
		"it failed":                                  {out, func(r *telemetry.Request) { r.Status = 500 }, true},
		"it failed, and its client does not keep it": {out, func(r *telemetry.Request) { r.Status, r.Trace.Parent = 503, [8]byte{1} }, true},
		"it was the client's fault":                  {out, func(r *telemetry.Request) { r.Status = 422 }, false},
		"it is degraded":                             {out, func(r *telemetry.Request) { r.Degraded = 1 }, true},
		"it took as long as it may":                  {out, func(r *telemetry.Request) { r.Took = o.Slow }, false},
		"it took longer":                             {out, func(r *telemetry.Request) { r.Took = o.Slow + 1 }, true},
	} {
		t.Run(name, func(t *testing.T) {
			roll = c.roll
			r := request()
			c.about(r)
			if got := fresh().keeps(r); got != c.want {
				t.Errorf("kept: %v", got)
			}
		})
	}

	t.Run("all and none can be kept", func(t *testing.T) {
		for _, roll = range []uint64{0, 1 << 63, 1<<64 - 1} {
			if !(&Tracer{options: Options{Sample: 1, Rand: o.Rand}}).keeps(request()) {
				t.Error("not kept, of all")
			}
			if (&Tracer{options: Options{Rand: o.Rand}}).keeps(request()) {
				t.Error("kept, of none")
			}
		}
	})

	t.Run("a share is about that share", func(t *testing.T) {
		dice := rand.New(rand.NewPCG(1, 2))
		tr := &Tracer{options: Options{Sample: 0.25, Rand: dice.Uint64}}
		kept := 0
		for range 100_000 {
			if tr.keeps(request()) {
				kept++
			}
		}
		if kept < 24_000 || kept > 26_000 {
			t.Errorf("%d of 100000", kept)
		}
	})

	t.Run("of a lot of trouble some is kept in each second", func(t *testing.T) {
		tr := fresh()
		roll = out
		for second := range 3 {
			kept := 0
			for range 10 * troubledSecond {
				r := request()
				r.Status, r.Times.Begun = 503, begun.Add(time.Duration(second)*time.Second)
				if tr.keeps(r) {
					kept++
				}
			}
			if kept != troubledSecond {
				t.Errorf("%d", kept)
			}
		}
	})
}

func TestTold(t *testing.T) {
	t.Run("a request that is kept has a trace that X-Ray takes", func(t *testing.T) {
		tr := newTracer(t, Options{Endpoint: nowhere, Sample: 1})
		r := request()
		tr.Told(r)
		if at := binary.BigEndian.Uint32(r.Trace.ID[:]); int64(at) != begun.Unix() || [12]byte(r.Trace.ID[4:]) == [12]byte{} {
			t.Errorf("%x", r.Trace.ID)
		}
		s := request()
		s.Trace.ID = [16]byte{7}
		tr.Told(s)
		if s.Trace.ID != [16]byte{7} {
			t.Errorf("%x", s.Trace.ID)
		}
		closeNow(t, tr)
	})

	t.Run("one that is not is left alone, and costs no memory", func(t *testing.T) {
		tr := newTracer(t, Options{Endpoint: nowhere, Sample: 1e-12, Slow: time.Second})
		r := request()
		if n := testing.AllocsPerRun(1000, func() { tr.Told(r) }); n != 0 {
			t.Errorf("%v allocations", n)
		}
		if !r.Trace.None() {
			t.Errorf("%x", r.Trace.ID)
		}
		closeNow(t, tr)
	})
}

func BenchmarkTold(b *testing.B) {
	b.Run("not kept", func(b *testing.B) {
		tr := newTracer(b, Options{Endpoint: nowhere, Sample: 1e-12, Slow: time.Second})
		defer closeNow(b, tr)
		r := request()
		b.ReportAllocs()
		for b.Loop() {
			tr.Told(r)
		}
	})
	b.Run("kept", func(b *testing.B) {
		tr := &Tracer{options: Options{Sample: 1, Rand: rand.Uint64, Metrics: &telemetry.New(telemetry.Options{}).Traces}, sender: &sender{}}
		r := request()
		b.ReportAllocs()
		for b.Loop() {
			r.Trace.ID = [16]byte{}
			tr.Told(r)
		}
	})
	b.Run("spans", func(b *testing.B) {
		s := newSpanner(Options{Rand: rand.Uint64})
		r := request()
		r.Trace.ID = [16]byte{1}
		b.ReportAllocs()
		for b.Loop() {
			s.add(r)
			if len(s.held) > 1000 {
				s.encode()
				s.reset()
			}
		}
	})
}
