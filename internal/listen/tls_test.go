package listen

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/besra-ml/besra/internal/listen/listentest"
	"github.com/besra-ml/besra/internal/telemetry"
)

const nextMonth = 30 * 24 * time.Hour

// A listener answers each connection with the name of its client, on a real socket.
type listener struct {
	*TLS
	t       *testing.T
	dir     string
	addr    string
	roots   *x509.CertPool
	metrics *telemetry.Metrics
	clock   *clock
	log     *lines
}

// A clock is set by hand.
type clock struct {
	mu   sync.Mutex
	past time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.past)
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.past += d
}

// lines keeps what was logged.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) count(words string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), words)
}

// options puts a server's certificate into dir, and returns options with it.
func options(t *testing.T, dir string, server *listentest.Leaf) Options {
	t.Helper()
	return Options{
		Cert: listentest.Write(t, dir, "server.pem", server.CertPEM), Key: listentest.Write(t, dir, "server.key", server.KeyPEM),
		Every: time.Second, Metrics: &telemetry.New(telemetry.Options{}).Access, Log: slog.New(slog.DiscardHandler),
	}
}

// listenTLS listens with a certificate of its own authority; change says what else.
func listenTLS(t *testing.T, change func(o *Options, dir string)) *listener {
	t.Helper()
	authority := listentest.NewAuthority(t, "server authority")
	l := &listener{t: t, dir: t.TempDir(), roots: x509.NewCertPool(), metrics: telemetry.New(telemetry.Options{}), clock: &clock{}, log: &lines{}}
	l.roots.AddCert(authority.Cert)
	o := options(t, l.dir, authority.Issue("besra", nil))
	o.Metrics, o.Now, o.Log = &l.metrics.Access, l.clock.now, slog.New(slog.NewTextHandler(l.log, nil))
	if change != nil {
		change(&o, l.dir)
	}
	var err error
	if l.TLS, err = NewTLS(o); err != nil {
		t.Fatal(err)
	}
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.addr = inner.Addr().String()
	var team sync.WaitGroup
	team.Go(func() {
		for {
			c, err := tls.NewListener(inner, l.Config()).Accept()
			if err != nil {
				return
			}
			team.Go(func() { greet(c.(*tls.Conn)) })
		}
	})
	t.Cleanup(func() { inner.Close(); team.Wait() })
	return l
}

func greet(c *tls.Conn) {
	defer c.Close()
	if c.Handshake() != nil {
		// Closed with something unread, the connection would be reset, and the alert lost on its way.
		_, _ = io.Copy(io.Discard, c.NetConn())
		return
	}
	state := c.ConnectionState()
	name := "nobody"
	if cert := ClientCertificate(&http.Request{TLS: &state}); cert != nil {
		name = cert.Subject.CommonName
	}
	_, _ = io.WriteString(c, name)
}

// client returns a client's configuration, with these certificates.
func (l *listener) client(certs ...*listentest.Leaf) *tls.Config {
	c := &tls.Config{RootCAs: l.roots, ServerName: "127.0.0.1", ClientSessionCache: tls.NewLRUClientSessionCache(8)}
	for _, leaf := range certs {
		// Whatever authorities the server names, the client insists on this one.
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &leaf.TLS, nil }
	}
	return c
}

// ask connects and returns as whom, and whether by an earlier session.
func (l *listener) ask(config *tls.Config) (name string, resumed bool, err error) {
	l.t.Helper()
	c, err := tls.Dial("tcp", l.addr, config)
	if err != nil {
		return "", false, err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		l.t.Fatal(err)
	}
	text, err := io.ReadAll(c) // in TLS 1.3, a server's refusal of a client comes after the handshake
	return string(text), c.ConnectionState().DidResume, err
}

// asks checks as whom a client is known.
func (l *listener) asks(config *tls.Config, want string, wantResumed bool) {
	l.t.Helper()
	if name, resumed, err := l.ask(config); err != nil || name != want || resumed != wantResumed {
		l.t.Fatalf("known as %q, resumed %v, %v; want %q, %v", name, resumed, err, want, wantResumed)
	}
}

// refuses checks that a client is told, by an alert, that it may not connect.
func (l *listener) refuses(config *tls.Config) {
	l.t.Helper()
	name, _, err := l.ask(config)
	var alert *net.OpError
	if name != "" || !errors.As(err, &alert) || alert.Op != "remote error" {
		l.t.Fatalf("known as %q, %v; want an alert", name, err)
	}
}

