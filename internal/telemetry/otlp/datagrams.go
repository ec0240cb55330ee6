package otlp

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// datagrams send spans to an X-Ray daemon, as AWS's distributions of OpenTelemetry do: a datagram is the daemon's header,
// "T1S" (traces that are sampled), and an ExportTraceServiceRequest in base64. On Lambda the platform runs the daemon.
//
// Nobody answers. All that is heard is, some time later, that there was no daemon: the next datagram meets this refusal
// instead of going. So the requests of a datagram are under way until the next has gone, or has met the refusal.
type datagrams struct {
	address  string
	conn     net.Conn // nil: there was none to send yet
	message  []byte
	packet   []byte
	underWay int // requests
}

const (
	udpScheme    = "udp://"
	daemonHeader = `{"format":"json","version":1}` + "\n" + "T1S"
	maxDatagram  = 65_507 // bytes that fit into one, behind the headers of IPv4 and UDP
	maxMessage   = (maxDatagram - len(daemonHeader)) / 4 * 3
)

// DaemonEndpoint returns the endpoint of the daemon that AWS_XRAY_DAEMON_ADDRESS names, which is host:port, or one for each
// protocol: tcp:host:port udp:host:port. "": it names none.
func DaemonEndpoint(variable string) string {
	for address := range strings.FieldsSeq(variable) {
		if of, ok := strings.CutPrefix(address, "udp:"); ok {
			return udpScheme + of
		}
		if !strings.HasPrefix(address, "tcp:") {
			return udpScheme + address
		}
	}
	return ""
}

var errTooLarge = errors.New("a span does not fit into a datagram")

// send sends spans in as few datagrams as hold them. There is an error only when the daemon's address cannot be had:
// nothing of them has gone then.
func (d *datagrams) send(ctx context.Context, s *spanner) (outcome, error) {
	if d.conn == nil {
		conn, err := new(net.Dialer).DialContext(ctx, "udp", d.address)
		if err != nil {
			return outcome{}, err
		}
		d.conn = conn
	}
	if until, ok := ctx.Deadline(); ok {
		_ = d.conn.SetWriteDeadline(until) // the system's queue may be full
	}
	var o outcome
	d.split(s.held, &o)
	return o, nil
}

// split sends spans in one datagram, or, where they are too many, each half of them likewise.
func (d *datagrams) split(spans []sdktrace.ReadOnlySpan, o *outcome) {
	d.message = appendSpans(d.message[:0], spans)
	switch {
	case len(d.message) <= maxMessage:
		d.packet = base64.StdEncoding.AppendEncode(append(d.packet[:0], daemonHeader...), d.message)
		d.write(requestsOf(spans), o)
	case len(spans) == 1:
		o.lost, o.why = o.lost+requestsOf(spans), errTooLarge
	default:
		d.split(spans[:len(spans)/2], o)
		d.split(spans[len(spans)/2:], o)
	}
}

// write sends a datagram that has the spans of so many requests.
func (d *datagrams) write(requests int, o *outcome) {
	_, err := d.conn.Write(d.packet)
	if refused(err) { // the one before; this one has not gone
		o.lost, o.why = o.lost+d.underWay, fmt.Errorf("there is no X-Ray daemon: %w", err)
		d.underWay = 0
		_, err = d.conn.Write(d.packet)
	}
	o.sent += d.underWay
	d.underWay = requests
	if err != nil {
		d.underWay = 0
		o.lost, o.why = o.lost+requests, err
	}
}

// refused reports whether an error tells of a datagram that went before: the host has nobody who listens at the port.
func refused(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, wsaConnReset)
}

// wsaConnReset is how Windows says so.
const wsaConnReset = syscall.Errno(10054)

// close counts what is under way as sent: nobody has said otherwise.
func (d *datagrams) close() outcome {
	if d.conn != nil {
		_ = d.conn.Close()
	}
	return outcome{sent: d.underWay}
}
