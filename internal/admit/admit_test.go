package admit_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"go.uber.org/goleak"

	"github.com/besra-ml/besra/internal/admit"
	"github.com/besra-ml/besra/internal/auth"
	"github.com/besra-ml/besra/internal/identity"
	"github.com/besra-ml/besra/internal/limit"
	"github.com/besra-ml/besra/internal/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A house has an admission, and callers who are known to it.
type house struct {
	*admit.Admission
	metrics *telemetry.Access
	callers []http.Header
}

// newHouse makes an admission with n keys, each as change has it.
func newHouse(t testing.TB, n int, change func(i int, e *auth.Entry)) *house {
	t.Helper()
	h := &house{metrics: &telemetry.New(telemetry.Options{}).Access}
	now := time.Now().UTC().Truncate(time.Second)
	entries := make([]auth.Entry, n)
	for i := range entries {
		secret := make([]byte, 32)
		_, _ = rand.Read(secret)
		text := base64.RawURLEncoding.EncodeToString(secret)
		entries[i] = auth.Entry{
			ID: fmt.Sprintf("k%07d", i), Name: "shop", Scopes: identity.Score, Created: now,
			Secrets: []auth.Secret{{SHA256: sha256.Sum256([]byte(text)), Created: now}},
		}
		if change != nil {
			change(i, &entries[i])
		}
		h.callers = append(h.callers, http.Header{"Authorization": {"Bearer besra_" + entries[i].ID + "_" + text}})
	}
	path := filepath.Join(t.TempDir(), "keys.yaml")
	if err := os.WriteFile(path, auth.FormatKeys(entries), 0o600); err != nil {
		t.Fatal(err)
	}
	keys, err := auth.NewWatcher(path, time.Second, slog.New(slog.DiscardHandler), h.metrics)
	if err != nil {
		t.Fatal(err)
	}
	h.open(t, auth.Options{Keys: keys, Metrics: h.metrics}, limit.Options{})
	return h
}

func (h *house) open(t testing.TB, a auth.Options, l limit.Options) {
	t.Helper()
	l.Metrics = h.metrics
	limiter, err := limit.New(l)
	if err != nil {
		t.Fatal(err)
	}
	h.Admission = admit.New(auth.New(a), limiter, h.metrics)
}

func (h *house) call(i int) *admit.Call {
	return &admit.Call{
		Credentials: auth.Credentials{Header: h.callers[i]}, Needs: identity.Score, Limited: true,
		Most: 100 * time.Millisecond, Now: time.Now(),
	}
}

func TestAStrangerIsDeniedBeforeAnythingElseIsLookedAt(t *testing.T) {
	h := newHouse(t, 1, nil)
	c := h.call(0)
	c.Credentials.Header, c.Timeout, c.Needs = nil, "nonsense", identity.Admin
	var ticket admit.Ticket
	var denied *auth.Denied
	if err := h.Admit(context.Background(), c, &ticket); !errors.As(err, &denied) || ticket.Identity != nil {
		t.Errorf("%v; a ticket for %v", err, ticket.Identity)
	}
	ticket.Release(time.Now()) // of nothing
}

func TestWithoutTheScopeNobodyMay(t *testing.T) {
	h := newHouse(t, 1, nil)
	for _, needs := range []identity.Scopes{identity.Labels, identity.Score | identity.Admin, identity.All} {
		c := h.call(0)
		c.Needs = needs
		var ticket admit.Ticket
		var forbidden *admit.Forbidden
		err := h.Admit(context.Background(), c, &ticket)
		if !errors.As(err, &forbidden) || forbidden.Identity.ID != "k0000000" || ticket.Identity != nil {
			t.Errorf("%v: %v", needs, err)
		}
	}
	if n := h.metrics.Denied.Scope.Value(); n != 3 {
		t.Errorf("%d are counted", n)
	}
	c := h.call(0)
	c.Needs = 0
	if err := h.Admit(context.Background(), c, new(admit.Ticket)); err != nil {
		t.Errorf("what needs no scope: %v", err)
	}
}

