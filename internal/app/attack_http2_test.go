package app

import (
	"errors"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// bounded watches until the test ends that no more than this many bytes and goroutines are taken. The attacker's
// are among them.
func bounded(t *testing.T, memory int64, goroutines int) {
	t.Helper()
	before, running := used(), runtime.NumGoroutine()
	var bytes int64
	var others int
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
				bytes = max(bytes, used()-before)
				others = max(others, runtime.NumGoroutine()-running)
			}
		}
	}()
	t.Cleanup(func() {
		close(stop)
		<-done
		t.Logf("at most %d KiB and %d goroutines were taken", bytes>>10, others)
		if bytes > memory {
			t.Errorf("%d bytes of memory were taken, want at most %d", bytes, memory)
		}
		if others > goroutines {
			t.Errorf("%d goroutines were started, want at most %d", others, goroutines)
		}
	})
}

func TestHTTP2RapidReset(t *testing.T) {
	s := secure(t, nil)
	s.scores()
	bounded(t, 64<<20, 2000)
	const streams = 20_000
	for _, path := range []string{"/v1/score", "/v1/score/batch", "/nothing"} {
		p := s.speak2()
		gone := make(chan string, 1)
		go func() { gone <- p.ended() }()
		for i := range streams {
			id, err := p.open(i%2 == 0, begin(path, i%2*100)...)
			if err = errors.Join(err, p.reset(id)); err != nil {
				break // it was hung up on
			}
			if i == streams/2 {
				s.scores()
			}
		}
		p.conn.Close()
		t.Logf("%s: in the end, %s", path, <-gone)
		s.scores()
		s.inFlight(0)
	}
}

func TestHTTP2StreamsThatAreNeverFinished(t *testing.T) {
	s := secure(t, func(c *Config) { c.Timeouts.Body = 2 * time.Second })
	s.scores()
	bounded(t, 64<<20, 1500)
	p := s.speak2()
	var last uint32
	for range 300 {
		id, err := p.open(false, begin("/v1/score", 1000)...)
		if err = errors.Join(err, p.data(id, false, "{")); err != nil {
			t.Fatal(err)
		}
		last = id
	}
	if got := p.outcome(last); got != "REFUSED_STREAM" && got != "PROTOCOL_ERROR" {
		t.Errorf("the 300th stream: %s", got)
	}
	s.scores()
	if n := s.metrics.InFlight.Value(); n > 250 {
		t.Errorf("%d requests are in flight on a connection", n)
	}
	s.inFlight(0) // after the time for a body
}

