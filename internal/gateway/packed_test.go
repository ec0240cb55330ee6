package gateway

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/besra-ml/besra/internal/problem"
)

// pack packs text by gzip.
func pack(t testing.TB, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := io.WriteString(w, text)
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// postEncoded sends a body in an encoding, its length announced or not.
func postEncoded(g *Gateway, path string, body []byte, announced bool, encodings ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, path, bytes.NewReader(body))
	if !announced {
		r.ContentLength = -1
	}
	r.Header.Set("Content-Type", "application/json")
	for _, e := range encodings {
		r.Header.Add("Content-Encoding", e)
	}
	w := httptest.NewRecorder()
	g.ServeHTTP(w, r)
	return w
}

const packedRow = `{"row":[1,0,null]}`

func TestPackedBodies(t *testing.T) {
	g := newGateway(t, sum, nil)
	good := pack(t, packedRow)
	changed := func(i int, x byte) []byte {
		b := bytes.Clone(good)
		b[(i+len(b))%len(b)] ^= x
		return b
	}
	var zlibbed, deflated bytes.Buffer
	zw := zlib.NewWriter(&zlibbed)
	fw, _ := flate.NewWriter(&deflated, 6)
	for _, w := range []io.WriteCloser{zw, fw} {
		_, err := io.WriteString(w, packedRow)
		if err := errors.Join(err, w.Close()); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		body   []byte
		status int
		detail string
	}{
		"a good one":               {good, 200, ""},
		"with spaces that vanish":  {pack(t, strings.Repeat(" ", 4000)+packedRow), 200, ""},
		"nothing":                  {nil, 400, "unexpected EOF"},
		"nothing, packed":          {pack(t, ""), 400, ""},
		"plain text":               {[]byte(packedRow), 400, "invalid header"},
		"zlib":                     {zlibbed.Bytes(), 400, "invalid header"},
		"raw deflate":              {deflated.Bytes(), 400, "invalid header"},
		"cut short in its header":  {good[:5], 400, "unexpected EOF"},
		"cut short":                {good[:len(good)-12], 400, "unexpected EOF"},
		"cut short in its sum":     {good[:len(good)-1], 400, "unexpected EOF"},
		"a wrong sum":              {changed(-8, 1), 400, "invalid checksum"},
		"a wrong length":           {changed(-4, 1), 400, "invalid checksum"},
		"a damaged block":          {changed(10, 6), 400, "corrupt"},
		"garbage behind it":        {append(bytes.Clone(good), 'x'), 400, "something follows"},
		"zeros behind it":          {append(bytes.Clone(good), 0, 0, 0), 400, "something follows"},
		"another behind it":        {append(bytes.Clone(good), good...), 400, "something follows"},
		"an empty one behind it":   {append(bytes.Clone(good), pack(t, "")...), 400, "something follows"},
		"packed twice":             {pack(t, string(good)), 400, ""},
		"as long as may be":        {pack(t, packedRow+strings.Repeat(" ", 4096-len(packedRow))), 200, ""},
		"one byte longer":          {pack(t, packedRow+strings.Repeat(" ", 4097-len(packedRow))), 413, "longer than 4096 bytes"},
		"a bomb":                   {pack(t, strings.Repeat(" ", 10<<20)), 413, ""},
		"empty blocks without end": {append(bytes.Clone(good[:10]), bytes.Repeat([]byte{0, 0, 0, 0xff, 0xff}, 1000)...), 413, ""},
	} {
		t.Run(name, func(t *testing.T) {
			for _, announced := range []bool{true, false} {
				w := postEncoded(g, "/v1/score", c.body, announced, "gzip")
				if w.Code != c.status || !strings.Contains(w.Body.String(), c.detail) {
					t.Errorf("announced %v: %d %s, want %d, %q", announced, w.Code, w.Body, c.status, c.detail)
				}
				if closes := w.Header().Get("Connection") == "close"; closes != (c.status == 413) {
					t.Errorf("announced %v: hangs up %v", announced, closes)
				}
			}
			if w := postEncoded(g, "/v1/score", good, true, "gzip"); w.Code != 200 {
				t.Errorf("afterwards: %d %s", w.Code, w.Body)
			}
		})
	}
}

