//go:build clients

package clients

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A server is a process of besra serve, with TLS, keys and client certificates.
type server struct {
	url string
	ca  string // file of the authority that signed the server's certificate and the client's
	key string // an API key that may score and read models

	clientCert, clientKey string // files
	row                   string // file of a request's body
}

// build builds the program once.
var build = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "besra-clients-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "besra")
	if out, err := exec.Command("go", "build", "-o", path, "github.com/besra-ml/besra/cmd/besra").CombinedOutput(); err != nil {
		return "", errors.Join(err, fmt.Errorf("%s", out))
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := build(); err == nil {
		_ = os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// start starts the server until the test ends.
func start(t *testing.T) *server {
	t.Helper()
	besra, err := build()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s := &server{ca: filepath.Join(dir, "ca.pem"), row: filepath.Join(dir, "row.json")}
	if err := os.WriteFile(s.row, []byte(row), 0o600); err != nil {
		t.Fatal(err)
	}
	ca := newAuthority(t, s.ca)
	cert, key := ca.issue(t, dir, "server", &x509.Certificate{
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	name := "spiffe://shop/eu"
	uri, err := url.Parse(name)
	if err != nil {
		t.Fatal(err)
	}
	s.clientCert, s.clientKey = ca.issue(t, dir, "client", &x509.Certificate{
		URIs: []*url.URL{uri}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	keys := filepath.Join(dir, "keys.yaml")
	s.key = strings.TrimSpace(run(t, besra, "keys", "create", "--auth-keys", keys, "--name", "shop", "--scope", "score,models"))
	run(t, besra, "keys", "create", "--auth-keys", keys, "--name", "shop-eu", "--scope", "score", "--certificate", name)

	cmd := exec.Command(besra, "serve", "--listen", "127.0.0.1:0", "--admin-listen", "", "--auth-keys", keys,
		"--tls-cert", cert, "--tls-key", key, "--tls-client-ca", s.ca)
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	listens, ended := make(chan string, 1), make(chan struct{})
	go func() {
		defer close(ended)
		for lines := bufio.NewScanner(log); lines.Scan(); {
			var line struct{ Msg, URL string }
			_ = json.Unmarshal(lines.Bytes(), &line)
			if line.Msg == "listening" {
				listens <- line.URL
			}
		}
		_ = cmd.Wait() // the exit code is judged below
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(patience):
			_ = cmd.Process.Kill()
			<-ended
		}
		if code := cmd.ProcessState.ExitCode(); code != 0 {
			t.Errorf("the server ended with %d", code)
		}
	})
	select {
	case s.url = <-listens:
	case <-ended:
		t.Fatal("the server ended instead of listening")
	case <-time.After(patience):
		t.Fatal("the server does not listen")
	}
	if !strings.HasPrefix(s.url, "https://") {
		t.Fatalf("it listens on %s", s.url)
	}
	s.url = strings.Replace(s.url, "127.0.0.1", "localhost", 1)
	return s
}

// An authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T, path string) *authority {
	t.Helper()
	a := &authority{}
	a.cert = &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der := a.sign(t, a.cert, &a.key)
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	a.cert = cert
	write(t, path, "CERTIFICATE", der)
	return a
}

// sign makes a key and a certificate of it, signed by a; by itself while a has no key.
func (a *authority) sign(t *testing.T, template *x509.Certificate, made **ecdsa.PrivateKey) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	*made = key
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// issue writes a certificate and its key, and returns the files.
func (a *authority) issue(t *testing.T, dir, name string, template *x509.Certificate) (cert, key string) {
	t.Helper()
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.Subject = pkix.Name{CommonName: name}
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	template.KeyUsage = x509.KeyUsageDigitalSignature
	var made *ecdsa.PrivateKey
	der := a.sign(t, template, &made)
	private, err := x509.MarshalPKCS8PrivateKey(made)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key")
	write(t, cert, "CERTIFICATE", der)
	write(t, key, "PRIVATE KEY", private)
	return cert, key
}

func write(t *testing.T, path, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}