func TestHTTP2ContinuationsWithoutEnd(t *testing.T) {
	const limit = 500 * time.Millisecond
	s := secure(t, func(c *Config) { c.Timeouts.Header, c.Timeouts.Idle = limit, time.Minute })
	s.scores()
	bounded(t, 64<<20, 100)
	first := func(p *peer) {
		t.Helper()
		if err := p.write(frameHeaders, 0, 1, p.block(begin("/v1/score", 10)...)); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("of headers", func(t *testing.T) {
		p := s.speak2()
		first(p)
		gone := make(chan string, 1)
		go func() { gone <- p.ended() }()
		sent := 0
		for i := 0; ; i++ {
			b := p.block("x-"+strconv.Itoa(i), strings.Repeat("y", 8000))
			if p.write(frameContinuation, 0, 1, b) != nil {
				break
			}
			if sent += len(b); sent > 64<<20 {
				t.Fatal("64 MiB of headers were read")
			}
		}
		t.Logf("after %d bytes: %s", sent, <-gone)
	})
	t.Run("of nothing", func(t *testing.T) {
		p := s.speak2()
		first(p)
		gone := make(chan string, 1)
		go func() { gone <- p.ended() }()
		begun, frames := time.Now(), 0
		for ; p.write(frameContinuation, 0, 1, nil) == nil; frames++ {
			if time.Since(begun) > patience {
				t.Fatal("it never ends")
			}
			if frames%1000 == 0 {
				time.Sleep(time.Millisecond) // there are others who need the machine
			}
		}
		t.Logf("after %d frames, %v: %s", frames, time.Since(begun), <-gone)
	})
	t.Run("of which the next never comes", func(t *testing.T) {
		p := s.speak2()
		first(p)
		begun := time.Now()
		got := p.ended()
		took(t, begun, 3*limit) // it is asked whether it is there, and does not say
		t.Logf("after %v: %s", time.Since(begun), got)
	})
	s.scores()
}

func TestHTTP2HeaderBombs(t *testing.T) {
	s := secure(t, nil)
	s.scores()
	before := allocated()
	bounded(t, 64<<20, 100)
	for name, fields := range map[string][]string{
		"one huge header": append(begin("/v1/score", 0), "x", strings.Repeat("y", 15_000), "z", strings.Repeat("y", 15_000)),
		// The first takes its place in the table; each further one is a byte that stands for 4,000.
		"a header that is repeated by a byte": append(begin("/v1/score", 0), slices.Repeat([]string{"x", strings.Repeat("y", 3900)}, 10_000)...),
		"many headers":                        append(begin("/v1/score", 0), slices.Repeat([]string{"x", ""}, 10_000)...),
		"many cookies":                        append(begin("/v1/score", 0), slices.Repeat([]string{"cookie", "a=b"}, 10_000)...),
	} {
		t.Run(name, func(t *testing.T) {
			p := s.speak2()
			_, _ = p.open(true, fields...) // it may be hung up on before
			t.Logf("%d bytes", p.head.Len())
			if got := p.outcome(1); got != "431" && got != "closed" && !strings.HasSuffix(got, "_ERROR") && got != "ENHANCE_YOUR_CALM" {
				t.Errorf("answered %s", got)
			}
			s.scores()
		})
	}
	if taken := allocated() - before; taken > 256<<20 {
		t.Errorf("%d bytes of memory were taken", taken)
	}
}

func TestHTTP2FloodsOfControl(t *testing.T) {
	s := secure(t, nil)
	s.scores()
	bounded(t, 64<<20, 100)
	for name, send := range map[string]func(*peer) error{
		"pings":                func(p *peer) error { return p.write(framePing, 0, 0, make([]byte, 8)) },
		"settings":             func(p *peer) error { return p.write(frameSettings, 0, 0, setting(settingWindow, 1)) },
		"resets of no stream":  func(p *peer) error { return p.reset(1) },
		"priorities":           func(p *peer) error { return p.write(framePriority, 0, 1, []byte{0, 0, 0, 3, 1}) },
		"windows of no stream": func(p *peer) error { return p.write(frameWindow, 0, 1, []byte{0, 0, 0, 1}) },
		"data of no stream":    func(p *peer) error { return p.data(1, false, "") },
		"a frame of no kind":   func(p *peer) error { return p.write(0xfa, 0, 0, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			p := s.speak2() // who never reads
			n := 0
			if err := p.conn.SetWriteDeadline(time.Now().Add(300 * time.Millisecond)); err != nil {
				t.Fatal(err)
			}
			for ; n < 300_000 && send(p) == nil; n++ {
			}
			s.scores()
			p.conn.Close()
			t.Logf("%d were sent", n)
		})
	}
	s.inFlight(0)
}

func TestHTTP2WhoNeverReadsBlocksNobodyElse(t *testing.T) {
	const limit = time.Second
	s := secure(t, func(c *Config) { c.Timeouts.Answer = limit })
	s.scores()
	bounded(t, 256<<20, 1000)
	p := s.speak2(setting(settingWindow, 0)...) // no byte of a body may come
	body := `{"events":[` + strings.Repeat(`{"row":[]},`, 2_000) + demoRow + `]}`
	const n = 20
	for range n {
		id, err := p.open(false, begin("/v1/score/batch", len(body))...)
		if err = errors.Join(err, p.data(id, true, body)); err != nil {
			t.Fatal(err)
		}
	}
	s.inFlight(n)
	s.scores()
	s.inFlight(0)
	if got := p.outcome(p.next - 2); got != "200" {
		t.Errorf("the last began with %s", got)
	}
	s.scores()
}

func TestHTTP2BodiesByteByByte(t *testing.T) {
	t.Parallel()
	const limit = 300 * time.Millisecond
	s := secure(t, func(c *Config) { c.Timeouts.Body = limit })
	p := s.speak2()
	id, err := p.open(false, begin("/v1/score", len(demoRow))...)
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		for i := range len(demoRow) {
			if p.data(id, false, demoRow[i:i+1]) != nil {
				return
			}
			time.Sleep(limit / 20)
		}
	}()
	got := p.outcome(id)
	took(t, begun, limit)
	if got != "400" {
		t.Errorf("answered %s", got)
	}
	p.conn.Close()
	<-gone
	s.inFlight(0)
	s.scores()
}

