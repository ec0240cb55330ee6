package valkeytest

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

func TestProxy(t *testing.T) {
	s := Start(t)
	s.Must("SET", "key", strings.Repeat("v", 1000))
	dialed := func(t *testing.T, p *Proxy) *Conn {
		t.Helper()
		c, err := dial(p.Addr(), nil, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		return c
	}
	const brief = 100 * time.Millisecond
	timedOut := func(err error) bool {
		var timeout net.Error
		return errors.As(err, &timeout) && timeout.Timeout()
	}
	ended := func(err error) bool { return err != nil && !timedOut(err) }

	t.Run("pass counts", func(t *testing.T) {
		p := NewProxy(t, s.Addr())
		for range 3 {
			if got, err := dialed(t, p).Do("PING"); got != "PONG" || err != nil {
				t.Fatalf("%q, %v", got, err)
			}
		}
		if p.Accepted() != 3 || p.Open() != 3 || p.Asked() != 3*14 || p.Answered() != 3*7 {
			t.Errorf("%d %d %d %d", p.Accepted(), p.Open(), p.Asked(), p.Answered())
		}
	})
	t.Run("delay, each way, in order, and its end", func(t *testing.T) {
		p := NewProxy(t, s.Addr())
		c := dialed(t, p)
		p.Delay(brief)
		begun := time.Now()
		if got, err := c.Do("MGET", "key", "key"); len(got) != 2001 || err != nil {
			t.Fatalf("%q, %v", got, err)
		}
		if took := time.Since(begun); took < 2*brief || took > 50*brief {
			t.Errorf("it took %v", took)
		}
		p.Delay(time.Hour)
		time.AfterFunc(brief, p.Pass)
		if _, err := c.Do("PING"); err != nil {
			t.Error(err)
		}
	})
	t.Run("hold, then everything", func(t *testing.T) {
		p := NewProxy(t, s.Addr())
		before := dialed(t, p)
		p.Hold()
		for _, c := range []*Conn{before, dialed(t, p)} {
			if _, err := c.do(brief, "INCR", "held"); !timedOut(err) {
				t.Fatal(err)
			}
		}
		if got := s.Must("GET", "held"); got != "(nil)" {
			t.Errorf("%s", got)
		}
		p.Pass()
		before.conn.SetDeadline(time.Now().Add(patience))
		if got, err := before.answer(); err != nil {
			t.Errorf("%s, %v", got, err)
		}
	})
	t.Run("freeze, and what was swallowed is gone", func(t *testing.T) {
		p := NewProxy(t, s.Addr())
		c, idle := dialed(t, p), dialed(t, p)
		if _, err := idle.Do("PING"); err != nil {
			t.Fatal(err)
		}
		p.Freeze()
		for _, c := range []*Conn{c, dialed(t, p)} {
			if _, err := c.do(brief, "INCR", "frozen"); !timedOut(err) {
				t.Fatal(err)
			}
		}
		p.Pass()
		if _, err := c.Do("PING"); !ended(err) {
			t.Errorf("%v", err)
		}
		if _, err := idle.Do("PING"); err != nil {
			t.Errorf("%v", err)
		}
		if got := s.Must("GET", "frozen"); got != "(nil)" {
			t.Errorf("%s", got)
		}
	})
	t.Run("freeze before a server that is not there", func(t *testing.T) {
		p := NewProxy(t, net.JoinHostPort("127.0.0.1", "1"))
		p.Freeze()
		c := dialed(t, p)
		if _, err := c.do(brief, "PING"); !timedOut(err) {
			t.Errorf("%v", err)
		}
		p.Pass()
		if _, err := c.Do("PING"); !ended(err) {
			t.Errorf("%v", err)
		}
	})
	t.Run("drop", func(t *testing.T) {
		p := NewProxy(t, s.Addr())
		c := dialed(t, p)
		if _, err := c.Do("PING"); err != nil {
			t.Fatal(err)
		}
		p.Drop()
		if _, err := c.Do("PING"); !ended(err) {
			t.Errorf("%v", err)
		}
		if c, err := dial(p.Addr(), nil, time.Second); err == nil { // a fast reset ends the dialing
			defer c.Close()
			if _, err := c.Do("PING"); !ended(err) {
				t.Errorf("%v", err)
			}
		}
		if p.Accepted() != 2 {
			t.Errorf("%d connections", p.Accepted())
		}
		p.Pass()
		if _, err := dialed(t, p).Do("PING"); err != nil {
			t.Error(err)
		}
	})
	t.Run("refuse", func(t *testing.T) {
		p := NewProxy(t, s.Addr())
		c := dialed(t, p)
		p.Refuse()
		if _, err := c.Do("PING"); !ended(err) {
			t.Errorf("%v", err)
		}
		if c, err := dial(p.Addr(), nil, time.Second); err == nil {
			c.Close()
			t.Error("it accepts")
		}
		p.Pass()
		if _, err := dialed(t, p).Do("PING"); err != nil {
			t.Error(err)
		}
	})
	t.Run("garbage, the same for the same seed", func(t *testing.T) {
		p := NewProxy(t, s.Addr())
		var said []string
		for range 2 {
			p.Garbage(7)
			c := dialed(t, p)
			io.WriteString(c.conn, "PING\r\n")
			answer := make([]byte, len("+PONG\r\n"))
			if _, err := io.ReadFull(c.in, answer); err != nil {
				t.Fatal(err)
			}
			said = append(said, string(answer))
		}
		if said[0] == "+PONG\r\n" || said[0] != said[1] {
			t.Errorf("%q", said)
		}
	})
	// rest sends PING and reads until the end.
	rest := func(t *testing.T, c *Conn) string {
		t.Helper()
		io.WriteString(c.conn, "PING\r\n")
		c.conn.SetDeadline(time.Now().Add(patience))
		answer, err := io.ReadAll(c.in)
		if timedOut(err) {
			t.Fatal(err)
		}
		return string(answer)
	}
	t.Run("truncate", func(t *testing.T) {
		p := NewProxy(t, s.Addr())
		p.Truncate()
		if got := rest(t, dialed(t, p)); got != "+PO" {
			t.Errorf("%q", got)
		}
	})
	t.Run("cut", func(t *testing.T) {
		p := NewProxy(t, s.Addr())
		c := dialed(t, p)
		p.Cut(7 + 5)
		if _, err := c.Do("PING"); err != nil {
			t.Fatal(err)
		}
		if got := rest(t, c); got != "+PONG" {
			t.Errorf("%q", got)
		}
		p.Cut(0)
		if _, err := dialed(t, p).Do("INCR", "cut"); !ended(err) {
			t.Errorf("%v", err)
		}
		p.CutAsks(10)
		if _, err := dialed(t, p).Do("INCR", "cut"); !ended(err) {
			t.Errorf("%v", err)
		}
		if got := s.Must("GET", "cut"); got != "1" {
			t.Errorf("%s", got)
		}
	})
	t.Run("slow", func(t *testing.T) {
		p := NewProxy(t, s.Addr())
		p.Slow(5000)
		begun := time.Now()
		if got, err := dialed(t, p).Do("GET", "key"); len(got) != 1000 || err != nil {
			t.Fatalf("%q, %v", got, err)
		}
		if took := time.Since(begun); took < 200*time.Millisecond || took > 5*time.Second {
			t.Errorf("it took %v", took)
		}
	})
	t.Run("a server's end is the client's", func(t *testing.T) {
		p := NewProxy(t, s.Addr())
		c := dialed(t, p)
		if _, err := c.Do("QUIT"); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Do("PING"); !ended(err) {
			t.Errorf("%v", err)
		}
	})
}