func clientsOf(t *testing.T, authorities ...*listentest.Authority) func(o *Options, dir string) {
	return func(o *Options, dir string) {
		var parts [][]byte
		for _, a := range authorities {
			parts = append(parts, []byte("# "+a.Cert.Subject.String()+"\n"), a.PEM())
		}
		o.ClientCA = listentest.Write(t, dir, "clients.pem", parts...)
	}
}

func TestWhoseCertificateCounts(t *testing.T) {
	t.Parallel()
	mine, other := listentest.NewAuthority(t, "mine"), listentest.NewAuthority(t, "other")
	between := mine.Below("between")
	cancelled := mine.Below("cancelled")
	good, revoked := mine.Issue("good", nil), mine.Issue("revoked", nil)
	served := func(require bool) *listener {
		return listenTLS(t, func(o *Options, dir string) {
			clientsOf(t, mine, between)(o, dir)
			next := time.Now().Add(nextMonth)
			o.CRL = listentest.Write(t, dir, "crl.pem", listentest.ListPEM(mine.Revoke(next, nil, revoked.Cert, cancelled.Cert)),
				listentest.ListPEM(between.Revoke(next, nil)))
			o.Require = require
		})
	}
	optional, required := served(false), served(true)
	for name, c := range map[string]struct {
		certs []*listentest.Leaf
		want  string // "": refused
	}{
		"a good one":                           {[]*listentest.Leaf{good}, "good"},
		"one of an authority between":          {[]*listentest.Leaf{between.Issue("inner", nil)}, "inner"},
		"one of another authority":             {[]*listentest.Leaf{other.Issue("x", nil)}, ""},
		"one that has signed itself":           {[]*listentest.Leaf{selfSigned(other)}, ""},
		"one that has expired":                 {[]*listentest.Leaf{mine.Issue("x", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })}, ""},
		"one that is not valid yet":            {[]*listentest.Leaf{mine.Issue("x", func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Hour) })}, ""},
		"one for servers only":                 {[]*listentest.Leaf{mine.Issue("x", func(c *x509.Certificate) { c.ExtKeyUsage = c.ExtKeyUsage[:1] })}, ""},
		"one that was revoked":                 {[]*listentest.Leaf{revoked}, ""},
		"one of an authority that was revoked": {[]*listentest.Leaf{cancelled.Issue("x", nil)}, ""},
	} {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			t.Run(name+", "+tls.VersionName(version), func(t *testing.T) {
				for _, l := range []*listener{optional, required} {
					l := *l
					l.t = t
					config := l.client(c.certs...)
					config.MinVersion, config.MaxVersion = version, version
					if c.want == "" {
						l.refuses(config)
					} else {
						l.asks(config, c.want, false)
					}
				}
			})
		}
	}
	t.Run("none, where it is optional", func(t *testing.T) { optional.asks(optional.client(), "nobody", false) })
	t.Run("none, where it is required", func(t *testing.T) { required.refuses(required.client()) })
}

// selfSigned is an authority's own certificate in a client's hands.
func selfSigned(a *listentest.Authority) *listentest.Leaf {
	leaf := a.Issue("x", nil)
	leaf.TLS.Certificate = [][]byte{leaf.TLS.Certificate[0], a.Cert.Raw}
	return leaf
}

