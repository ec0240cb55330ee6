//go:build clients

package clients

import (
	"crypto/x509"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/besra-ml/besra/internal/besratest"
	"github.com/besra-ml/besra/internal/listen/listentest"
)

// A server is a process of besra serve, with TLS, keys and client certificates.
type server struct {
	url string
	ca  string // file of the authority that signed the server's certificate and the client's
	key string // an API key that may score and read models

	operator string // one that may read metrics, too

	clientCert, clientKey string // files
	row                   string // file of a request's body
}

func TestMain(m *testing.M) { besratest.Main(m) }

// start starts the server until the test ends.
func start(t *testing.T) *server {
	t.Helper()
	besra, dir := besratest.Program(t), t.TempDir()
	const name = "spiffe://shop/eu"
	uri, err := url.Parse(name)
	if err != nil {
		t.Fatal(err)
	}
	ca := listentest.NewAuthority(t, "authority")
	cert, key := written(t, dir, "server", ca.Issue("server", func(c *x509.Certificate) {
		c.DNSNames, c.IPAddresses = []string{"localhost"}, []net.IP{net.IPv4(127, 0, 0, 1)}
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	}))
	s := &server{ca: listentest.Write(t, dir, "ca.pem", ca.PEM()), row: listentest.Write(t, dir, "row.json", []byte(row))}
	s.clientCert, s.clientKey = written(t, dir, "client", ca.Issue("client", func(c *x509.Certificate) {
		c.URIs, c.IPAddresses = []*url.URL{uri}, nil
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	}))
	keys := filepath.Join(dir, "keys.yaml")
	s.key = strings.TrimSpace(run(t, besra, "keys", "create", "--auth-keys", keys, "--name", "shop", "--scope", "score,models"))
	s.operator = strings.TrimSpace(run(t, besra, "keys", "create", "--auth-keys", keys, "--name", "operator", "--scope", "score,models,metrics"))
	run(t, besra, "keys", "create", "--auth-keys", keys, "--name", "shop-eu", "--scope", "score", "--certificate", name)

	p := besratest.Start(t, besra, "serve", "--listen", "127.0.0.1:0", "--admin-listen", "", "--auth-keys", keys,
		"--tls-cert", cert, "--tls-key", key, "--tls-client-ca", s.ca)
	t.Cleanup(p.Stop)
	address := p.URL()
	if !strings.HasPrefix(address, "https://") {
		t.Fatalf("it listens on %s", address)
	}
	s.url = strings.Replace(address, "127.0.0.1", "localhost", 1)
	return s
}

// written writes a certificate and its key, and returns the files.
func written(t *testing.T, dir, name string, l *listentest.Leaf) (cert, key string) {
	t.Helper()
	return listentest.Write(t, dir, name+".pem", l.CertPEM), listentest.Write(t, dir, name+".key", l.KeyPEM)
}
