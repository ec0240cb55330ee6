package lambdasim

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"google.golang.org/protobuf/encoding/protowire"
)

// Traces are what an X-Ray daemon would have been sent: a UDP socket, and the newest of what came. Its methods may be called
// from many goroutines; whoever makes one closes it.
//
// A datagram is a header line, {"format":"json","version":1}, and below it a segment document of X-Ray, or OpenTelemetry's
// ExportTraceServiceRequest as base64 with T1S before it if it is sampled and T1U if not, as AWS's exporters send it.
type Traces struct {
	conn *net.UDPConn
	done chan struct{}

	mu     sync.Mutex
	spans  []Span
	first  int
	all    int
	broken int
	faults []string
}

// A Span is a part of a trace.
type Span struct {
	Trace, ID, Parent string // in hex; X-Ray's own spelling of the trace
	Name              string
	Start, End        time.Time
	Sampled           bool
	Form              string // segment or otlp
}

const maxSpans = 10_000

// ListenTraces returns traces that listen on a port of loopback.
func ListenTraces() (*Traces, error) {
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	_ = conn.SetReadBuffer(4 << 20) // as much as the system allows
	t := &Traces{conn: conn, done: make(chan struct{})}
	go t.receive()
	return t, nil
}

// Address returns where it listens, as AWS_XRAY_DAEMON_ADDRESS has it.
func (t *Traces) Address() string { return t.conn.LocalAddr().String() }

// Close stops listening.
func (t *Traces) Close() {
	_ = t.conn.Close()
	<-t.done
}

func (t *Traces) receive() {
	defer close(t.done)
	room := make([]byte, 64<<10)
	for {
		n, _, err := t.conn.ReadFromUDPAddrPort(room)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			t.take(room[:n])
		}
	}
}

func (t *Traces) take(datagram []byte) {
	spans, err := readDatagram(datagram)
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil {
		t.broken++
		if t.faults = append(t.faults, err.Error()); len(t.faults) > maxFaults {
			t.faults = t.faults[1:]
		}
		return
	}
	for _, s := range spans {
		t.all++
		if len(t.spans) < maxSpans {
			t.spans = append(t.spans, s)
			continue
		}
		t.spans[t.first] = s
		t.first = (t.first + 1) % maxSpans
	}
}

// Spans returns the newest spans, n at most, oldest first.
func (t *Traces) Spans(n int) []Span {
	t.mu.Lock()
	defer t.mu.Unlock()
	n = min(max(n, 0), len(t.spans))
	out := make([]Span, 0, n)
	for i := len(t.spans) - n; i < len(t.spans); i++ {
		out = append(out, t.spans[(t.first+i)%len(t.spans)])
	}
	return out
}

// Received returns how many spans came, how many datagrams could not be read, and the newest reasons.
func (t *Traces) Received() (spans, broken int, why []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.all, t.broken, append([]string(nil), t.faults...)
}

// Wait waits until so many spans have come, or ctx ends: what is sent by UDP comes when it comes.
func (t *Traces) Wait(ctx context.Context, spans int) bool {
	for {
		if n, _, _ := t.Received(); n >= spans {
			return true
		}
		if !sleep(ctx, time.Millisecond) {
			return false
		}
	}
}

func readDatagram(b []byte) ([]Span, error) {
	head, body, ok := bytes.Cut(b, []byte("\n"))
	var header struct {
		Format  string `json:"format"`
		Version int    `json:"version"`
	}
	if err := json.Unmarshal(head, &header); err != nil || !ok || header.Format != "json" || header.Version != 1 {
		return nil, fmt.Errorf("a datagram begins with %.60q", head)
	}
	sampled := bytes.HasPrefix(body, []byte("T1S"))
	if !sampled && !bytes.HasPrefix(body, []byte("T1U")) {
		return readSegment(body)
	}
	request, err := base64.StdEncoding.DecodeString(string(bytes.TrimSpace(body[3:])))
	if err != nil {
		return nil, fmt.Errorf("spans: %w", err)
	}
	var spans []Span
	// ExportTraceServiceRequest{1: ResourceSpans{2: ScopeSpans{2: Span}}}
	err = members(request, 1, func(resource []byte) error {
		return members(resource, 2, func(scope []byte) error {
			return members(scope, 2, func(span []byte) error {
				s, err := readSpan(span)
				s.Sampled = sampled
				spans = append(spans, s)
				return err
			})
		})
	})
	if err == nil && len(spans) == 0 {
		err = errors.New("an export of no spans")
	}
	return spans, err
}

func readSegment(b []byte) ([]Span, error) {
	var s struct {
		Trace  string  `json:"trace_id"`
		ID     string  `json:"id"`
		Parent string  `json:"parent_id"`
		Name   string  `json:"name"`
		Start  float64 `json:"start_time"`
		End    float64 `json:"end_time"`
	}
	if err := json.Unmarshal(b, &s); err != nil {
		return nil, fmt.Errorf("segment: %w", err)
	}
	if s.Trace == "" || s.ID == "" || s.Name == "" || s.Start == 0 {
		return nil, errors.New("segment: trace_id, id, name and start_time are needed")
	}
	at := func(seconds float64) time.Time { return time.UnixMicro(int64(seconds * 1e6)) }
	return []Span{{
		Trace: s.Trace, ID: s.ID, Parent: s.Parent, Name: s.Name, Start: at(s.Start), End: at(s.End), Sampled: true, Form: "segment",
	}}, nil
}

func readSpan(b []byte) (Span, error) {
	s := Span{Form: "otlp"}
	err := fields(b, func(number protowire.Number, v []byte, fixed uint64) error {
		switch number {
		case 1:
			if len(v) != 16 {
				return fmt.Errorf("a trace id of %d bytes", len(v))
			}
			id := hex.EncodeToString(v)
			s.Trace = "1-" + id[:8] + "-" + id[8:]
		case 2:
			s.ID = hex.EncodeToString(v)
		case 4:
			s.Parent = hex.EncodeToString(v)
		case 5:
			s.Name = string(v)
		case 7:
			s.Start = time.Unix(0, int64(fixed))
		case 8:
			s.End = time.Unix(0, int64(fixed))
		default: // what nobody asks for
		}
		return nil
	})
	if err == nil && (s.Trace == "" || len(s.ID) != 16 || s.Name == "") {
		err = errors.New("a span without id or name")
	}
	return s, err
}

// members calls f with each message that is field wanted of b.
func members(b []byte, wanted protowire.Number, f func([]byte) error) error {
	return fields(b, func(number protowire.Number, v []byte, _ uint64) error {
		if number != wanted {
			return nil
		}
		return f(v)
	})
}

// fields calls f with each field of a message of protocol buffers: bytes, or a number of eight bytes.
func fields(b []byte, f func(number protowire.Number, v []byte, fixed uint64) error) error {
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		var v []byte
		var fixed uint64
		switch kind {
		case protowire.BytesType:
			v, n = protowire.ConsumeBytes(b)
		case protowire.Fixed64Type:
			fixed, n = protowire.ConsumeFixed64(b)
		default:
			n = protowire.ConsumeFieldValue(number, kind, b)
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		if err := f(number, v, fixed); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}
