package app

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"testing"

	"golang.org/x/net/http2/hpack"
)

// The frames of HTTP/2 (RFC 9113, section 6), and what of them is used here.
const (
	frameData         = 0x0
	frameHeaders      = 0x1
	framePriority     = 0x2
	frameReset        = 0x3
	frameSettings     = 0x4
	framePing         = 0x6
	frameGoAway       = 0x7
	frameWindow       = 0x8
	frameContinuation = 0x9

	flagAck        = 0x1
	flagEndStream  = 0x1
	flagEndHeaders = 0x4

	settingWindow = 0x4
	codeCancel    = 0x8

	mostInFrame = 16 << 10 // bytes
)

// codes are the names of errors, by their numbers.
var codes = [...]string{
	"NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED", "FRAME_SIZE_ERROR",
	"REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM", "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED",
}

// A peer speaks HTTP/2 frame by frame, and need not keep to any rule.
type peer struct {
	t      *testing.T
	conn   *tls.Conn
	frame  []byte
	head   bytes.Buffer
	pack   *hpack.Encoder
	unpack *hpack.Decoder
	next   uint32 // stream
}

// speak2 connects and says its settings.
func (s *secured) speak2(settings ...byte) *peer {
	s.t.Helper()
	p := &peer{t: s.t, conn: s.dialTLS("h2"), unpack: hpack.NewDecoder(4096, nil), next: 1}
	p.pack = hpack.NewEncoder(&p.head)
	_, err := io.WriteString(p.conn, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
	if err = errors.Join(err, p.write(frameSettings, 0, 0, settings), p.write(frameSettings, flagAck, 0, nil)); err != nil {
		s.t.Fatal(err)
	}
	return p
}

// setting is one setting of a frame of them.
func setting(id uint16, value uint32) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint16(nil, id), value)
}

func (p *peer) write(kind, flags byte, stream uint32, payload []byte) error {
	p.frame = binary.BigEndian.AppendUint32(p.frame[:0], uint32(len(payload))<<8|uint32(kind))
	p.frame = binary.BigEndian.AppendUint32(append(p.frame, flags), stream)
	_, err := p.conn.Write(append(p.frame, payload...))
	return err
}

func (p *peer) reset(stream uint32) error {
	return p.write(frameReset, 0, stream, binary.BigEndian.AppendUint32(nil, codeCancel))
}

// data sends a body, or a part of it.
func (p *peer) data(stream uint32, end bool, body string) error {
	for {
		n := min(len(body), mostInFrame)
		flags := byte(0)
		if end && n == len(body) {
			flags = flagEndStream
		}
		if err := p.write(frameData, flags, stream, []byte(body[:n])); err != nil || n == len(body) {
			return err
		}
		body = body[n:]
	}
}

// begin is what a request to score begins with.
func begin(path string, length int) []string {
	return []string{
		":method", "POST", ":scheme", "https", ":authority", "localhost", ":path", path,
		"content-type", "application/json", "content-length", strconv.Itoa(length),
	}
}

// block packs names and values, one after the other.
func (p *peer) block(fields ...string) []byte {
	p.head.Reset()
	for i := 0; i < len(fields); i += 2 {
		_ = p.pack.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]}) // to memory
	}
	return slices.Clone(p.head.Bytes())
}

// open begins a stream with these fields, and returns its number.
func (p *peer) open(end bool, fields ...string) (uint32, error) {
	id := p.next
	p.next += 2
	b := p.block(fields...)
	flags := byte(0)
	if end {
		flags = flagEndStream
	}
	n := min(len(b), mostInFrame)
	if n == len(b) {
		flags |= flagEndHeaders
	}
	err := p.write(frameHeaders, flags, id, b[:n])
	for b = b[n:]; err == nil && len(b) > 0; b = b[n:] {
		n = min(len(b), mostInFrame)
		flags = 0
		if n == len(b) {
			flags = flagEndHeaders
		}
		err = p.write(frameContinuation, flags, id, b[:n])
	}
	return id, err
}

func (p *peer) read() (kind byte, stream uint32, payload []byte, err error) {
	var head [9]byte
	if _, err = io.ReadFull(p.conn, head[:]); err != nil {
		return 0, 0, nil, err
	}
	payload = make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
	_, err = io.ReadFull(p.conn, payload)
	return head[3], binary.BigEndian.Uint32(head[5:]), payload, err
}

// outcome reads until it is known what became of a stream: its status, or the error of the stream or of the
// connection.
func (p *peer) outcome(id uint32) string {
	p.t.Helper()
	for {
		kind, stream, payload, err := p.read()
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			p.t.Error("the server keeps the connection open, and says nothing")
			return "open"
		case err != nil:
			return "closed"
		case kind == frameHeaders:
			fields, err := p.unpack.DecodeFull(payload)
			if err != nil || len(fields) == 0 {
				return fmt.Sprint("headers that are none: ", err)
			}
			if stream == id {
				return fields[0].Value
			}
		case kind == frameReset && stream == id:
			return codes[binary.BigEndian.Uint32(payload)]
		case kind == frameGoAway && binary.BigEndian.Uint32(payload[4:]) != 0:
			return codes[binary.BigEndian.Uint32(payload[4:])]
		}
	}
}

// ended reads until the connection ends, and returns the last word.
func (p *peer) ended() string { return p.outcome(1 << 30) }

// score asks for a score, in a stream of its own.
func (p *peer) score() string {
	id, err := p.open(false, begin("/v1/score", len(demoRow))...)
	if err = errors.Join(err, p.data(id, true, demoRow)); err != nil {
		return err.Error()
	}
	return p.outcome(id)
}
