package gateway

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"slices"
	"strconv"
)

// readBody reads a JSON request's body into buf's memory. What is longer than limit is refused, by its
// announced length before anything is read.
func readBody(w http.ResponseWriter, r *http.Request, buf []byte, limit int64) ([]byte, *Problem) {
	if p := checkType(r); p != nil {
		return buf, p
	}
	if r.ContentLength > limit {
		w.Header()["Connection"] = closing // the body is not worth reading to its end
		return buf, tooLong(limit)
	}
	buf = buf[:0]
	if want := r.ContentLength + 1; r.ContentLength >= 0 && int64(cap(buf)) < want {
		// An announced length is no promise: memory follows what arrives.
		buf = make([]byte, 0, min(want, 64<<10))
	}
	for {
		if len(buf) == cap(buf) {
			buf = slices.Grow(buf, max(len(buf), 4<<10))
		}
		n, err := r.Body.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if int64(len(buf)) > limit {
			w.Header()["Connection"] = closing
			return buf, tooLong(limit)
		}
		if err == io.EOF {
			return buf, nil
		}
		if err != nil {
			return buf, unread(err)
		}
	}
}

func tooLong(limit int64) *Problem {
	return tooLarge.of("", "the body is longer than "+strconv.FormatInt(limit, 10)+" bytes")
}

func unread(err error) *Problem {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return badRequest.of("", "the body did not arrive in time")
	}
	return badRequest.of("", "the body did not arrive whole")
}

// checkType wants application/json, in UTF-8 if a charset is named.
func checkType(r *http.Request) *Problem {
	if e := r.Header.Get("Content-Encoding"); e != "" && e != "identity" {
		return badMediaType.of("", "the body is encoded; send it plain")
	}
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
	return badMediaType.of("", "send Content-Type: application/json")
}
