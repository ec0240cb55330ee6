package otlp

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/slim/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/besra-ml/besra/internal/telemetry"
)

// A daemon is where an X-Ray daemon would be: it takes datagrams, and reads them by the definitions that OpenTelemetry
// publishes.
type daemon struct {
	t    testing.TB
	conn net.PacketConn
	receiver
	sizes []int
}

func newDaemon(t testing.TB, address string) *daemon {
	t.Helper()
	conn, err := net.ListenPacket("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.(*net.UDPConn).SetReadBuffer(8 << 20) // as much as there may be
	return &daemon{t: t, conn: conn}
}

func (d *daemon) url() string { return "udp://" + d.conn.LocalAddr().String() }

// take reads what has come.
func (d *daemon) take() {
	d.t.Helper()
	const wait = 200 * time.Millisecond
	b := make([]byte, 1<<16)
	for {
		_ = d.conn.SetReadDeadline(time.Now().Add(wait))
		n, _, err := d.conn.ReadFrom(b)
		if err != nil {
			return
		}
		d.sizes = append(d.sizes, n)
		m, err := readDatagram(b[:n])
		if err != nil {
			d.t.Fatal(err)
		}
		d.got = append(d.got, m)
	}
}

func readDatagram(b []byte) (*collector.ExportTraceServiceRequest, error) {
	const head = `{"format":"json","version":1}` + "\nT1S"
	text, ok := strings.CutPrefix(string(b), head)
	if !ok {
		return nil, fmt.Errorf("it begins with %q", b[:min(len(b), len(head))])
	}
	message, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, err
	}
	m := new(collector.ExportTraceServiceRequest)
	if err := proto.Unmarshal(message, m); err != nil {
		return nil, err
	}
	if unknown := m.ProtoReflect().GetUnknown(); len(unknown) > 0 {
		return nil, fmt.Errorf("unknown fields: %x", unknown)
	}
	return m, nil
}

// tellDaemon makes a tracer that tells a daemon.
func tellDaemon(t *testing.T, endpoint string) *setting {
	t.Helper()
	s := &setting{metrics: &telemetry.New(telemetry.Options{}).Traces}
	s.Tracer = newTracer(t, Options{
		Endpoint: endpoint, Sample: 1, Metrics: s.metrics, Log: slog.New(slog.NewTextHandler(&s.log, nil)),
	})
	return s
}

