package gateway

import (
	"crypto/x509"
	"net/http"
	"net/netip"
	"testing"

	"github.com/besra-ml/besra/internal/admit"
	"github.com/besra-ml/besra/internal/auth"
	"github.com/besra-ml/besra/internal/limit"
	"github.com/besra-ml/besra/internal/telemetry"
)

// admitAll lets everybody in, unless auth and limits say otherwise.
func (o *Options) admitAll(t testing.TB, m *telemetry.Metrics, a auth.Options, l limit.Options) {
	t.Helper()
	l.Metrics = &m.Access
	if l.Concurrency == "" {
		l.Concurrency = "off"
	}
	limiter, err := limit.New(l)
	if err != nil {
		t.Fatal(err)
	}
	a.Metrics = &m.Access
	o.Admission = admit.New(auth.New(a), limiter, &m.Access)
	o.Certificate = func(*http.Request) (*x509.Certificate, bool) { return nil, false }
	o.Address = func(*http.Request) netip.Addr { return netip.Addr{} }
}