func TestASessionIsNoWayRoundARevocation(t *testing.T) {
	t.Parallel()
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		authority := listentest.NewAuthority(t, "clients")
		leaf := authority.Issue("client", nil)
		resumable := func(t *testing.T, next time.Time) (*listener, *tls.Config) {
			l := listenTLS(t, func(o *Options, dir string) {
				clientsOf(t, authority)(o, dir)
				o.CRL = listentest.Write(t, dir, "crl", authority.Revoke(next, nil))
			})
			config := l.client(leaf)
			config.MinVersion, config.MaxVersion = version, version
			l.asks(config, "client", false)
			l.asks(config, "client", true)
			return l, config
		}
		t.Run("revoked, "+tls.VersionName(version), func(t *testing.T) {
			l, config := resumable(t, time.Now().Add(nextMonth))
			listentest.Write(t, l.dir, "crl", authority.Revoke(time.Now().Add(nextMonth), nil, leaf.Cert))
			l.Poll()
			l.refuses(config)
			l.refuses(config)
			renewed := authority.Issue("client renewed", nil)
			config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &renewed.TLS, nil }
			l.asks(config, "client renewed", false)
		})
		t.Run("the authority is gone, and the client has moved on, "+tls.VersionName(version), func(t *testing.T) {
			l, config := resumable(t, time.Now().Add(nextMonth))
			next := listentest.NewAuthority(t, "next")
			listentest.Write(t, l.dir, "clients.pem", next.PEM())
			listentest.Write(t, l.dir, "crl", next.Revoke(time.Now().Add(nextMonth), nil))
			l.Poll()
			l.refuses(config)
			renewed := next.Issue("client renewed", nil)
			config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &renewed.TLS, nil }
			l.asks(config, "client renewed", false)
			l.asks(config, "client renewed", true)
		})
		t.Run("the list has run out, "+tls.VersionName(version), func(t *testing.T) {
			l, config := resumable(t, time.Now().Add(time.Hour))
			l.clock.pass(2 * time.Hour) // nothing has changed but the time, so that the session is good
			l.refuses(config)
			l.Poll()
			if n := l.log.count("refused until there is a newer list"); n != 1 {
				t.Errorf("logged %d times", n)
			}
			listentest.Write(t, l.dir, "crl", authority.Revoke(time.Now().Add(nextMonth), nil))
			l.Poll()
			l.asks(config, "client", false)
		})
		t.Run("the certificate has run out, "+tls.VersionName(version), func(t *testing.T) {
			l, config := resumable(t, time.Now().Add(10_000*time.Hour))
			l.clock.pass(501 * time.Hour)
			l.refuses(config)
		})
	}
}

