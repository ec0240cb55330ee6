package app

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/besra-ml/besra/internal/listen/listentest"
)

// A secured is a server behind TLS. The server's client speaks HTTP/1.1 to it.
type secured struct {
	*server
	dir       string
	authority *listentest.Authority // of the server
	clients   *listentest.Authority // of its clients
	crl       string                // the file of what clients' authority has revoked
}

// secure starts a server behind TLS, which asks clients for a certificate.
func secure(t *testing.T, change func(*Config)) *secured {
	t.Helper()
	s := &secured{dir: t.TempDir(), authority: listentest.NewAuthority(t, "servers"), clients: listentest.NewAuthority(t, "clients")}
	leaf := s.authority.Issue("besra", nil)
	s.crl = listentest.Write(t, s.dir, "crl", s.clients.Revoke(time.Now().Add(time.Hour), nil))
	s.server = start(t, func(c *Config) {
		c.Models.Poll = 5 * time.Millisecond
		c.TLS = TLSConfig{
			Cert: listentest.Write(t, s.dir, "server.pem", leaf.CertPEM), Key: listentest.Write(t, s.dir, "server.key", leaf.KeyPEM),
			ClientCA: listentest.Write(t, s.dir, "clients.pem", s.clients.PEM()), CRL: s.crl, ClientAuth: "optional",
		}
		if change != nil {
			change(c)
		}
	})
	plain := &http.Transport{MaxIdleConnsPerHost: 64, DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		return (&tls.Dialer{Config: s.config(nil)}).DialContext(ctx, network, addr)
	}}
	s.client.Transport = plain
	t.Cleanup(plain.CloseIdleConnections)
	return s
}

// config is a client's, with this certificate, or none.
func (s *secured) config(leaf *listentest.Leaf, protocols ...string) *tls.Config {
	c := &tls.Config{RootCAs: x509.NewCertPool(), ServerName: "127.0.0.1", NextProtos: protocols}
	c.RootCAs.AddCert(s.authority.Cert)
	if leaf != nil {
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &leaf.TLS, nil }
	}
	return c
}

// over2 returns a client that speaks HTTP/2.
func (s *secured) over2(leaf *listentest.Leaf) *http.Client {
	transport := &http.Transport{TLSClientConfig: s.config(leaf), ForceAttemptHTTP2: true}
	s.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience}
}

// score asks for a score by HTTP/2 or 1.1, as the client speaks it.
func (s *secured) score(c *http.Client) error {
	resp, err := c.Post("https://"+s.addr+"/v1/score", "application/json", strings.NewReader(demoRow))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%d %s", resp.StatusCode, body)
	}
	return err
}

// dialTLS connects to s, without a certificate, and closes the connection when the test ends.
func (s *secured) dialTLS(protocols ...string) *tls.Conn {
	s.t.Helper()
	c, err := tls.Dial("tcp", s.addr, s.config(nil, protocols...))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		s.t.Fatal(err)
	}
	return c
}

func TestServingOverTLS(t *testing.T) {
	t.Parallel()
	s := secure(t, nil)
	s.scores()
	good, revoked := s.clients.Issue("good", nil), s.clients.Issue("revoked", nil)
	listentest.Write(t, s.dir, "crl", s.clients.Revoke(time.Now().Add(time.Hour), nil, revoked.Cert))
	eventually(t, "the list is read", func() bool { return s.metrics.Access.TLSRead.Value() == 1 })
	for name, c := range map[string]struct {
		leaf *listentest.Leaf
		ok   bool
	}{
		"without a certificate":                 {nil, true},
		"with a certificate":                    {good, true},
		"with a certificate that was revoked":   {revoked, false},
		"with a certificate of somebody else's": {listentest.NewAuthority(t, "other").Issue("x", nil), false},
		"with a certificate that has expired":   {s.clients.Issue("x", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }), false},
	} {
		for version, client := range map[string]*http.Client{"1.1": {Timeout: patience, Transport: &http.Transport{TLSClientConfig: s.config(c.leaf)}}, "2": s.over2(c.leaf)} {
			err := s.score(client)
			if (err == nil) != c.ok {
				t.Errorf("%s, HTTP/%s: %v", name, version, err)
			}
			client.CloseIdleConnections()
		}
	}
	resp, err := s.over2(good).Get("https://" + s.addr + "/livez")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.ProtoMajor != 2 {
		t.Errorf("HTTP/%d is spoken, not 2", resp.ProtoMajor)
	}
	w := dial(t, s.server)
	w.send("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
	if resp, _ := w.answer(); resp.StatusCode != http.StatusBadRequest {
		t.Errorf("without TLS: %d", resp.StatusCode)
	}
	s.scores()
}

