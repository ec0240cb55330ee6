package gateway

import (
	"bufio"
	"compress/gzip"
	"errors"
	"io"
	"net/http"

	"github.com/besra-ml/besra/internal/problem"
)

var errBehind = errors.New("something follows it")

// An unpacker unpacks bodies by gzip. It is reused: it holds some 50 KB.
type unpacker struct {
	sent   sent
	reader *bufio.Reader // of sent
	gzip   gzip.Reader   // of reader
}

// sent is a body as it was sent, of which no more than the limit is read.
type sent struct {
	body io.Reader
	left int64
	err  error // what stopped it; nil, or io.EOF at its end
}

func (s *sent) Read(b []byte) (int, error) {
	if s.left < 0 {
		s.err = errBeyond
		return 0, errBeyond
	}
	n, err := s.body.Read(b[:min(int64(len(b))-1, s.left)+1])
	if s.left -= int64(n); s.left < 0 {
		n, err = 0, errBeyond
	}
	s.err = err
	return n, err
}

func newUnpacker() *unpacker {
	u := new(unpacker)
	u.reader = bufio.NewReader(&u.sent)
	return u
}

// readPacked is readBody of a body that is packed by gzip: one member, and nothing behind it.
func (g *Gateway) readPacked(w http.ResponseWriter, r *http.Request, buf []byte, limit int64) ([]byte, *problem.Problem) {
	u, ok := g.unpackers.Get().(*unpacker)
	if !ok {
		u = newUnpacker()
	}
	defer g.unpackers.Put(u)
	buf, err := u.unpack(r.Body, buf, limit)
	u.sent.body = nil
	switch {
	case err == nil:
		return buf, nil
	case errors.Is(err, errBeyond):
		return buf, tooLong(w, r, limit)
	case u.sent.err != nil && !errors.Is(u.sent.err, io.EOF):
		return buf, unread(u.sent.err)
	}
	return buf, problem.BadRequest.Of("", "the body is not what gzip makes of one file: "+err.Error())
}

// unpack appends to buf's memory what body unpacks to.
func (u *unpacker) unpack(body io.Reader, buf []byte, limit int64) ([]byte, error) {
	buf = buf[:0]
	u.sent = sent{body: body, left: limit}
	u.reader.Reset(&u.sent)
	if err := u.gzip.Reset(u.reader); err != nil {
		return buf, u.why(err)
	}
	u.gzip.Multistream(false)
	buf, err := readAll(&u.gzip, buf, limit)
	if err != nil {
		return buf, u.why(err)
	}
	if _, err = u.reader.ReadByte(); err == nil {
		return buf, errBehind
	}
	if !errors.Is(err, io.EOF) {
		return buf, u.why(err)
	}
	return buf, nil
}

// why is err, or that more was sent than may be.
func (u *unpacker) why(err error) error {
	switch {
	case u.sent.left < 0:
		return errBeyond
	case errors.Is(err, io.EOF):
		return io.ErrUnexpectedEOF
	}
	return err
}
