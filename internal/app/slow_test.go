package app

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestSlowClientsAreCutOff(t *testing.T) {
	t.Parallel()
	const limit = 150 * time.Millisecond
	short := func(which func(*TimeoutsConfig) *time.Duration) func(*Config) {
		return func(c *Config) {
			c.Timeouts = TimeoutsConfig{time.Minute, time.Minute, time.Minute, time.Minute, time.Minute}
			*which(&c.Timeouts) = limit
		}
	}

	t.Run("who sends headers one byte at a time is hung up on", func(t *testing.T) {
		t.Parallel()
		s := start(t, short(func(c *TimeoutsConfig) *time.Duration { return &c.Header }))
		begun := time.Now()
		w := dial(t, s)
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			for _, b := range []byte(scoreRequest("/v1/score", 10)) {
				if _, err := w.Write([]byte{b}); err != nil {
					return
				}
				time.Sleep(limit / 20)
			}
		}()
		if rest, err := io.ReadAll(w.r); len(rest) > 0 && !strings.HasPrefix(string(rest), "HTTP/1.1 400 ") {
			t.Errorf("before it hung up, the server said %q, %v", rest, err)
		}
		took(t, begun, limit)
		w.Close()
		<-gone
		s.scores()
	})

	t.Run("who opens a connection and says nothing is hung up on", func(t *testing.T) {
		t.Parallel()
		s := start(t, short(func(c *TimeoutsConfig) *time.Duration { return &c.Header }))
		begun := time.Now()
		w := dial(t, s)
		w.closed()
		took(t, begun, limit)
	})

	for path, body := range map[string]string{"/v1/score": demoRow, "/v1/score/batch": `{"events":[` + demoRow + `]}`} {
		t.Run("who sends a body one byte at a time is told and hung up on: "+path, func(t *testing.T) {
			t.Parallel()
			s := start(t, short(func(c *TimeoutsConfig) *time.Duration { return &c.Body }))
			begun := time.Now()
			w := dial(t, s)
			w.send(scoreRequest(path, len(body)))
			gone := make(chan struct{})
			go func() {
				defer close(gone)
				for i := range len(body) {
					if _, err := w.Write([]byte{body[i]}); err != nil {
						return
					}
					time.Sleep(limit / 10)
				}
			}()
			resp, answer := w.answer()
			took(t, begun, limit)
			if p := refused(t, resp.StatusCode, answer, http.StatusBadRequest, "bad-request"); p.Detail != "the body did not arrive in time" {
				t.Errorf("detail %q", p.Detail)
			}
			w.closed()
			w.Close()
			<-gone
			s.inFlight(0)
			s.scores()
		})
	}

	t.Run("an idle connection is closed after a while", func(t *testing.T) {
		t.Parallel()
		s := start(t, short(func(c *TimeoutsConfig) *time.Duration { return &c.Idle }))
		w := dial(t, s)
		w.send(scoreRequest("/v1/score", len(demoRow)) + demoRow)
		if resp, body := w.answer(); resp.StatusCode != http.StatusOK {
			t.Fatalf("%d %s", resp.StatusCode, body)
		}
		begun := time.Now()
		w.closed()
		took(t, begun, limit)
	})
}

// took checks that what began then has taken about as long as the limit.
func took(t *testing.T, begun time.Time, limit time.Duration) {
	t.Helper()
	if d := time.Since(begun); d < limit*9/10 || d > limit+5*time.Second {
		t.Errorf("after %v, want %v", d, limit)
	}
}

func TestWhoHangsUpHalfwayIsForgotten(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	for range 20 {
		w := dial(t, s)
		w.send(scoreRequest("/v1/score", len(demoRow)) + demoRow[:40])
		w.Close()
		w = dial(t, s)
		w.send(scoreRequest("/v1/score", len(demoRow)) + demoRow)
		w.Close() // without reading the answer
	}
	s.scores()
	s.inFlight(0)
}

func TestWhoNeverReadsBlocksNobodyElse(t *testing.T) {
	t.Parallel()
	const limit = time.Second
	s := start(t, func(c *Config) { c.Timeouts.Answer = limit })
	// Six requests in a row, to be answered with two megabytes each: no socket's buffers hold as much.
	body := `{"events":[` + strings.Repeat(`{"row":[]},`, 9_999) + demoRow + `]}`
	all := strings.Repeat(scoreRequest("/v1/score/batch", len(body))+body, 6)
	var deaf []*wire
	begun := time.Now()
	for range 8 {
		w := dial(t, s)
		if err := w.Conn.(*net.TCPConn).SetReadBuffer(4096); err != nil {
			t.Fatal(err)
		}
		w.send(all)
		deaf = append(deaf, w)
	}
	s.inFlight(uint64(len(deaf)))
	s.scores()
	s.inFlight(0)
	if d := time.Since(begun); d < limit {
		t.Errorf("they were given up after %v already, want %v", d, limit)
	}
	for _, w := range deaf {
		if n, _ := io.Copy(io.Discard, w.r); n >= 12<<20 {
			t.Errorf("%d bytes came in the end: all of the answers", n)
		}
	}
}

func TestRequestsInOnePacketAreAnsweredInOrder(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	w := dial(t, s)
	var all strings.Builder
	for i := range 50 {
		body := fmt.Sprintf(`{"event_id":"e%d",%s`, i, demoRow[1:])
		all.WriteString(scoreRequest("/v1/score", len(body)) + body)
	}
	w.send(all.String())
	for i := range 50 {
		resp, body := w.answer()
		if want := fmt.Sprintf(`{"event_id":"e%d",`, i); resp.StatusCode != http.StatusOK || !strings.HasPrefix(body, want) {
			t.Fatalf("answer %d: %d %s", i, resp.StatusCode, body)
		}
	}
}
