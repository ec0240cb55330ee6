// Package listentest makes certificates for tests: authorities, what they sign, and what they revoke.
package listentest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// An Authority signs certificates.
type Authority struct {
	Cert *x509.Certificate

	t      testing.TB
	key    *ecdsa.PrivateKey
	above  *Authority // nil: it has signed itself
	serial int64
	lists  int64
}

// NewAuthority makes an authority that signs itself.
func NewAuthority(t testing.TB, name string) *Authority { return newAuthority(t, name, nil) }

// Below makes an authority that a signs.
func (a *Authority) Below(name string) *Authority { return newAuthority(a.t, name, a) }

func newAuthority(t testing.TB, name string, above *Authority) *Authority {
	t.Helper()
	a := &Authority{t: t, key: newKey(t), above: above}
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, SerialNumber: big.NewInt(1),
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(1000 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	parent, signer := template, a.key
	if above != nil {
		above.serial++
		template.SerialNumber = big.NewInt(above.serial + 100)
		parent, signer = above.Cert, above.key
	}
	a.Cert = sign(t, template, parent, a.key, signer)
	return a
}

// PEM returns the authority's certificate.
func (a *Authority) PEM() []byte { return block("CERTIFICATE", a.Cert.Raw) }

// A Leaf is a certificate with its key, for a server at the loopback addresses and for a client.
type Leaf struct {
	Cert *x509.Certificate
	TLS  tls.Certificate // with the authorities between it and the topmost

	CertPEM, KeyPEM []byte
}

// Issue signs a certificate for 500 hours; change, which may be nil, makes it another one.
func (a *Authority) Issue(name string, change func(*x509.Certificate)) *Leaf {
	a.t.Helper()
	a.serial++
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, SerialNumber: big.NewInt(a.serial + 100),
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(500 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	if change != nil {
		change(template)
	}
	key := newKey(a.t)
	l := &Leaf{Cert: sign(a.t, template, a.Cert, key, a.key)}
	l.CertPEM = block("CERTIFICATE", l.Cert.Raw)
	for between := a; between.above != nil; between = between.above {
		l.CertPEM = append(l.CertPEM, between.PEM()...)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	l.KeyPEM = block("PRIVATE KEY", der)
	if l.TLS, err = tls.X509KeyPair(l.CertPEM, l.KeyPEM); err != nil {
		a.t.Fatal(err)
	}
	return l
}

// Revoke returns the list, in DER, that revokes these certificates, to be renewed by next; change, which may be
// nil, makes it another one.
func (a *Authority) Revoke(next time.Time, change func(*x509.RevocationList), revoked ...*x509.Certificate) []byte {
	a.t.Helper()
	a.lists++
	list := &x509.RevocationList{Number: big.NewInt(a.lists), ThisUpdate: time.Now().Add(-time.Hour), NextUpdate: next}
	for _, c := range revoked {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries,
			x509.RevocationListEntry{SerialNumber: c.SerialNumber, RevocationTime: time.Now().Add(-time.Minute)})
	}
	if change != nil {
		change(list)
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, a.Cert, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	return der
}

// ListPEM writes a list of revoked certificates as PEM.
func ListPEM(der []byte) []byte { return block("X509 CRL", der) }

// Write writes a file, as a whole or not at all, and returns its path.
func Write(t testing.TB, dir, name string, parts ...[]byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path+".new", bytes.Join(parts, nil), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	return path
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sign(t testing.TB, template, parent *x509.Certificate, key, signer *ecdsa.PrivateKey) *x509.Certificate {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func block(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