func TestAClientMustHaveACertificateWhereItIsRequired(t *testing.T) {
	t.Parallel()
	s := secure(t, func(c *Config) { c.TLS.ClientAuth = "require" })
	if err := s.score(s.over2(nil)); err == nil {
		t.Error("answered without a certificate")
	}
	if n := s.metrics.InFlight.Value(); n != 0 {
		t.Errorf("%d in flight", n)
	}
	if err := s.score(s.over2(s.clients.Issue("client", nil))); err != nil {
		t.Error(err)
	}
}

func TestCertificatesChangeAndNoRequestFails(t *testing.T) {
	t.Parallel()
	s := secure(t, nil)
	s.scores() // the first certificates are read
	leaf := s.clients.Issue("client", nil)
	later := listentest.NewAuthority(t, "clients, later")
	stop := make(chan struct{})
	var team sync.WaitGroup
	var asked, connected atomic.Int64
	for i := range 4 {
		team.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				// A new connection for each, or one that is kept throughout.
				client := s.over2(leaf)
				for range 1 + i%2*20 {
					if err := s.score(client); err != nil {
						t.Errorf("client %d: %v", i, err)
					}
					asked.Add(1)
				}
				client.CloseIdleConnections()
				connected.Add(1)
			}
		})
	}
	for i := range 10 {
		next := s.authority.Issue("besra", nil)
		listentest.Write(t, s.dir, "server.pem", next.CertPEM)
		listentest.Write(t, s.dir, "server.key", next.KeyPEM)
		authorities := [][]byte{s.clients.PEM()}
		lists := [][]byte{listentest.ListPEM(s.clients.Revoke(time.Now().Add(time.Hour), nil))}
		if i%2 == 0 {
			authorities = append(authorities, later.PEM())
			lists = append(lists, listentest.ListPEM(later.Revoke(time.Now().Add(time.Hour), nil)))
		}
		listentest.Write(t, s.dir, "clients.pem", authorities...)
		listentest.Write(t, s.dir, "crl", lists...)
		before := connected.Load()
		eventually(t, "the certificate is taken, and clients have come by it", func() bool {
			return connected.Load() > before+4 && s.serves(next)
		})
	}
	close(stop)
	team.Wait()
	t.Logf("%d requests on %d connections; %d changes taken", asked.Load(), connected.Load(), s.metrics.Access.TLSRead.Value())
}

// TestACertificateThatIsRevokedEndsOnOpenConnections keeps a connection open while its certificate is revoked.
func TestACertificateThatIsRevokedEndsOnOpenConnections(t *testing.T) {
	t.Parallel()
	s := secure(t, func(c *Config) { c.TLS.ClientAuth = "require" })
	leaf, other := s.clients.Issue("client", nil), s.clients.Issue("other", nil)
	open, others := s.over2(leaf), s.over2(other)
	if err := errors.Join(s.score(open), s.score(others)); err != nil {
		t.Fatal(err)
	}
	listentest.Write(t, s.dir, "crl", s.clients.Revoke(time.Now().Add(time.Hour), nil, leaf.Cert))
	eventually(t, "the open connection counts for nothing", func() bool { return s.score(open) != nil })
	if err := s.score(others); err != nil {
		t.Errorf("another certificate: %v", err)
	}
}

