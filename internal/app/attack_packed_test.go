package app

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

func packed(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := io.WriteString(w, text)
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// bomb is some n×64 KiB that gzip unpacks to n×64 MiB of spaces.
func bomb(t *testing.T, n int) string {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	for range 64 {
		_, e := w.Write(bytes.Repeat([]byte(" "), 1<<20))
		err = errors.Join(err, e)
	}
	if err = errors.Join(err, w.Flush()); err != nil {
		t.Fatal(err)
	}
	// What refers to the spaces before it may as well stand behind others.
	return "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff" + strings.Repeat(b.String(), n)
}

func packedRequest(path, body, length string) string {
	return "POST " + path + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\n" + length + "\r\n\r\n" + body
}

func TestBombsAreNotUnpacked(t *testing.T) {
	s := start(t, nil)
	s.scores()
	ten := bomb(t, 150) // 10 MB, which would be 10 GB
	small := bomb(t, 1)
	for name, c := range map[string]struct {
		path, body string
		most       uint64 // bytes of memory taken in all
	}{
		"a small one":                         {"/v1/score", small, 16 << 20},
		"a small one, as a batch":             {"/v1/score/batch", small, 80 << 20}, // whose limit is 16 MiB
		"a small one, as labels":              {"/v1/labels", small, 80 << 20},
		"ten megabytes of them, as a batch":   {"/v1/score/batch", ten, 80 << 20},
		"ten megabytes of them":               {"/v1/score", ten, 16 << 20},
		"one in one":                          {"/v1/score", packed(t, small), 16 << 20},
		"deep arrays":                         {"/v1/score", packed(t, strings.Repeat("[", 1<<20)), 16 << 20},
		"deep arrays, in a batch":             {"/v1/score/batch", packed(t, `{"events":[{"row":`+strings.Repeat("[", 15<<20)), 80 << 20},
		"deep objects":                        {"/v1/score", packed(t, strings.Repeat(`{"a":`, 200_000)), 16 << 20},
		"a batch of nothing, very many times": {"/v1/score/batch", packed(t, `{"events":[`+strings.Repeat(`{},`, 5<<20)+`{}]}`), 80 << 20},
	} {
		for _, length := range []string{fmt.Sprintf("Content-Length: %d", len(c.body)), "Transfer-Encoding: chunked"} {
			t.Run(name+", "+length[:7], func(t *testing.T) {
				body := c.body
				if !strings.HasPrefix(length, "Content-Length") {
					body = fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body)
				}
				request := packedRequest(c.path, body, length)
				w := dial(t, s)
				before := allocated()
				sent := make(chan struct{})
				go func() {
					defer close(sent)
					_, _ = io.WriteString(w, request) // it is hung up on before its end
				}()
				resp, answer := w.answer()
				if resp.StatusCode != http.StatusRequestEntityTooLarge && resp.StatusCode != http.StatusBadRequest {
					t.Errorf("%d %s", resp.StatusCode, answer)
				}
				if taken := allocated() - before; taken > c.most {
					t.Errorf("%d bytes of memory were taken, want at most %d", taken, c.most)
				}
				s.scores()
				w.Close()
				<-sent
			})
		}
	}
	t.Run("many at once", func(t *testing.T) {
		bounded(t, 16*64<<20, 200)
		var team sync.WaitGroup
		for range 16 {
			team.Go(func() {
				w := dial(t, s)
				_, _ = io.WriteString(w, packedRequest("/v1/score/batch", small, fmt.Sprintf("Content-Length: %d", len(small))))
				if resp, err := http.ReadResponse(w.r, nil); err != nil {
					t.Error(err)
				} else {
					resp.Body.Close()
				}
			})
		}
		s.scores()
		team.Wait()
	})
	s.inFlight(0)
}

func TestAPackedRequestIsAnsweredAsAPlainOne(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	for path, body := range map[string]string{"/v1/score": demoRow, "/v1/score/batch": `{"events":[` + strings.Repeat(demoRow+",", 500) + demoRow + `]}`} {
		_, want := s.post(path, body)
		w := dial(t, s)
		for range 3 { // on one connection
			b := packed(t, body)
			w.send(packedRequest(path, b, fmt.Sprintf("Content-Length: %d", len(b))))
			if resp, got := w.answer(); resp.StatusCode != http.StatusOK || got != want || resp.Close {
				t.Errorf("%s: %d %.300s\nwant %.300s", path, resp.StatusCode, got, want)
			}
		}
	}
}

func TestSlowBodiesOfEveryKind(t *testing.T) {
	t.Parallel()
	const limit = 200 * time.Millisecond
	s := start(t, func(c *Config) { c.Timeouts.Body = limit })
	small := packed(t, demoRow)
	for name, c := range map[string]struct{ head, body string }{
		"packed":               {packedRequest("/v1/score", "", fmt.Sprintf("Content-Length: %d", len(small))), small},
		"packed, in chunks":    {packedRequest("/v1/score", "", "Transfer-Encoding: chunked"), fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(small), small)},
		"chunks of one byte":   {strings.Replace(scoreRequest("/v1/score", 0), "Content-Length: 0", "Transfer-Encoding: chunked", 1), strings.Repeat("1\r\n \r\n", 100)},
		"a chunk's extension":  {strings.Replace(scoreRequest("/v1/score", 0), "Content-Length: 0", "Transfer-Encoding: chunked", 1), "1;" + strings.Repeat("a", 1000)},
		"a body to be told of": {strings.Replace(scoreRequest("/v1/score", 50), "\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n", 1), strings.Repeat(" ", 50)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			begun := time.Now()
			w := dial(t, s)
			w.send(c.head)
			gone := make(chan struct{})
			go func() {
				defer close(gone)
				for i := range len(c.body) {
					if _, err := w.Write([]byte{c.body[i]}); err != nil {
						return
					}
					time.Sleep(limit / 10)
				}
			}()
			resp, answer := w.answer()
			if resp.StatusCode == http.StatusContinue {
				resp, answer = w.answer()
			}
			took(t, begun, limit)
			if p := refused(t, resp.StatusCode, answer, http.StatusBadRequest, "bad-request"); p.Detail != "the body did not arrive in time" {
				t.Errorf("detail %q", p.Detail)
			}
			w.closed()
			w.Close()
			<-gone
			s.scores()
		})
	}
}

// Headers that come and come take what one request may have, on each connection, until their time is over.
func TestHeadersWithoutEnd(t *testing.T) {
	const limit = time.Second
	s := start(t, func(c *Config) { c.Timeouts.Header = limit })
	s.scores()
	bounded(t, 64<<20, 600)
	var all []*wire
	for range 200 {
		w := dial(t, s)
		w.send("GET /livez HTTP/1.1\r\nHost: localhost\r\n" + strings.Repeat("X: "+strings.Repeat("y", 1000)+"\r\n", 15))
		all = append(all, w)
	}
	s.scores()
	for _, w := range all {
		if resp, err := http.ReadResponse(w.r, nil); err == nil {
			resp.Body.Close()
			if resp.StatusCode < 400 {
				t.Errorf("answered %d", resp.StatusCode)
			}
		}
	}
	s.scores()
}
