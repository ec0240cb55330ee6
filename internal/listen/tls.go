// Package listen is what stands between the network and HTTP: certificates and who they say a client is,
// proxies and where they say a client is, and connections that are not what they seem.
package listen

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/besra-ml/besra/internal/telemetry"
)

// Options says where certificates are. Cert, Key, Every, Metrics and Log are needed.
type Options struct {
	Cert, Key string // files of the server's certificate with its intermediates, and of its key; PEM
	ClientCA  string // file of the authorities that sign clients' certificates, PEM; "": clients have none
	CRL       string // file of these authorities' lists of revoked certificates, PEM or DER; "": none is revoked
	Require   bool   // every client must have a certificate

	Every   time.Duration // from one look for changes to the next
	Metrics *telemetry.Access
	Log     *slog.Logger
	Now     func() time.Time // nil: time.Now
}

// A TLS is the certificates of a listener. They are read from files and follow them: a change is taken as a
// whole or not at all. What is wrong with one is logged once and what was there before stays; the next look
// tries again, as a file may have been half written.
type TLS struct {
	Options
	current atomic.Pointer[credentials]

	// What follows is Poll's alone.
	looks   int
	seen    looked
	refused string // why, as it was last logged
	warned  time.Time
	keyed   time.Time // when the key of session tickets was made
}

const (
	regardless = 10                  // at which looks contents are read although nothing seems to have changed
	expiring   = 14 * 24 * time.Hour // before its end, a certificate is warned of
	daily      = 24 * time.Hour
)

// NewTLS reads the certificates.
func NewTLS(o Options) (*TLS, error) {
	switch {
	case o.Cert == "" || o.Key == "":
		return nil, errors.New("a certificate and its key come together")
	case o.ClientCA == "" && o.CRL != "":
		return nil, errors.New("revoked certificates are those of clients, and no authority signs them")
	case o.ClientCA == "" && o.Require:
		return nil, errors.New("clients cannot be required to have a certificate that no authority signs")
	case o.Every <= 0:
		return nil, fmt.Errorf("certificates cannot be watched every %v", o.Every)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	t := &TLS{Options: o}
	t.seen = t.look()
	next, err := t.read()
	if err != nil {
		return nil, err
	}
	t.take(next)
	t.warn()
	return t, nil
}

// Config returns the configuration of a listener, which takes every connection by the certificates of its
// time. TLS 1.2 and 1.3, with ciphers that encrypt and authenticate at once, and forward secrecy.
func (t *TLS) Config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: protocols(),
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			return t.current.Load().config, nil
		},
	}
}

func protocols() []string { return []string{"h2", "http/1.1"} }

// config is the configuration for connections that begin while c is current.
func (t *TLS) config(c *credentials) *tls.Config {
	config := &tls.Config{
		Certificates: []tls.Certificate{c.pair},
		MinVersion:   tls.VersionTLS12,
		CipherSuites: []uint16{ // of TLS 1.2; those of 1.3 are all sound
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
		},
		NextProtos: protocols(),
		Time:       t.Now,
	}
	if c.clients == nil {
		return config
	}
	config.ClientCAs, config.ClientAuth = c.clients, tls.VerifyClientCertIfGiven
	if t.Require {
		config.ClientAuth = tls.RequireAndVerifyClientCert
	}
	// crypto/tls has verified the chains by now, or had, when the session is an earlier one's.
	config.VerifyConnection = func(s tls.ConnectionState) error { return t.Check(&s) }
	return config
}

// Check says why the client's certificate of a connection does not count, or no longer: revoked, expired, or
// signed by an authority that is not trusted any more. It is called for every new connection; who cares about
// long ones calls it for a request, too. A connection without a certificate is none of its business.
func (t *TLS) Check(s *tls.ConnectionState) error {
	if len(s.PeerCertificates) == 0 {
		return nil
	}
	return t.current.Load().check(s.VerifiedChains, t.Now())
}

// ClientCertificate returns the client's certificate of a request's connection: nil when there is none, or
// none that was verified.
func ClientCertificate(r *http.Request) *x509.Certificate {
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 || len(r.TLS.VerifiedChains[0]) == 0 {
		return nil
	}
	return r.TLS.VerifiedChains[0][0]
}

// Run looks for changes until ctx ends.
func (t *TLS) Run(ctx context.Context) {
	tick := time.NewTicker(t.Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			t.Poll()
		}
	}
}

// Poll looks once. It is called by Run, or in its place; not by several goroutines at a time.
func (t *TLS) Poll() {
	t.follow()
	t.warn()
	t.renewTicketKey()
}

func (t *TLS) follow() {
	t.looks++
	now := t.look()
	if now.same(t.seen) && t.refused == "" && t.looks%regardless != 0 {
		return
	}
	next, err := t.read()
	switch {
	case !now.same(t.look()):
		return // it changes at this moment; the next look will see all of it
	case err != nil:
		if why := err.Error(); why != t.refused {
			t.refused = why
			t.Metrics.TLSRefused.Inc()
			t.Log.Error("certificates refused; those before stay", "why", err)
		}
		return
	}
	t.seen, t.refused = now, ""
	if next.digest == t.current.Load().digest {
		return
	}
	t.take(next)
	t.Metrics.TLSRead.Inc()
	t.Log.Info("certificates changed", "certificate", t.Cert, "not_after", next.pair.Leaf.NotAfter)
	t.warned = time.Time{}
}

// NotAfter returns when the server's certificate ends.
func (t *TLS) NotAfter() time.Time { return t.current.Load().pair.Leaf.NotAfter }

// take makes connections that begin from now on use c. Their sessions have a key of their own: none that began
// by other certificates is resumed.
func (t *TLS) take(c *credentials) {
	c.config = t.config(c)
	c.ticketKey = newTicketKey()
	c.config.SetSessionTicketKeys([][32]byte{c.ticketKey})
	t.keyed = t.Now()
	t.current.Store(c)
}

// renewTicketKey makes a new key of session tickets once a day. Tickets of the day before are good, too.
func (t *TLS) renewTicketKey() {
	if t.Now().Sub(t.keyed) < daily {
		return
	}
	c, key := t.current.Load(), newTicketKey()
	c.config.SetSessionTicketKeys([][32]byte{key, c.ticketKey})
	c.ticketKey, t.keyed = key, t.Now()
}

// warn tells once a day, and after each change, what an operator should see to; of lists of revoked certificates
// that have run out, at once.
func (t *TLS) warn() {
	now, c := t.Now(), t.current.Load()
	outdated := c.revoked.current(now)
	due := t.warned.IsZero() || now.Sub(t.warned) >= daily
	if !due && (outdated == nil || c.outdated) {
		return
	}
	t.warned = now
	switch end := c.pair.Leaf.NotAfter; {
	case now.After(end):
		t.Log.Error("the certificate has expired", "file", t.Cert, "not_after", end)
	case now.Add(expiring).After(end):
		t.Log.Warn("the certificate is about to expire", "file", t.Cert, "not_after", end)
	}
	if c.exposed {
		t.Log.Warn("everybody on this machine can read the certificate's key", "file", t.Key)
	}
	if c.outdated = outdated != nil; c.outdated {
		t.Log.Error("clients' certificates are refused until there is a newer list of revoked ones", "file", t.CRL, "why", outdated)
	}
}