// serves reports whether a new connection meets this certificate.
func (s *secured) serves(leaf *listentest.Leaf) bool {
	c, err := tls.Dial("tcp", s.addr, s.config(nil))
	if err != nil {
		return false
	}
	defer c.Close()
	return c.ConnectionState().PeerCertificates[0].Equal(leaf.Cert)
}

func TestWhatIsNotServedOverTLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, c := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"a certificate without its key":      {func(c *Config) { c.TLS.Cert = "server.pem" }, "tls: a certificate and its key come together"},
		"clients' authorities alone":         {func(c *Config) { c.TLS.ClientCA = "clients.pem" }, "tls: a certificate and its key come together"},
		"required certificates alone":        {func(c *Config) { c.TLS.ClientAuth = "require" }, "tls: a certificate and its key come together"},
		"a certificate that is not there":    {func(c *Config) { c.TLS.Cert, c.TLS.Key = filepath.Join(dir, "no.pem"), "k" }, "no.pem: no such file"},
		"a proxy that is no address":         {func(c *Config) { c.Proxy.Trusted = []string{"::1", "lb"} }, `proxy.trusted[1]: "lb": want an address`},
		"the PROXY protocol, spoken by none": {func(c *Config) { c.Proxy.Protocol = true }, "proxy.protocol: no proxy is trusted"},
	} {
		t.Run(name, func(t *testing.T) {
			config := Defaults()
			c.change(&config)
			if _, err := New(config, testBackends(), nil, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

func TestTheProxyProtocolAndTLS(t *testing.T) {
	t.Parallel()
	s := secure(t, func(c *Config) { c.Proxy = ProxyConfig{Trusted: []string{"127.0.0.1"}, Protocol: true} })
	ask := func(header string) (string, error) {
		w := dial(t, s.server)
		w.send(header)
		c := tls.Client(w.Conn, s.config(nil))
		if err := c.Handshake(); err != nil {
			return "", err
		}
		if _, err := io.WriteString(c, "GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"); err != nil {
			return "", err
		}
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			return "", err
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		return string(body), err
	}
	if body, err := ask("PROXY TCP4 203.0.113.7 127.0.0.1 4660 8080\r\n"); err != nil || body != `{"live":true}` {
		t.Errorf("%s, %v", body, err)
	}
	if body, err := ask(""); err == nil {
		t.Errorf("without a header: %s", body)
	}
}

// Whoever stops in the middle of a handshake takes a connection until its time is over, and nothing else.
func TestAHandshakeThatNeverEnds(t *testing.T) {
	t.Parallel()
	const limit = 300 * time.Millisecond
	s := secure(t, func(c *Config) { c.Timeouts.Header = limit })
	begun := time.Now()
	var all []*wire
	for _, text := range []string{"", "\x16", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"} {
		for range 50 {
			w := dial(t, s.server)
			w.send(text)
			all = append(all, w)
		}
	}
	s.scores()
	for _, w := range all {
		w.closed()
	}
	took(t, begun, limit)
	t.Run("byte by byte", func(t *testing.T) {
		begun := time.Now()
		w := dial(t, s.server)
		c := tls.Client(dripping{w.Conn, limit / 10}, s.config(nil))
		if err := c.Handshake(); err == nil {
			t.Error("there was time for a handshake")
		}
		took(t, begun, limit)
	})
	s.scores()
}

// dripping writes one byte at a time.
type dripping struct {
	net.Conn
	pause time.Duration
}

func (d dripping) Write(b []byte) (int, error) {
	for i := range b {
		if _, err := d.Conn.Write(b[i : i+1]); err != nil {
			return i, err
		}
		time.Sleep(d.pause)
	}
	return len(b), nil
}

func TestIdleConnectionsOverTLS(t *testing.T) {
	want := 500
	if testing.Short() {
		want = 100
	}
	s := secure(t, nil)
	s.scores()
	openFiles(t, 4*want)
	before := used()
	conns := make([]*tls.Conn, want)
	for i := range conns {
		conns[i] = s.dialTLS()
	}
	each := (used() - before) / int64(want)
	t.Logf("%d idle connections over TLS take %d bytes each, with both of their ends", want, each)
	if each > 200<<10 {
		t.Errorf("an idle connection takes %d bytes", each)
	}
	s.scores()
	s.cancel()
	if err := s.ended(); err != nil {
		t.Error(err)
	}
	for _, c := range conns {
		if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("a connection is open: %v", err)
		}
	}
}

func TestStoppingOverTLSDoesNotWaitForWhoAsksNothing(t *testing.T) {
	t.Parallel()
	s := secure(t, func(c *Config) { c.Timeouts.Drain, c.Timeouts.Header = 3*time.Second, time.Minute })
	silent, idle := dial(t, s.server), s.dialTLS()
	s.dialTLS("h2") // says nothing, not even which version
	held := s.over2(nil)
	if err := s.score(held); err != nil { // by now all were accepted
		t.Fatal(err)
	}
	s.scores()
	s.cancel()
	if err := s.ended(); err != nil {
		t.Errorf("Serve returned %v", err)
	}
	silent.closed()
	if _, err := idle.Read(make([]byte, 1)); err == nil {
		t.Error("the connection is open")
	}
}

func TestStoppingOverHTTP2FinishesWhatIsInFlight(t *testing.T) {
	t.Parallel()
	s := secure(t, nil)
	const n = 20
	client := s.over2(nil)
	answers := make(chan error, n)
	var halves []*io.PipeWriter
	for range n {
		body, half := io.Pipe()
		halves = append(halves, half)
		go func() {
			resp, err := client.Post("https://"+s.addr+"/v1/score", "application/json", body)
			if err == nil {
				var text []byte
				text, err = io.ReadAll(resp.Body)
				resp.Body.Close()
				if err == nil && (resp.StatusCode != http.StatusOK || resp.ProtoMajor != 2) {
					err = fmt.Errorf("%s %d %s", resp.Proto, resp.StatusCode, text)
				}
			}
			answers <- err
		}()
		if _, err := io.WriteString(half, demoRow[:30]); err != nil {
			t.Fatal(err)
		}
	}
	s.inFlight(n)
	s.cancel()
	time.Sleep(grace + 100*time.Millisecond) // it is stopping for good
	for _, half := range halves {
		if _, err := io.WriteString(half, demoRow[30:]); err != nil {
			t.Error(err)
		}
		half.Close()
	}
	for range n {
		if err := <-answers; err != nil {
			t.Error(err)
		}
	}
	if err := s.ended(); err != nil {
		t.Errorf("Serve returned %v", err)
	}
}

// What was answered has arrived: as many answers as were given were received, though clients ask until there is
// nobody left to ask.
func TestStoppingOverHTTP2UnderLoadLosesNoAnswer(t *testing.T) {
	t.Parallel()
	s := secure(t, nil)
	var received atomic.Int64
	var begun, clients sync.WaitGroup
	for range 4 {
		client := s.over2(nil)
		begun.Add(1)
		var once sync.Once
		for range 8 { // streams of a connection
			clients.Go(func() {
				for i := 0; ; i++ {
					if err := s.score(client); err != nil {
						once.Do(begun.Done)
						// Who was not let in any more has lost nothing.
						if strings.Contains(err.Error(), "unexpected EOF") || strings.Contains(err.Error(), "INTERNAL") {
							t.Error(err)
						}
						return
					}
					received.Add(1)
					if i == 20 {
						once.Do(begun.Done)
					}
				}
			})
		}
	}
	begun.Wait()
	s.cancel()
	if err := s.ended(); err != nil {
		t.Errorf("Serve returned %v", err)
	}
	clients.Wait()
	var given int64
	for f := range s.metrics.Families() {
		if f.Name != "besra_rows_scored_total" {
			continue
		}
		for _, series := range f.Series {
			given += int64(series.Value)
		}
	}
	if got := received.Load(); got != given || got < 4*20 {
		t.Errorf("%d answers were given, %d have arrived", given, got)
	}
}