func TestEncodings(t *testing.T) {
	g := newGateway(t, sum, nil)
	good := pack(t, packedRow)
	for _, c := range []struct {
		body      []byte
		encodings []string
		status    int
	}{
		{[]byte(packedRow), []string{""}, 200},
		{[]byte(packedRow), []string{"identity"}, 200},
		{good, []string{"gzip"}, 200},
		{good, []string{"GZip"}, 200},
		{good, []string{"x-gzip"}, 200},
		{good, []string{"deflate"}, 415},
		{good, []string{"br"}, 415},
		{good, []string{"zstd"}, 415},
		{good, []string{"gzip, gzip"}, 415},
		{good, []string{"gzip", "gzip"}, 415},
		{good, []string{"identity, gzip"}, 415},
		{good, []string{"identity", "gzip"}, 415},
		{good, []string{"gzip;q=1"}, 415},
	} {
		for _, path := range []string{"/v1/score", "/v1/score/batch", "/v1/labels"} {
			w := postEncoded(g, path, c.body, true, c.encodings...)
			if got := w.Code; path == "/v1/score" && got != c.status || (got == 415) != (c.status == 415) {
				t.Errorf("%s, %q: %d %s", path, c.encodings, got, w.Body)
			}
			want := ""
			if c.status == 415 {
				want = "gzip"
			}
			if got := w.Header().Get("Accept-Encoding"); got != want {
				t.Errorf("%s, %q: Accept-Encoding %q", path, c.encodings, got)
			}
		}
	}
}

func TestAPackedBodyThatDoesNotArrive(t *testing.T) {
	g := newGateway(t, sum, nil)
	good := pack(t, packedRow)
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"in time": {os.ErrDeadlineExceeded, "the body did not arrive in time"},
		"whole":   {io.ErrUnexpectedEOF, "the body did not arrive whole"},
	} {
		for _, n := range []int{0, 5, 20, len(good) - 4, len(good)} {
			r := httptest.NewRequest(http.MethodPost, "/v1/score", io.MultiReader(bytes.NewReader(good[:n]), iotest.ErrReader(c.err)))
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Content-Encoding", "gzip")
			w := httptest.NewRecorder()
			g.ServeHTTP(w, r)
			if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), c.want) {
				t.Errorf("%s, after %d bytes: %d %s", name, n, w.Code, w.Body)
			}
		}
	}
}

// What is unpacked takes memory up to the limit and no more, whatever it would come to.
func TestAPackedBodyTakesNoMoreThanTheLimit(t *testing.T) {
	const limit = 1 << 20
	bomb := pack(t, strings.Repeat(" ", 100<<20))
	var buf []byte
	u := newUnpacker()
	if _, err := u.unpack(bytes.NewReader(bomb), nil, limit); err == nil { // what is reused is there
		t.Fatal("it is unpacked")
	}
	n := testing.Benchmark(func(b *testing.B) {
		for b.Loop() {
			var err error
			if buf, err = u.unpack(bytes.NewReader(bomb), nil, limit); err != errBeyond { //nolint:errorlint // as readPacked does
				b.Fatal(err)
			}
		}
	}).AllocedBytesPerOp()
	if cap(buf) > limit+8<<10 || n > 3*limit {
		t.Errorf("%d bytes are held, %d bytes were taken for a limit of %d", cap(buf), n, limit)
	}
}

func BenchmarkBody(b *testing.B) {
	text := `{"row":[138.43,0,0,3,104.76,8,73.7325,16,86.62063,2,0,12,0,48,0]}`
	g := &Gateway{}
	for _, c := range []struct {
		name, encoding string
		body           []byte
	}{{"plain", "", []byte(text)}, {"packed", "gzip", pack(b, text)}, {"packed, 64 KiB", "gzip", pack(b, strings.Repeat(text, 1000))}} {
		b.Run(c.name, func(b *testing.B) {
			read := bytes.NewReader(nil)
			r := httptest.NewRequest(http.MethodPost, "/v1/score", nil)
			r.Body = io.NopCloser(read)
			r.ContentLength = int64(len(c.body))
			r.Header.Set("Content-Type", "application/json")
			if c.encoding != "" {
				r.Header.Set("Content-Encoding", c.encoding)
			}
			w := answer{http.Header{}}
			var buf []byte
			b.ReportAllocs()
			for b.Loop() {
				read.Reset(c.body)
				var p *problem.Problem
				if buf, p = g.readBody(w, r, buf, 1<<20); p != nil {
					b.Fatal(p)
				}
			}
		})
	}
}