func TestAnOpenConnectionCanBeCheckedAgain(t *testing.T) {
	t.Parallel()
	authority, next := listentest.NewAuthority(t, "clients"), listentest.NewAuthority(t, "next")
	leaf := authority.Issue("client", nil)
	empty := func() []byte { return authority.Revoke(time.Now().Add(nextMonth), nil) }
	for name, c := range map[string]struct {
		change func(l *listener)
		want   error
	}{
		"nothing has changed": {func(*listener) {}, nil},
		"it was revoked": {func(l *listener) {
			listentest.Write(t, l.dir, "crl", authority.Revoke(time.Now().Add(nextMonth), nil, leaf.Cert))
		}, errRevoked},
		"it has expired": {func(l *listener) { l.clock.pass(501 * time.Hour) }, errExpired},
		"its authority is gone": {func(l *listener) {
			listentest.Write(t, l.dir, "clients.pem", next.PEM())
			listentest.Write(t, l.dir, "crl", next.Revoke(time.Now().Add(nextMonth), nil))
		}, errAuthority},
		"another authority is new": {func(l *listener) { listentest.Write(t, l.dir, "clients.pem", authority.PEM(), next.PEM()) }, nil},
		"the server's cert is new": {func(l *listener) {
			s := next.Issue("besra", nil)
			listentest.Write(t, l.dir, "server.pem", s.CertPEM)
			listentest.Write(t, l.dir, "server.key", s.KeyPEM)
		}, nil},
		"the lists came once again": {func(l *listener) { listentest.Write(t, l.dir, "crl", empty()) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			l := listenTLS(t, func(o *Options, dir string) {
				clientsOf(t, authority)(o, dir)
				o.CRL = listentest.Write(t, dir, "crl", authority.Revoke(time.Now().Add(10_000*time.Hour), nil))
			})
			state := &tls.ConnectionState{
				PeerCertificates: []*x509.Certificate{leaf.Cert},
				VerifiedChains:   [][]*x509.Certificate{{leaf.Cert, authority.Cert}},
			}
			if err := l.Check(state); err != nil {
				t.Fatal(err)
			}
			c.change(l)
			l.Poll()
			if err := l.Check(state); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
	t.Run("what was not verified never counts", func(t *testing.T) {
		l := listenTLS(t, clientsOf(t, authority))
		state := &tls.ConnectionState{PeerCertificates: []*x509.Certificate{leaf.Cert}}
		if err := l.Check(state); !errors.Is(err, errUnverified) {
			t.Error(err)
		}
		if got := ClientCertificate(&http.Request{TLS: state}); got != nil {
			t.Error("it is a request's certificate")
		}
		if got := ClientCertificate(&http.Request{}); got != nil {
			t.Error("it is the certificate of a connection without TLS")
		}
	})
}

func TestTicketsAreGoodForADayOrTwo(t *testing.T) {
	t.Parallel()
	l := listenTLS(t, nil)
	config := l.client()
	l.asks(config, "nobody", false)
	l.clock.pass(25 * time.Hour)
	l.Poll()
	l.asks(config, "nobody", true)
	config = l.client()
	l.asks(config, "nobody", false)
	for range 2 {
		l.clock.pass(25 * time.Hour)
		l.Poll()
	}
	l.asks(config, "nobody", false)
}

func TestOldVersionsAndWeakCiphersAreRefused(t *testing.T) {
	t.Parallel()
	l := listenTLS(t, nil)
	with := func(change func(*tls.Config)) *tls.Config {
		c := l.client()
		change(c)
		return c
	}
	for name, config := range map[string]*tls.Config{
		"TLS 1.0":           with(func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS10 }),
		"TLS 1.1":           with(func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS11, tls.VersionTLS11 }),
		"CBC with SHA-1":    with(suites(tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA)),
		"CBC with SHA-256":  with(suites(tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256)),
		"RC4":               with(suites(tls.TLS_ECDHE_ECDSA_WITH_RC4_128_SHA)),
		"RSA key transport": with(suites(tls.TLS_RSA_WITH_AES_128_GCM_SHA256)),
		"another protocol":  with(func(c *tls.Config) { c.NextProtos = []string{"acme-tls/1"} }),
	} {
		t.Run(name, func(t *testing.T) {
			l := *l
			l.t = t
			l.refuses(config)
		})
	}
	for name, config := range map[string]*tls.Config{
		"TLS 1.2 with AES-GCM":  with(suites(tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384)),
		"TLS 1.2 with ChaCha20": with(suites(tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256)),
		"HTTP/2":                with(func(c *tls.Config) { c.NextProtos = []string{"h2"} }),
		"HTTP/1.1":              with(func(c *tls.Config) { c.NextProtos = []string{"http/1.1"} }),
	} {
		t.Run(name, func(t *testing.T) {
			l := *l
			l.t = t
			l.asks(config, "nobody", false)
		})
	}
}

func suites(ids ...uint16) func(*tls.Config) {
	return func(c *tls.Config) { c.MaxVersion, c.CipherSuites = tls.VersionTLS12, ids }
}

func TestChangesAreTakenAsAWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	l := listenTLS(t, nil)
	taken, refused := l.metrics.Access.TLSRead, l.metrics.Access.TLSRefused
	stays := func(wantRefused uint64, why string) {
		t.Helper()
		for range 2 {
			l.Poll()
		}
		l.asks(l.client(), "nobody", false)
		if taken.Value() != 0 || refused.Value() != wantRefused || l.log.count(why) != 1 {
			t.Fatalf("%d changes taken, %d refused; %q logged %d times", taken.Value(), refused.Value(), why, l.log.count(why))
		}
	}
	authority := listentest.NewAuthority(t, "next server authority")
	next := authority.Issue("besra", nil)
	good, err := os.ReadFile(l.Cert)
	if err != nil {
		t.Fatal(err)
	}
	listentest.Write(t, l.dir, "server.pem", next.CertPEM) // the key comes later
	stays(1, "private key does not match")
	listentest.Write(t, l.dir, "server.pem", next.CertPEM[:len(next.CertPEM)/2])
	stays(2, "failed to find any PEM data")
	if err := os.Remove(l.Cert); err != nil {
		t.Fatal(err)
	}
	stays(3, "no such file")
	listentest.Write(t, l.dir, "server.pem", good)
	l.Poll()
	if taken.Value() != 0 || refused.Value() != 3 {
		t.Fatalf("back to what it was: %d taken, %d refused", taken.Value(), refused.Value())
	}
	listentest.Write(t, l.dir, "server.pem", next.CertPEM)
	listentest.Write(t, l.dir, "server.key", next.KeyPEM)
	l.Poll()
	l.roots.AddCert(authority.Cert)
	config := l.client()
	config.VerifyConnection = func(s tls.ConnectionState) error {
		if !s.PeerCertificates[0].Equal(next.Cert) {
			return errors.New("the certificate before")
		}
		return nil
	}
	l.asks(config, "nobody", false)
	if taken.Value() != 1 || refused.Value() != 3 {
		t.Errorf("%d taken, %d refused", taken.Value(), refused.Value())
	}
}