func TestTheDeadlineIsTheClientsOrOurs(t *testing.T) {
	h := newHouse(t, 1, nil)
	for _, c := range []struct {
		timeout string
		most    time.Duration
		want    time.Duration // 0: none; -1: refused
	}{
		{"", 100 * time.Millisecond, 100 * time.Millisecond},
		{"20", 100 * time.Millisecond, 20 * time.Millisecond},
		{"2000", 100 * time.Millisecond, 100 * time.Millisecond},
		{"20", 0, 20 * time.Millisecond},
		{"", 0, 0},
		{"0", 0, -1},
		{"-5", time.Second, -1},
		{"1.5", time.Second, -1},
		{"soon", time.Second, -1},
		{"99999999999999999999999", time.Second, time.Second},
	} {
		call := h.call(0)
		call.Timeout, call.Most = c.timeout, c.most
		var ticket admit.Ticket
		err := h.Admit(context.Background(), call, &ticket)
		var bad *admit.BadTimeout
		switch {
		case c.want < 0:
			if !errors.As(err, &bad) {
				t.Errorf("%q: %v", c.timeout, err)
			}
		case err != nil:
			t.Errorf("%q: %v", c.timeout, err)
		case c.want == 0 && !ticket.Deadline.IsZero(), c.want > 0 && !ticket.Deadline.Equal(call.Now.Add(c.want)):
			t.Errorf("%q, %v: until %v after", c.timeout, c.most, ticket.Deadline.Sub(call.Now))
		}
		ticket.Release(time.Now())
	}
}

func TestWhatWasAgreedHoldsForLimitedCallsOnly(t *testing.T) {
	h := newHouse(t, 2, func(_ int, e *auth.Entry) {
		e.Limits = identity.Limits{Rate: 1, Burst: 2, Concurrent: 1}
	})
	now := time.Now()
	ask := func(i int, limited bool, t *admit.Ticket) error {
		c := h.call(i)
		c.Now, c.Limited = now, limited
		return h.Admit(context.Background(), c, t)
	}
	var first, second, third, other admit.Ticket
	if err := ask(0, true, &first); err != nil || first.Quota().Remaining != 1 {
		t.Errorf("first: %v, %+v", err, first.Quota())
	}
	if err := ask(0, true, &second); !errors.Is(err, limit.ErrConcurrent) {
		t.Errorf("second, at once: %v", err)
	}
	first.Release(now)
	if err := ask(0, true, &third); !errors.Is(err, limit.ErrRate) || third.Quota().RetryAfter <= 0 {
		t.Errorf("third: %v, %+v", err, third.Quota())
	}
	if err := ask(0, false, &third); err != nil {
		t.Errorf("a call that takes no part: %v", err)
	}
	if err := ask(1, true, &other); err != nil {
		t.Errorf("another key: %v", err)
	}
	other.Release(now)
}

func TestAKeyThatIsBoundSeesItsModelsOnly(t *testing.T) {
	h := newHouse(t, 1, func(_ int, e *auth.Entry) { e.Models = []string{"fraud"} })
	var ticket admit.Ticket
	if err := h.Admit(context.Background(), h.call(0), &ticket); err != nil {
		t.Fatal(err)
	}
	defer ticket.Release(time.Now())
	var forbidden *admit.Forbidden
	if err := h.Sees(&ticket, "fraud"); err != nil {
		t.Error(err)
	}
	if err := h.Sees(&ticket, "abuse"); !errors.As(err, &forbidden) || forbidden.Scopes != 0 {
		t.Errorf("another: %v", err)
	}
	if n := h.metrics.Denied.Model.Value(); n != 1 {
		t.Errorf("%d are counted", n)
	}
}

