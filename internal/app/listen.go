package app

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"

	"github.com/besra-ml/besra/internal/listen"
)

// front returns what connections of l pass before HTTP: the PROXY protocol, then TLS, as the settings say.
func (a *App) front(l net.Listener) net.Listener {
	if a.config.Proxy.Protocol {
		l = listen.ProxyProtocol(l, a.trusted, a.config.Timeouts.Header)
	}
	if a.tls != nil {
		l = tls.NewListener(l, a.tls.Config())
	}
	return l
}

// Listen opens the address to serve on. Beyond loopback it refuses when nobody is authenticated there, unless the
// settings insist.
func (a *App) Listen(ctx context.Context) (net.Listener, error) {
	if a.config.Listen == "" {
		return nil, errors.New("listen: want an address such as 127.0.0.1:8080")
	}
	l, err := a.open(ctx, a.config.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen %s: %w", a.config.Listen, err)
	}
	return l, nil
}

var errNobody = errors.New("nobody who calls is authenticated; serve on loopback (127.0.0.1), make keys " +
	"(besra keys create, auth.keys), or say --insecure where something in front of besra does it")

// open opens an address, if whoever calls there may be let in.
func (a *App) open(ctx context.Context, address string) (net.Listener, error) {
	addr, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return nil, unwrapNet(err)
	}
	if !addr.IP.IsLoopback() && !a.config.Auth.On() && !a.config.Insecure {
		return nil, errNobody
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", addr.String())
	if err != nil {
		return nil, unwrapNet(err)
	}
	return l, nil
}

// URL returns where l serves.
func (a *App) URL(l net.Listener) string { return url(l, a.tls != nil) }

func url(l net.Listener, encrypted bool) string {
	if encrypted {
		return "https://" + l.Addr().String()
	}
	return "http://" + l.Addr().String()
}

// loopback reports whether only this machine can call l.
func loopback(l net.Listener) bool {
	at, ok := l.Addr().(*net.TCPAddr)
	return ok && at.IP.IsLoopback()
}

// Warn tells of what is open that should be closed. Of the door for operators Serve tells.
func (a *App) Warn(l net.Listener) {
	if loopback(l) && !a.config.Auth.On() {
		a.log.Info("nobody who calls is authenticated, and only this machine can call; besra keys create makes keys", "setting", "listen")
	}
	a.warn(l, "listen")
}

// warn tells of what others than this machine can do at l, the address of a setting.
func (a *App) warn(l net.Listener, setting string) {
	switch {
	case loopback(l):
	case !a.config.Auth.On():
		a.log.Warn("nobody who calls is authenticated", "setting", setting, "insecure", true)
	case a.tls == nil:
		a.log.Warn("keys, and what they are shown for, travel in the clear, unless something in front of besra encrypts; "+
			"tls.cert does it here", "setting", setting)
	}
}

// unwrapNet strips the words that net puts around an error, which name the address again.
func unwrapNet(err error) error {
	var op *net.OpError
	var addr *net.AddrError
	switch {
	case errors.As(err, &op):
		return op.Err
	case errors.As(err, &addr):
		return errors.New(addr.Err)
	}
	return err
}

// proxies reads the addresses that are believed about where a client is.
func (a *App) proxies() ([]netip.Prefix, error) {
	trusted, err := listen.ParseTrusted(a.config.Proxy.Trusted)
	if err != nil {
		return nil, fmt.Errorf("proxy.trusted%w", err)
	}
	if a.config.Proxy.Protocol && len(trusted) == 0 {
		return nil, errors.New("proxy.protocol: no proxy is trusted to speak it; proxy.trusted names those that do")
	}
	return trusted, nil
}

// certificates reads the certificates; nil when there are none to be.
func (a *App) certificates() (*listen.TLS, error) {
	c := a.config.TLS
	require := c.ClientAuth == "require"
	if c.Cert == "" && c.Key == "" && c.ClientCA == "" && c.CRL == "" && !require {
		return nil, nil
	}
	t, err := listen.NewTLS(listen.Options{
		Cert: c.Cert, Key: c.Key, ClientCA: c.ClientCA, CRL: c.CRL, Require: require,
		Every: a.config.Models.Poll, Metrics: &a.metrics.Access, Log: a.log,
	})
	if err != nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	return t, nil
}

// http2 bounds what a connection of HTTP/2 may ask for at once. A peer that stops in the middle of headers, or is
// gone, does not answer a ping; to one that does not read, no byte can be written.
func http2(t TimeoutsConfig) *http.HTTP2Config {
	return &http.HTTP2Config{
		MaxConcurrentStreams: 250,
		SendPingTimeout:      2 * t.Header,
		PingTimeout:          t.Header,
		WriteByteTimeout:     t.Answer,
	}
}

// certificate returns what finds the client's certificate of a request; where none are asked for, none is looked for.
// One that was revoked, or has run out, since the connection was made is none.
func (a *App) certificate() func(*http.Request) (c *x509.Certificate, barred bool) {
	required := a.config.TLS.ClientAuth == "require"
	return func(r *http.Request) (*x509.Certificate, bool) {
		if a.tls == nil || r.TLS == nil || a.config.TLS.ClientCA == "" {
			return nil, false
		}
		c := listen.ClientCertificate(r)
		if c != nil && a.tls.Check(r.TLS) != nil {
			return nil, required
		}
		return c, false
	}
}