func TestAChangeThatLooksLikeNoneIsFound(t *testing.T) {
	t.Parallel()
	authority, next := listentest.NewAuthority(t, "clients"), listentest.NewAuthority(t, "newer!!")
	l := listenTLS(t, func(o *Options, dir string) {
		o.ClientCA = listentest.Write(t, dir, "clients.pem", authority.PEM(), bytes.Repeat([]byte("\n"), 100))
	})
	before, err := os.Stat(l.ClientCA)
	if err != nil {
		t.Fatal(err)
	}
	// Written in place, with its size and time as they were.
	text := append(next.PEM(), bytes.Repeat([]byte("\n"), int(before.Size())-len(next.PEM()))...)
	if err := os.WriteFile(l.ClientCA, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(l.ClientCA, time.Time{}, before.ModTime()); err != nil {
		t.Fatal(err)
	}
	for range regardless {
		l.Poll()
	}
	if n := l.metrics.Access.TLSRead.Value(); n != 1 {
		t.Errorf("%d changes taken", n)
	}
	l.asks(l.client(next.Issue("client", nil)), "client", false)
}

func TestWhatAnOperatorIsWarnedOf(t *testing.T) {
	t.Parallel()
	l := listenTLS(t, nil) // its certificate ends in 500 hours: 20 days and 20 hours
	days := func(n int) {
		for range n {
			for range 3 {
				l.Poll()
				l.clock.pass(8 * time.Hour)
			}
		}
	}
	const soon, late = "about to expire", "has expired"
	days(6)
	if n := l.log.count(soon); n != 0 {
		t.Errorf("warned %d times too early", n)
	}
	days(8)
	if n := l.log.count(soon); n < 6 || n > 8 {
		t.Errorf("warned %d times in some seven days", n)
	}
	days(10)
	if n := l.log.count(late); n < 3 || n > 5 {
		t.Errorf("of a certificate that has expired it was said %d times in four days", n)
	}
	if err := os.Chmod(l.Key, 0o644); err != nil {
		t.Fatal(err)
	}
	open := *l.TLS.current.Load()
	if open.exposed {
		t.Fatal("nobody could read the key")
	}
	again, err := NewTLS(l.Options)
	if err != nil {
		t.Fatal(err)
	}
	if !again.current.Load().exposed || l.log.count("everybody on this machine can read") != 1 {
		t.Error("not warned of a key that everybody can read")
	}
}

func TestWhatIsNoCertificateIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	authority, other := listentest.NewAuthority(t, "clients"), listentest.NewAuthority(t, "other")
	leaf := authority.Issue("client", nil)
	next := time.Now().Add(nextMonth)
	list := authority.Revoke(next, nil, leaf.Cert)
	plain := options(t, dir, authority.Issue("besra", nil))
	clients := func(parts ...[]byte) func(*Options) {
		return func(o *Options) { o.ClientCA = listentest.Write(t, dir, "clients.pem", parts...) }
	}
	lists := func(parts ...[]byte) func(*Options) {
		return func(o *Options) {
			clients(authority.PEM())(o)
			o.CRL = listentest.Write(t, dir, "crl", parts...)
		}
	}
	critical := func(id ...int) []pkix.Extension {
		return []pkix.Extension{{Id: id, Critical: true, Value: []byte{asn1.TagNull, 0}}}
	}
	for name, c := range map[string]struct {
		change func(*Options)
		want   string
	}{
		"no key":                   {func(o *Options) { o.Key = "" }, "come together"},
		"no certificate":           {func(o *Options) { o.Cert = "" }, "come together"},
		"a file that is not there": {func(o *Options) { o.Cert = filepath.Join(dir, "none.pem") }, "none.pem: no such file"},
		"another's key":            {func(o *Options) { o.Key = listentest.Write(t, dir, "other.key", leaf.KeyPEM) }, "private key does not match"},
		"a certificate as a key":   {func(o *Options) { o.Key = o.Cert }, "server.pem: tls: "},
		"a list without authority": {func(o *Options) { o.CRL = "crl" }, "no authority signs them"},
		"required of nobody":       {func(o *Options) { o.Require = true }, "no authority signs"},
		"never watched":            {func(o *Options) { o.Every = 0 }, "watched every 0s"},
		"a huge file":              {func(o *Options) { o.Cert = listentest.Write(t, dir, "huge.pem", make([]byte, maxFile+1)) }, "huge.pem: longer than"},

		"no authority":                   {clients([]byte("\n")), "clients.pem: there is no CERTIFICATE"},
		"an authority that is none":      {clients(leaf.CertPEM), "not an authority's"},
		"a key among authorities":        {clients(authority.PEM(), leaf.KeyPEM), "block 2: want CERTIFICATE, not PRIVATE KEY"},
		"authorities, cut short":         {clients(authority.PEM(), other.PEM()[:100]), "block 2 is damaged, or cut short"},
		"an authority damaged in a row":  {clients(other.PEM()[:100], []byte("\n"), authority.PEM()), "block 1 is damaged"},
		"an authority that cannot be":    {clients([]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")), "certificate 1: x509"},
		"an empty list":                  {lists(nil), "crl: list 1: "},
		"a list, cut short":              {lists(list[:len(list)-1]), "list 1: x509"},
		"a list in PEM, cut short":       {lists(listentest.ListPEM(list), listentest.ListPEM(list)[:80]), "block 2 is damaged"},
		"a certificate as a list":        {lists(leaf.CertPEM), "want X509 CRL"},
		"another's list":                 {lists(other.Revoke(next, nil)), "none of the authorities is its signer, CN=other"},
		"a list with a forged signature": {lists(listentest.NewAuthority(t, "clients").Revoke(next, nil)), "not signed by CN=clients"},
		"a list of one kind of certificate": {lists(authority.Revoke(next, func(l *x509.RevocationList) {
			l.ExtraExtensions = critical(2, 5, 29, 28)
		})), "its extension 2.5.29.28 must be understood"},
		"what has changed since a list": {lists(authority.Revoke(next, func(l *x509.RevocationList) {
			l.ExtraExtensions = critical(2, 5, 29, 27)
		})), "its extension 2.5.29.27"},
		"a list on behalf of others": {lists(authority.Revoke(next, func(l *x509.RevocationList) {
			l.RevokedCertificateEntries[0].ExtraExtensions = critical(2, 5, 29, 29)
		}, leaf.Cert)), "its extension 2.5.29.29"},
	} {
		t.Run(name, func(t *testing.T) {
			o := plain
			c.change(&o)
			_, err := NewTLS(o)
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %v, want one line with %q", err, c.want)
			}
		})
	}
}

func TestAnAuthorityWithoutAListIsRefused(t *testing.T) {
	t.Parallel()
	listed, unlisted := listentest.NewAuthority(t, "listed"), listentest.NewAuthority(t, "unlisted")
	l := listenTLS(t, func(o *Options, dir string) {
		clientsOf(t, listed, unlisted)(o, dir)
		o.CRL = listentest.Write(t, dir, "crl", listed.Revoke(time.Now().Add(nextMonth), nil))
	})
	l.asks(l.client(listed.Issue("a", nil)), "a", false)
	l.refuses(l.client(unlisted.Issue("b", nil)))
}

func TestCertificatesChangeUnderWay(t *testing.T) {
	t.Parallel()
	authority := listentest.NewAuthority(t, "server authority")
	l := listenTLS(t, func(o *Options, _ string) { o.Every = time.Millisecond })
	l.roots.AddCert(authority.Cert)
	var team sync.WaitGroup
	ctx := t.Context()
	team.Go(func() { l.Run(ctx) })
	t.Cleanup(team.Wait) // after ctx has ended
	var clients sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		clients.Go(func() {
			config := l.client()
			for {
				select {
				case <-stop:
					return
				default:
				}
				if name, _, err := l.ask(config); err != nil || name != "nobody" {
					t.Errorf("known as %q, %v", name, err)
				}
			}
		})
	}
	for range 20 {
		s := authority.Issue("besra", nil)
		n := l.metrics.Access.TLSRead.Value()
		listentest.Write(t, l.dir, "server.pem", s.CertPEM)
		listentest.Write(t, l.dir, "server.key", s.KeyPEM)
		for end := time.Now().Add(20 * time.Second); l.metrics.Access.TLSRead.Value() == n; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("a change is not taken")
			}
		}
	}
	close(stop)
	clients.Wait()
}

func BenchmarkCheck(b *testing.B) {
	authority := listentest.NewAuthority(b, "clients")
	leaf := authority.Issue("client", nil)
	c := &credentials{}
	c.trust([]*x509.Certificate{authority.Cert})
	var err error
	if c.revoked, err = parseRevocations(authority.Revoke(time.Now().Add(nextMonth), nil), []*x509.Certificate{authority.Cert}); err != nil {
		b.Fatal(err)
	}
	chains := [][]*x509.Certificate{{leaf.Cert, authority.Cert}}
	b.ReportAllocs()
	for b.Loop() {
		if err := c.check(chains, time.Now()); err != nil {
			b.Fatal(err)
		}
	}
}