func (s *setting) flush(t *testing.T) {
	t.Helper()
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (s *setting) counted(t *testing.T, when string, kept, sent, lost uint64) {
	t.Helper()
	if got := s.counts(); got != [3]uint64{kept, sent, lost} {
		t.Errorf("%s: kept, sent and lost are %v, want %v", when, got, [3]uint64{kept, sent, lost})
	}
}

func TestDatagrams(t *testing.T) {
	t.Run("what is kept goes with a flush, below the span that X-Ray's header names", func(t *testing.T) {
		d := newDaemon(t, "127.0.0.1:0")
		s := tellDaemon(t, d.url())
		r := request()
		r.Trace = telemetry.ReadXRay("Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1;Lineage=1:a87bd80c:0")
		s.Told(r)
		s.flush(t)
		d.take()
		if len(d.got) != 1 || d.servers() != 1 || len(d.spans()) != 3 {
			t.Fatalf("%d datagrams, %d spans, %d requests", len(d.got), len(d.spans()), d.servers())
		}
		for _, span := range d.spans() {
			if id := hexOf(span.GetTraceId()); id != "5759e988bd862e3fe1be46a994272793" {
				t.Errorf("trace %s", id)
			}
			if parent := hexOf(span.GetParentSpanId()); span.GetName() == "POST /v1/score" && parent != "53995c3f42cd8ad8" {
				t.Errorf("parent %s", parent)
			}
		}
		s.counted(t, "it has gone, and nobody says that it came", 1, 0, 0)
		s.tell(1)
		s.flush(t)
		s.counted(t, "the next has gone", 2, 1, 0)
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
		s.counted(t, "closed", 2, 2, 0)
		if s.log.says("msg") != 0 {
			t.Errorf("%v", s.log.lines())
		}
	})

	t.Run("many spans go in as few datagrams as hold them", func(t *testing.T) {
		d := newDaemon(t, "127.0.0.1:0")
		s := tellDaemon(t, d.url())
		for i := range batchRequests {
			r := request()
			r.ID = fmt.Sprintf("%d-%s", i, strings.Repeat("x", 200))
			s.Told(r)
		}
		s.flush(t)
		d.take()
		ids := map[string]bool{}
		for _, span := range d.spans() {
			if id := attributes(span.GetAttributes())["besra.request_id"]; id != "" {
				ids[id] = true
			}
		}
		all := 0
		for _, n := range d.sizes {
			if all += n; n > maxDatagram {
				t.Errorf("a datagram of %d bytes", n)
			}
		}
		if len(ids) != batchRequests || len(d.spans()) != 3*batchRequests || len(d.sizes) < 2 || len(d.sizes) > 2*(all/maxDatagram+1) {
			t.Errorf("%d requests and %d spans in %d datagrams, of %v bytes", len(ids), len(d.spans()), len(d.sizes), d.sizes)
		}
		closeNow(t, s.Tracer)
		s.counted(t, "closed", batchRequests, batchRequests, 0)
	})

	t.Run("a request whose spans are large is divided, and one span that is too large is lost", func(t *testing.T) {
		d := newDaemon(t, "127.0.0.1:0")
		s := tellDaemon(t, d.url())
		r := request()
		r.Trace = telemetry.ReadTraceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
		var states []string
		for stage := range telemetry.StageStore {
			r.Times.Laps[stage] = telemetry.Lap{To: time.Millisecond, Busy: time.Millisecond, Times: 1}
		}
		for i := range 32 { // as much as there may be of it, in each span
			states = append(states, fmt.Sprintf("k%d%s=%s", i, strings.Repeat("k", 240), strings.Repeat("v", 256)))
		}
		r.Trace.State = strings.Join(states, ",")
		s.Told(r)
		s.flush(t)
		d.take()
		if len(d.got) < 2 || len(d.spans()) != 1+int(telemetry.StageStore) || d.spans()[0].GetTraceState() != r.Trace.State {
			t.Errorf("%d spans in %d datagrams", len(d.spans()), len(d.got))
		}
		closeNow(t, s.Tracer)
		s.counted(t, "closed", 1, 1, 0)

		t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name="+strings.Repeat("x", maxDatagram))
		large := tellDaemon(t, d.url())
		large.tell(1)
		large.flush(t)
		closeNow(t, large.Tracer)
		large.counted(t, "nothing fits", 1, 0, 1)
		if large.log.says(errTooLarge.Error()) != 1 {
			t.Errorf("%v", large.log.lines())
		}
	})

	t.Run("where there is no daemon it is counted, and told once, until there is one", func(t *testing.T) {
		free := newDaemon(t, "127.0.0.1:0")
		address := free.conn.LocalAddr().String()
		free.conn.Close()
		s := tellDaemon(t, "udp://"+address)
		const flushes = 20
		for range flushes {
			s.tell(2)
			s.flush(t)
			time.Sleep(time.Millisecond) // for the refusal to come back
		}
		s.counted(t, "nobody there", 2*flushes, 0, 2*(flushes-1))
		if s.log.says(undelivered) != 1 || s.log.says("there is no X-Ray daemon") != 1 {
			t.Errorf("%v", s.log.lines())
		}
		d := newDaemon(t, address)
		for range 3 {
			s.tell(1)
			s.flush(t)
		}
		d.take()
		if d.servers() != 3 {
			t.Errorf("%d", d.servers())
		}
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
		s.counted(t, "back", 2*flushes+3, 3, 2*flushes)
		if s.log.says(delivered) != 1 {
			t.Errorf("%v", s.log.lines())
		}
	})

	t.Run("a daemon whose name is not known is asked for again, ever less often", func(t *testing.T) {
		s := tellDaemon(t, "udp://no-such-host.invalid:2000")
		s.tell(1)
		var unknown *net.DNSError
		if err := s.Flush(t.Context()); !errors.As(err, &unknown) {
			t.Fatal(err)
		}
		if err := s.Flush(t.Context()); err == nil {
			t.Error("flushed")
		}
		s.counted(t, "held", 1, 0, 0)
		closeNow(t, s.Tracer)
		s.counted(t, "closed", 1, 0, 1)
	})

	t.Run("a time that is over holds nothing up", func(t *testing.T) {
		d := newDaemon(t, "127.0.0.1:0")
		s := tellDaemon(t, d.url())
		s.tell(1)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.Flush(ctx); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		closeNow(t, s.Tracer)
		s.counted(t, "closed", 1, 1, 0)
	})

	t.Run("a datagram has no headers and no certificates", func(t *testing.T) {
		for _, o := range []Options{
			{Headers: func() (http.Header, error) { return nil, nil }},
			{TLS: &tls.Config{MinVersion: tls.VersionTLS13}},
		} {
			o.Endpoint = "udp://127.0.0.1:2000"
			if _, err := New(o); err == nil {
				t.Error("it is taken")
			}
		}
	})

	t.Run("a flush costs nothing where nothing is kept", func(t *testing.T) {
		d := newDaemon(t, "127.0.0.1:0")
		s := tellDaemon(t, d.url())
		s.tell(1)
		s.flush(t)
		if n := testing.AllocsPerRun(1000, func() { s.flush(t) }); n != 0 {
			t.Errorf("%v allocations", n)
		}
		closeNow(t, s.Tracer)
	})
}

func TestDaemonEndpoint(t *testing.T) {
	for variable, want := range map[string]string{
		"169.254.79.129:2000":                   "udp://169.254.79.129:2000",
		"tcp:127.0.0.1:2001 udp:127.0.0.2:2002": "udp://127.0.0.2:2002",
		"udp:127.0.0.2:2002 tcp:127.0.0.1:2001": "udp://127.0.0.2:2002",
		"tcp:127.0.0.1:2001":                    "",
		"":                                      "",
	} {
		if got := DaemonEndpoint(variable); got != want {
			t.Errorf("%q: %q", variable, got)
		}
	}
}

// BenchmarkFlush measures what a function on Lambda waits for before it is frozen: the spans of one request are made and
// sent, to a daemon that nobody reads.
func BenchmarkFlush(b *testing.B) {
	d := newDaemon(b, "127.0.0.1:0")
	for name, keep := range map[string]bool{"of one request": true, "of none": false} {
		b.Run(name, func(b *testing.B) {
			tr := newTracer(b, Options{Endpoint: d.url(), Sample: 1, Rand: rand.Uint64})
			defer closeNow(b, tr)
			r := request()
			b.ReportAllocs()
			for b.Loop() {
				if keep {
					r.Trace.ID = [16]byte{}
					tr.Told(r)
				}
				if err := tr.Flush(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
