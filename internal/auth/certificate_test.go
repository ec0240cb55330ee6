package auth_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net/url"
	"testing"
	"time"

	"github.com/besra-ml/besra/internal/auth"
	"github.com/besra-ml/besra/internal/identity"
)

// certificate makes a certificate as TLS hands it over.
func certificate(t testing.TB, change func(*x509.Certificate)) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: start, NotAfter: start.Add(time.Hour)}
	if change != nil {
		change(c)
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	if c, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return c
}

func named(commonName string) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		c.Subject = pkix.Name{CommonName: commonName, Organization: []string{"Shop, Inc"}}
	}
}

func withURI(uri string) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		u, err := url.Parse(uri)
		if err != nil {
			panic(err)
		}
		c.URIs = append(c.URIs, u)
	}
}

func TestACertificateIsKnownByAnyOfItsNames(t *testing.T) {
	d := newDoor(t, nil)
	_, id := d.create(auth.Entry{Name: "mesh", Tenant: "eu", Certificate: "spiffe://shop/eu"})
	i := d.wantIn(auth.Credentials{Certificate: certificate(t, withURI("spiffe://shop/eu"))}, id)
	if i.Method != identity.Certificate || i.Tenant != "eu" {
		t.Errorf("let in as %+v", i)
	}
	for name, change := range map[string]func(*x509.Certificate){
		`CN=shop-eu,O=Shop\, Inc`: named("shop-eu"),
		"shop-eu":                 named("shop-eu"),
		"eu.shop.example":         func(c *x509.Certificate) { c.DNSNames = []string{"x", "eu.shop.example"} },
		"eu@shop.example":         func(c *x509.Certificate) { c.EmailAddresses = []string{"eu@shop.example"} },
		"urn:uuid:1?a=b":          withURI("urn:uuid:1?a=b"),
	} {
		d := newDoor(t, nil)
		_, id := d.create(auth.Entry{Name: "mesh", Certificate: name})
		d.wantIn(auth.Credentials{Certificate: certificate(t, change)}, id)
		d.wantDenied(auth.Credentials{Certificate: certificate(t, named("else"))}, auth.Unknown, "")
	}
}

func TestANameInACertificateCountsInItsOwnKindAlone(t *testing.T) {
	d := newDoor(t, nil)
	for _, name := range []string{"spiffe://shop/eu", "eu@shop.example", "CN=shop-eu"} {
		d.create(auth.Entry{Name: "mesh", Certificate: name})
		d.wantDenied(auth.Credentials{Certificate: certificate(t, named(name))}, auth.Unknown, "")
	}
	d.wantDenied(auth.Credentials{Certificate: certificate(t, named("shop-eu"))}, auth.Unknown, "") // has an organization, too
	d.wantDenied(auth.Credentials{Certificate: certificate(t, func(c *x509.Certificate) { c.DNSNames = []string{"eu@shop.example"} })}, auth.Unknown, "")
}

func TestACertificateWithTheNamesOfTwoEntriesIsNobodys(t *testing.T) {
	d := newDoor(t, nil)
	_, a := d.create(auth.Entry{Name: "a", Certificate: "a"})
	d.create(auth.Entry{Name: "b", Certificate: "spiffe://b"})
	both := certificate(t, func(c *x509.Certificate) { named("a")(c); withURI("spiffe://b")(c) })
	d.wantDenied(auth.Credentials{Certificate: both}, auth.Malformed, "")
	twice := certificate(t, func(c *x509.Certificate) { named("a")(c); c.DNSNames = []string{"a"} })
	d.wantIn(auth.Credentials{Certificate: twice}, a)
}

func TestACertificatesEntryEndsAsAKeysDoes(t *testing.T) {
	d := newDoor(t, nil)
	c := auth.Credentials{Certificate: certificate(t, named("shop-eu"))}
	d.wantDenied(c, auth.Unknown, "")
	_, id := d.create(auth.Entry{Name: "mesh", Certificate: "shop-eu", Expires: start.Add(time.Hour)})
	d.wantIn(c, id)
	d.clock.pass(-2 * time.Minute)
	d.wantDenied(c, auth.Expired, id) // not yet
	d.clock.pass(2*time.Minute + time.Hour)
	d.wantDenied(c, auth.Expired, id)
	if _, err := d.file.Revoke(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	d.watcher.Poll()
	d.wantDenied(c, auth.Revoked, id)
	_, again := d.create(auth.Entry{Name: "mesh", Certificate: "shop-eu"}) // somebody else's now
	d.wantIn(c, again)
	if _, _, err := d.file.Create(t.Context(), auth.Entry{Name: "mesh", Scopes: identity.Score, Certificate: "shop-eu"}); err == nil {
		t.Error("it is two entries'")
	}
}

func TestAHeaderCountsBeforeACertificate(t *testing.T) {
	d := newDoor(t, nil)
	key, id := d.create(auth.Entry{Name: "shop"})
	_, mesh := d.create(auth.Entry{Name: "mesh", Certificate: "shop-eu"})
	c := certificate(t, named("shop-eu"))
	d.wantIn(auth.Credentials{Certificate: c}, mesh)
	d.wantIn(auth.Credentials{Certificate: c, Header: bearer(key)}, id)
	d.wantDenied(auth.Credentials{Certificate: c, Header: bearer("besra_" + mesh + "_" + secretOf(key))}, auth.Unknown, "")
	d.wantDenied(auth.Credentials{Certificate: c, Header: header("Authorization", "Basic x")}, auth.Malformed, "")
}

func TestAnEntryWithACertificateHasNoSecret(t *testing.T) {
	d := newDoor(t, nil)
	_, mesh := d.create(auth.Entry{Name: "mesh", Certificate: "shop-eu"})
	key, _ := d.create(auth.Entry{Name: "shop"})
	d.wantDenied(auth.Credentials{Header: bearer("besra_" + mesh + "_" + secretOf(key))}, auth.Unknown, "")
}
