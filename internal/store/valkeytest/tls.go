package valkeytest

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"testing"

	"github.com/besra-ml/besra/internal/listen/listentest"
)

// A certificate is PEM files.
type certificate struct{ cert, key string }

// An authority signs the certificates of servers, and one for clients.
type authority struct {
	*listentest.Authority
	file        string // PEM
	clientFiles *certificate
	client      *tls.Config
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	dir := t.TempDir()
	a := &authority{Authority: listentest.NewAuthority(t, "test authority")}
	a.file = listentest.Write(t, dir, "ca.pem", a.PEM())
	own := a.Issue("client", nil)
	a.clientFiles = written(t, dir, own)
	roots := x509.NewCertPool()
	roots.AddCert(a.Cert)
	a.client = &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{own.TLS}, MinVersion: tls.VersionTLS12}
	return a
}

// certify makes a certificate for names and addresses, for either side of a connection: nodes are both.
func (a *authority) certify(t testing.TB, dir string, names ...string) *certificate {
	t.Helper()
	return written(t, dir, a.Issue(names[0], func(c *x509.Certificate) {
		c.IPAddresses = nil
		for _, name := range names {
			if ip := net.ParseIP(name); ip != nil {
				c.IPAddresses = append(c.IPAddresses, ip)
			} else {
				c.DNSNames = append(c.DNSNames, name)
			}
		}
	}))
}

func written(t testing.TB, dir string, l *listentest.Leaf) *certificate {
	t.Helper()
	return &certificate{
		cert: listentest.Write(t, dir, "cert.pem", l.CertPEM), key: listentest.Write(t, dir, "key.pem", l.KeyPEM),
	}
}
