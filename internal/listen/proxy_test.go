package listen

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// serveProxied answers requests with where their client is, on a socket whose trusted peers speak the PROXY
// protocol.
func serveProxied(t *testing.T, wait time.Duration, trusted ...string) string {
	t.Helper()
	prefixes, err := ParseTrusted(trusted)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{ReadHeaderTimeout: 20 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ap, _ := netip.ParseAddrPort(r.RemoteAddr)
		_, _ = io.WriteString(w, ap.Addr().String())
	})}
	var team sync.WaitGroup
	team.Go(func() { _ = s.Serve(ProxyProtocol(l, prefixes, wait)) })
	t.Cleanup(func() { s.Close(); team.Wait() })
	return l.Addr().String()
}

const ask = "GET / HTTP/1.1\r\nHost: besra\r\nConnection: close\r\n\r\n"

// say sends text and returns all that comes back.
func say(t *testing.T, addr, text string) string {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(c, text) // the server may hang up before it has it all
	answer, err := io.ReadAll(c)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("the server keeps the connection open after %q", answer)
	}
	return string(answer)
}

// version2 is a header of version 2.
func version2(command, family byte, address ...byte) string {
	h := append([]byte("\r\n\r\n\x00\r\nQUIT\n"), 0x20|command, family)
	h = binary.BigEndian.AppendUint16(h, uint16(len(address)))
	return string(append(h, address...))
}

func TestWhereAProxySaysThatAClientIs(t *testing.T) {
	t.Parallel()
	addr := serveProxied(t, 20*time.Second, "127.0.0.0/8")
	v4 := []byte{203, 0, 113, 7, 127, 0, 0, 1, 0x12, 0x34, 0x1f, 0x90}
	v6 := append(append(netip.MustParseAddr("2001:db8::7").AsSlice(), netip.MustParseAddr("::1").AsSlice()...), 0x12, 0x34, 0x1f, 0x90)
	for name, c := range map[string]struct{ header, want string }{
		"version 1":                         {"PROXY TCP4 203.0.113.7 127.0.0.1 4660 8080\r\n", "203.0.113.7"},
		"version 1 of IPv6":                 {"PROXY TCP6 2001:db8::7 ::1 4660 8080\r\n", "2001:db8::7"},
		"version 1 of nobody":               {"PROXY UNKNOWN\r\n", "127.0.0.1"},
		"version 2":                         {version2(1, 0x11, v4...), "203.0.113.7"},
		"version 2 of IPv6":                 {version2(1, 0x21, v6...), "2001:db8::7"},
		"version 2 with more behind":        {version2(1, 0x11, append(v4, 0x04, 0, 1, 0)...), "203.0.113.7"},
		"version 2 of the proxy itself":     {version2(0, 0x00), "127.0.0.1"},
		"the same, with an address":         {version2(0, 0x11, v4...), "127.0.0.1"},
		"nothing":                           {"", ""},
		"another request before the header": {"GET / HTTP/1.1\r\nHost: besra\r\n\r\nPROXY TCP4 203.0.113.7 127.0.0.1 4660 8080\r\n", ""},
		"version 1 with a bad address":      {"PROXY TCP4 203.0.113.700 127.0.0.1 4660 8080\r\n", ""},
		"version 1 with a bad port":         {"PROXY TCP4 203.0.113.7 127.0.0.1 66000 8080\r\n", ""},
		"version 1 that never ends":         {"PROXY TCP4 " + strings.Repeat("2", 500), ""},
		"version 3":                         {strings.Replace(version2(1, 0x11, v4...), "\x21", "\x31", 1), ""},
		"version 2 of UDP":                  {version2(1, 0x12, v4...), ""},
		"version 2 of a Unix socket":        {version2(1, 0x31, make([]byte, 216)...), ""},
		"version 2 with a short address":    {version2(1, 0x11, v4[:4]...), ""},
		"version 2 that is very long":       {version2(1, 0x11, append(v4, make([]byte, 60_000)...)...), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer := say(t, addr, c.header+ask)
			if c.want == "" {
				if strings.Contains(answer, "200 OK") {
					t.Errorf("answered: %q", answer)
				}
				return
			}
			resp, err := http.ReadResponse(bufio.NewReader(strings.NewReader(answer)), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if body, _ := io.ReadAll(resp.Body); string(body) != c.want {
				t.Errorf("from %s, want %s", body, c.want)
			}
		})
	}
}

func TestWhoIsNoProxyIsNotBelieved(t *testing.T) {
	t.Parallel()
	addr := serveProxied(t, 20*time.Second, "192.0.2.1")
	if answer := say(t, addr, ask); !strings.HasSuffix(answer, "\r\n\r\n127.0.0.1") {
		t.Errorf("without a header: %q", answer)
	}
	for _, header := range []string{"PROXY TCP4 203.0.113.7 127.0.0.1 4660 8080\r\n", version2(0, 0), version2(1, 0x11, make([]byte, 12)...)} {
		if answer := say(t, addr, header+ask); !strings.HasPrefix(answer, "HTTP/1.1 400 ") || strings.Contains(answer, "200 OK") {
			t.Errorf("with a header: %q", answer)
		}
	}
}

func TestASlowProxyHoldsUpNobody(t *testing.T) {
	t.Parallel()
	const wait = 200 * time.Millisecond
	addr := serveProxied(t, wait, "127.0.0.0/8")
	begun := time.Now()
	var silent []net.Conn
	for _, text := range []string{"", "P", version2(1, 0x11, make([]byte, 12)...)[:14]} {
		for range 20 {
			c, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if _, err := io.WriteString(c, text); err != nil {
				t.Fatal(err)
			}
			silent = append(silent, c)
		}
	}
	if answer := say(t, addr, "PROXY TCP4 203.0.113.7 127.0.0.1 4660 8080\r\n"+ask); !strings.HasSuffix(answer, "\r\n\r\n203.0.113.7") {
		t.Errorf("beside them: %q", answer)
	}
	for _, c := range silent {
		if err := c.SetDeadline(begun.Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		rest, err := io.ReadAll(c)
		if errors.Is(err, os.ErrDeadlineExceeded) || len(rest) > 0 {
			t.Fatalf("the server keeps the connection open, having said %q", rest)
		}
	}
	if d := time.Since(begun); d < wait {
		t.Errorf("they were given up after %v already, want %v", d, wait)
	}
}