func TestAModelHasPlacesForSoMany(t *testing.T) {
	h := newHouse(t, 1, nil)
	h.open(t, auth.Options{Metrics: h.metrics}, limit.Options{Concurrency: "off", Models: map[string]int{"fraud": 1}})
	var first, second admit.Ticket
	for _, ticket := range []*admit.Ticket{&first, &second} {
		if err := h.Admit(context.Background(), h.call(0), ticket); err != nil {
			t.Fatal(err)
		}
	}
	if err := first.Model("fraud"); err != nil {
		t.Error(err)
	}
	if err := second.Model("fraud"); !errors.Is(err, limit.ErrModel) {
		t.Errorf("a second: %v", err)
	}
	first.Release(time.Now())
	second.Release(time.Now())
	if err := h.Admit(context.Background(), h.call(0), &first); err != nil || first.Model("fraud") != nil {
		t.Error("the place was not given back")
	}
	first.Release(time.Now())
}

// withTokens has callers show tokens that were seen before.
func (h *house) withTokens(t testing.TB, n int, l limit.Options) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	set := fmt.Sprintf(`{"keys":[{"kty":"EC","crv":"P-256","use":"sig","kid":"1","x":%q,"y":%q}]}`, encode(public[1:33]), encode(public[33:]))
	issuer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, set) }))
	t.Cleanup(issuer.Close)
	tokens, err := auth.NewJWT(auth.JWTOptions{Metrics: h.metrics, Log: slog.New(slog.DiscardHandler), Issuers: []auth.Issuer{{
		URL: issuer.URL, JWKS: issuer.URL, Audience: "besra", Algorithms: []string{"ES256"},
		Scopes: auth.ScopeClaim{Claim: "scope", Only: identity.Score}, Limits: identity.Limits{Rate: 1e6, Burst: 1000},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); tokens.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	h.callers = nil
	for i := range n {
		token := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{
			"iss": issuer.URL, "aud": "besra", "sub": fmt.Sprint("shop-", i), "scope": "score", "exp": time.Now().Add(time.Hour).Unix(),
		})
		token.Header["kid"] = "1"
		text, err := token.SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) { // the issuer's keys are on their way
			_, err := tokens.Verify(context.Background(), text)
			if err == nil {
				break
			}
			if time.Now().After(end) {
				t.Fatal(err)
			}
		}
		h.callers = append(h.callers, http.Header{"Authorization": {"Bearer " + text}})
	}
	h.open(t, auth.Options{Tokens: tokens, Metrics: h.metrics}, l)
}

// callers is how many keys or tokens are shown in turn.
const callers = 2048

// through has n calls come and go.
func (h *house) through(tb testing.TB, calls []*admit.Call, n int) {
	var ticket admit.Ticket
	for i := range n {
		c := calls[i%len(calls)]
		c.Now = time.Now()
		if err := h.Admit(context.Background(), c, &ticket); err != nil {
			tb.Fatal(err)
		}
		if err := ticket.Model("fraud"); err != nil {
			tb.Fatal(err)
		}
		ticket.Release(c.Now)
	}
}

func houses(tb testing.TB) map[string]*house {
	limited := func(_ int, e *auth.Entry) { e.Limits = identity.Limits{Rate: 1e6, Burst: 1000} }
	keys, tokens := newHouse(tb, callers, limited), newHouse(tb, 1, nil)
	tokens.withTokens(tb, callers, limit.Options{Concurrency: "adaptive"})
	return map[string]*house{"key": keys, "token seen before": tokens}
}

func (h *house) calls() []*admit.Call {
	var all []*admit.Call
	for i := range h.callers {
		all = append(all, h.call(i))
	}
	return all
}

// BenchmarkAdmit is what is done for a call before its body is read: who asks, scope, rate, deadline, adaptive limit.
func BenchmarkAdmit(b *testing.B) {
	for name, h := range houses(b) {
		calls := h.calls()
		h.through(b, calls, 2*len(calls))
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			h.through(b, calls, b.N)
		})
	}
}