// HTTP/2 has one way to say where a request ends. What would say it in the way of HTTP/1, or says two things at
// once, is refused: it would be a way in where something behind reads HTTP/1.
func TestHTTP2RequestsThatAreNone(t *testing.T) {
	t.Parallel()
	s := secure(t, nil)
	with := func(fields ...string) []string { return append(begin("/v1/score", len(demoRow)), fields...) }
	without := func(name string) []string {
		fields := with()
		i := slices.Index(fields, name)
		return slices.Delete(fields, i, i+2)
	}
	replaced := func(name, value string) []string {
		fields := with()
		fields[slices.Index(fields, name)+1] = value
		return fields
	}
	const bad = "PROTOCOL_ERROR"
	for name, c := range map[string]struct {
		fields []string
		want   []string
	}{
		"a good one":                    {with(), []string{"200"}},
		"a length that is too small":    {replaced("content-length", "5"), []string{bad}},
		"a length that is too large":    {replaced("content-length", "500"), []string{bad, "400"}},
		"a length that is none":         {replaced("content-length", "+5"), []string{bad, "400"}},
		"two lengths":                   {with("content-length", "5"), []string{"200", bad, "400"}}, // the frames say where it ends
		"chunks":                        {with("transfer-encoding", "chunked"), []string{bad, "400"}},
		"a connection":                  {with("connection", "keep-alive"), []string{bad, "400"}},
		"an upgrade":                    {with("upgrade", "h2c"), []string{bad, "400"}},
		"other trailers":                {with("te", "gzip"), []string{bad, "400"}},
		"a line in a value":             {with("x", "y\r\ntransfer-encoding: chunked"), []string{bad, "400"}},
		"a line in a name":              {with("x\r\ny", "z"), []string{bad, "400"}},
		"a NUL in a value":              {with("x", "\x00"), []string{bad, "400"}},
		"a colon in a name":             {with("x: y", "z"), []string{bad, "400"}},
		"upper case in a name":          {with("X", "y"), []string{bad, "400"}},
		"an empty name":                 {with("", "y"), []string{bad, "400"}},
		"a pseudo-header behind others": {with(":method", "POST"), []string{bad, "400"}},
		"an unknown pseudo-header":      {append([]string{":x", "y"}, with()...), []string{bad, "400"}},
		"two paths":                     {append([]string{":path", "/livez"}, with()...), []string{bad, "400"}},
		"no path":                       {without(":path"), []string{bad, "400"}},
		"no method":                     {without(":method"), []string{bad, "400"}},
		"no scheme":                     {without(":scheme"), []string{bad, "400"}},
		"an empty path":                 {replaced(":path", ""), []string{bad, "400"}},
		"a path that is none":           {replaced(":path", "v1/score"), []string{bad, "400"}},
		"a path with a line":            {replaced(":path", "/v1/score HTTP/1.1\r\nX: y"), []string{bad, "400", "404"}},
		"a method with a line":          {replaced(":method", "POST / HTTP/1.1\r\nX: y"), []string{bad, "400", "405"}},
		"a method that is CONNECT":      {replaced(":method", "CONNECT"), []string{bad, "400"}},
		// An authority chooses nothing here.
		"an authority with a path":  {replaced(":authority", "besra/x"), []string{"200", bad, "400"}},
		"an authority with a space": {replaced(":authority", "be sra"), []string{"200", bad, "400"}},
		"a host that is another":    {with("host", "other"), []string{"200", bad, "400"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := s.speak2()
			p.t = t
			id, err := p.open(false, c.fields...)
			if err == nil {
				_ = p.data(id, true, demoRow) // it may be hung up on before
			}
			if got := p.outcome(id); !slices.Contains(c.want, got) {
				t.Errorf("answered %s, want one of %v", got, c.want)
			}
		})
	}
	s.scores()
	if got := s.speak2().score(); got != "200" {
		t.Errorf("afterwards: %s", got)
	}
	s.inFlight(0)
}
