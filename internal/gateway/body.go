package gateway

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"strconv"
	"strings"

	"github.com/besra-ml/besra/internal/problem"
)

// readBody reads a JSON request's body, unpacked, into buf's memory. What is longer than limit is refused, by its
// announced length before anything is read. The limit holds for what is sent as for what it unpacks to.
func (g *Gateway) readBody(w http.ResponseWriter, r *http.Request, buf []byte, limit int64) ([]byte, *problem.Problem) {
	packed, p := checkEncoding(w, r)
	if p != nil {
		return buf, p
	}
	if p := checkType(r); p != nil {
		return buf, p
	}
	if r.ContentLength > limit {
		return buf, tooLong(w, r, limit)
	}
	if packed {
		return g.readPacked(w, r, buf, limit)
	}
	buf = buf[:0]
	if want := r.ContentLength + 1; r.ContentLength >= 0 && int64(cap(buf)) < want {
		// An announced length is no promise: memory follows what arrives.
		buf = make([]byte, 0, min(want, 64<<10))
	}
	buf, err := readAll(r.Body, buf, limit)
	switch {
	case errors.Is(err, errBeyond):
		return buf, tooLong(w, r, limit)
	case err != nil:
		return buf, unread(err)
	}
	return buf, nil
}

// errBeyond says that there is more than the limit.
var errBeyond = errors.New("beyond the limit")

// readAll appends to buf what r has, up to the limit. Its memory grows with what comes, to one byte beyond it.
func readAll(r io.Reader, buf []byte, limit int64) ([]byte, error) {
	for {
		if len(buf) == cap(buf) {
			buf = append(make([]byte, 0, min(2*int64(len(buf))+4<<10, limit)+1), buf...)
		}
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if int64(len(buf)) > limit {
			return buf, errBeyond
		}
		if err == io.EOF {
			return buf, nil
		}
		if err != nil {
			return buf, err
		}
	}
}

// tooLong hangs up, as the body is not worth reading to its end. HTTP/2 need not: there it is a stream's alone.
func tooLong(w http.ResponseWriter, r *http.Request, limit int64) *problem.Problem {
	if r.ProtoMajor == 1 {
		w.Header()["Connection"] = closing
	}
	return problem.TooLarge.Of("", "the body is longer than "+strconv.FormatInt(limit, 10)+" bytes")
}

func unread(err error) *problem.Problem {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return problem.BadRequest.Of("", "the body did not arrive in time")
	}
	return problem.BadRequest.Of("", "the body did not arrive whole")
}

// checkEncoding wants a body that is plain, or packed by gzip, once.
func checkEncoding(w http.ResponseWriter, r *http.Request) (packed bool, p *problem.Problem) {
	encoding := r.Header["Content-Encoding"]
	switch {
	case len(encoding) == 0:
		return false, nil
	case len(encoding) == 1 && (encoding[0] == "" || strings.EqualFold(encoding[0], "identity")):
		return false, nil
	case len(encoding) == 1 && (strings.EqualFold(encoding[0], "gzip") || strings.EqualFold(encoding[0], "x-gzip")):
		return true, nil
	}
	w.Header()["Accept-Encoding"] = gzipOnly
	return false, problem.BadMediaType.Of("", "send the body plain, or packed by gzip, once")
}

// checkType wants application/json, in UTF-8 if a charset is named.
func checkType(r *http.Request) *problem.Problem {
	t := r.Header["Content-Type"]
	if len(t) == 1 && t[0] == "application/json" {
		return nil
	}
	if len(t) == 1 {
		media, params, err := mime.ParseMediaType(t[0])
		charset := params["charset"]
		if err == nil && media == "application/json" && (charset == "" || charset == "utf-8" || charset == "UTF-8") {
			return nil
		}
	}
	return problem.BadMediaType.Of("", "send Content-Type: application/json")
}
