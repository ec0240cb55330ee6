package auth_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/besra-ml/besra/internal/auth"
)

// A pipeNet is a network within a bubble of time: real HTTP between a client and a server, over pipes.
type pipeNet struct {
	conns chan net.Conn
	done  chan struct{}
	down  atomic.Bool
}

func (n *pipeNet) Accept() (net.Conn, error) {
	select {
	case c := <-n.conns:
		return c, nil
	case <-n.done:
		return nil, net.ErrClosed
	}
}

func (n *pipeNet) Close() error   { close(n.done); return nil }
func (n *pipeNet) Addr() net.Addr { return &net.TCPAddr{} }

func (n *pipeNet) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	if n.down.Load() {
		return nil, errors.New("no route to the issuer")
	}
	client, server := net.Pipe()
	select {
	case n.conns <- server:
		return client, nil
	case <-n.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

type bubble struct {
	jwtUnderTest
	*idp
	net *pipeNet
	log *jwtLog
}

type jwtLog struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *jwtLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *jwtLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// inBubble runs a test with an issuer whose keys are those of allKeys, in time that passes when all sleep.
// before may change what the issuer does before it is asked for the first time.
func inBubble(t *testing.T, before func(b *bubble, i *auth.Issuer), test func(t *testing.T, b *bubble)) {
	t.Helper()
	all := allKeys(t) // made outside, where time is real
	keyRSA2()
	synctest.Test(t, func(t *testing.T) {
		b := &bubble{
			idp: &idp{url: "http://localhost", set: all},
			net: &pipeNet{conns: make(chan net.Conn), done: make(chan struct{})}, log: &jwtLog{},
		}
		server := &http.Server{Handler: b.idp, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
		served := make(chan struct{})
		go func() {
			defer close(served)
			server.Serve(b.net)
		}()
		t.Cleanup(func() {
			server.Close()
			<-served
			time.Sleep(time.Second) // a handler that still writes finds out that nobody reads
		})
		i := b.issuer()
		if before != nil {
			before(b, &i)
		}
		b.jwtUnderTest = startJWT(t, auth.JWTOptions{
			Issuers: []auth.Issuer{i}, Log: slog.New(slog.NewTextHandler(b.log, nil)),
			Client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: b.net.dial}},
		})
		synctest.Wait()
		test(t, b)
	})
}

func (b *bubble) token(t *testing.T, kid string) string {
	return signed(t, "RS256", kid, keyRSA(), claims(b.url, nil))
}

func (b *bubble) want(t *testing.T, token, want string) {
	t.Helper()
	if got := b.reason(t, token); got != want {
		t.Fatalf("after %v: refused with %q, want %q", time.Since(bubbleStart), got, want)
	}
}

var bubbleStart = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func TestAnIssuerThatIsDownAtFirstIsAskedUntilItIsUp(t *testing.T) {
	inBubble(t, func(b *bubble, _ *auth.Issuer) { b.net.down.Store(true) }, func(t *testing.T, b *bubble) {
		b.want(t, b.token(t, "rsa"), "unready")
		time.Sleep(10 * time.Minute)
		b.want(t, b.token(t, "rsa"), "unready")
		// 1, 2, 4, 8, 16, 32 and then 60 seconds apart, less a tenth at most; and twice for the tokens.
		if n := b.metrics.JWKSFailed.Value(); n < 14 || n > 20 {
			t.Errorf("asked %d times in 10 minutes", n)
		}
		if n := strings.Count(b.log.String(), "cannot be had"); n != 1 {
			t.Errorf("logged %d times:\n%s", n, b.log)
		}
		if !strings.Contains(b.log.String(), "level=ERROR") || !strings.Contains(b.log.String(), "no route to the issuer") {
			t.Errorf("logged:\n%s", b.log)
		}
		b.net.down.Store(false)
		time.Sleep(time.Minute + time.Second)
		b.want(t, b.token(t, "rsa"), "")
		if b.metrics.JWKSFetched.Value() != 1 {
			t.Errorf("fetched %d times", b.metrics.JWKSFetched.Value())
		}
	})
}

func TestATokenWaitsForTheFirstFetch(t *testing.T) {
	slow := func(b *bubble, _ *auth.Issuer) {
		b.answer(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(time.Second)
			io.WriteString(w, b.set)
		})
	}
	inBubble(t, slow, func(t *testing.T, b *bubble) {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		began := time.Now()
		if _, err := b.Verify(ctx, b.token(t, "rsa")); err == nil || time.Since(began) != 100*time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		b.want(t, b.token(t, "rsa"), "")
		if time.Since(began) > 1100*time.Millisecond {
			t.Errorf("good after %v", time.Since(began))
		}
	})
}

// A fetch that began before the issuer had the key does not help; another one does.
func TestATokenOutwaitsAFetchThatCameTooEarly(t *testing.T) {
	slow := func(b *bubble, _ *auth.Issuer) {
		b.answer(func(w http.ResponseWriter, r *http.Request) {
			set := jwksJSON(t, jwkJSON(t, "rsa", keyRSA()))
			if b.fetched.Load() > 1 {
				set = jwksJSON(t, jwkJSON(t, "next", keyRSA2()))
			}
			time.Sleep(500 * time.Millisecond)
			io.WriteString(w, set)
		})
	}
	inBubble(t, slow, func(t *testing.T, b *bubble) {
		b.want(t, signed(t, "RS256", "next", keyRSA2(), claims(b.url, nil)), "")
		if b.fetched.Load() != 2 || time.Since(bubbleStart) != time.Second {
			t.Errorf("%d fetches, %v", b.fetched.Load(), time.Since(bubbleStart))
		}
	})
}

func TestKeysOutliveADayOfOutage(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, b *bubble) {
		time.Sleep(time.Minute)
		b.net.down.Store(true)
		for range 23 {
			time.Sleep(time.Hour)
			b.want(t, b.token(t, "rsa"), "")
		}
		time.Sleep(time.Until(bubbleStart.Add(24*time.Hour - time.Second)))
		last := b.token(t, "rsa")
		b.want(t, last, "")
		if _, ok := b.Known(last); !ok {
			t.Error("not known")
		}
		time.Sleep(time.Second)
		if _, ok := b.Known(last); ok {
			t.Error("known by keys that are too old")
		}
		b.want(t, b.token(t, "rsa"), "unready")
		if !strings.Contains(b.log.String(), "level=WARN") || !strings.Contains(b.log.String(), "those before stay") {
			t.Errorf("logged:\n%s", b.log)
		}
		b.net.down.Store(false)
		time.Sleep(2 * time.Minute)
		b.want(t, b.token(t, "rsa"), "")
	})
}

func TestKeysAreAskedForEveryQuarterOfAnHour(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, b *bubble) {
		time.Sleep(10 * 24 * time.Hour)
		if n := b.fetched.Load(); n < 960 || n > 1080 {
			t.Errorf("%d times in ten days", n)
		}
		if n := b.discovered.Load(); n < 10 || n > 11 {
			t.Errorf("where they are, %d times", n)
		}
		if n := b.metrics.JWKSFetched.Value(); n != uint64(b.fetched.Load()) || b.metrics.JWKSFailed.Value() != 0 {
			t.Errorf("counted %d and %d", n, b.metrics.JWKSFailed.Value())
		}
	})
}

func TestANamedSetNeedsNoDiscovery(t *testing.T) {
	inBubble(t, func(b *bubble, i *auth.Issuer) { i.JWKS = b.url + "/keys" }, func(t *testing.T, b *bubble) {
		b.want(t, b.token(t, "rsa"), "")
		time.Sleep(25 * time.Hour)
		if n := b.discovered.Load(); n != 0 {
			t.Errorf("discovered %d times", n)
		}
	})
}

func TestAKeyOfTheIssuerIsReplaced(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, b *bubble) {
		old, next := jwkJSON(t, "rsa", keyRSA()), jwkJSON(t, "next", keyRSA2())
		remembered := b.token(t, "rsa")
		b.want(t, remembered, "")

		b.publish(jwksJSON(t, old, next))
		time.Sleep(time.Second)
		newer := signed(t, "RS256", "next", keyRSA2(), claims(b.url, nil))
		began := time.Now()
		b.want(t, newer, "")
		if n := b.fetched.Load(); n != 2 || time.Since(began) > 0 {
			t.Errorf("%d fetches, %v", n, time.Since(began))
		}
		if _, ok := b.Known(remembered); ok {
			t.Error("known by a set of keys that is no more")
		}
		b.want(t, remembered, "")

		b.publish(jwksJSON(t, next))
		b.want(t, remembered, "") // nobody has asked yet
		time.Sleep(15 * time.Minute)
		if _, ok := b.Known(remembered); ok {
			t.Error("known by a key that is no more")
		}
		b.want(t, remembered, "unknown")
		b.want(t, newer, "")
	})
}

func TestThoseWhoComeTogetherShareOneFetch(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, b *bubble) {
		b.answer(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(500 * time.Millisecond)
			io.WriteString(w, jwksJSON(t, jwkJSON(t, "next", keyRSA2())))
		})
		var all sync.WaitGroup
		for range 200 {
			all.Go(func() {
				if got := b.reason(t, signed(t, "RS256", "next", keyRSA2(), claims(b.url, nil))); got != "" {
					t.Errorf("refused with %q", got)
				}
			})
		}
		all.Wait()
		if n := b.fetched.Load(); n != 2 {
			t.Errorf("%d fetches", n)
		}
	})
}

func TestAnUnchangedSetKeepsWhatIsRemembered(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, b *bubble) {
		time.Sleep(13 * time.Minute)
		token := b.token(t, "rsa")
		b.want(t, token, "")
		// The same keys in another order, and with more about them, are the same keys.
		first := jwkJSON(t, "rsa", keyRSA())
		first["x5t"] = "AAAA"
		b.publish(jwksJSON(t, jwkJSON(t, "ed", keyEd25519()), jwkJSON(t, "p521", keyP521()), jwkJSON(t, "p384", keyP384()), jwkJSON(t, "p256", keyP256()), first))
		time.Sleep(2*time.Minute + time.Second)
		if b.fetched.Load() != 2 {
			t.Fatalf("%d fetches", b.fetched.Load())
		}
		if _, ok := b.Known(token); !ok {
			t.Error("forgotten")
		}
	})
}

func TestATokenIsRememberedForFiveMinutesAndNoLongerThanItIsValid(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, b *bubble) {
		long := b.token(t, "rsa")
		short := signed(t, "RS256", "rsa", keyRSA(), claims(b.url, map[string]any{"exp": time.Now().Add(time.Minute).Unix()}))
		b.want(t, long, "")
		b.want(t, short, "")
		known := func(token string, want bool) {
			t.Helper()
			if _, ok := b.Known(token); ok != want {
				t.Errorf("after %v: known is %v", time.Since(bubbleStart), ok)
			}
		}
		time.Sleep(90*time.Second - time.Nanosecond) // the leeway is 30 s
		known(short, true)
		time.Sleep(time.Nanosecond)
		known(short, false)
		b.want(t, short, "expired")
		time.Sleep(5*time.Minute - 90*time.Second - time.Nanosecond)
		known(long, true)
		time.Sleep(time.Nanosecond)
		known(long, false)
		time.Sleep(time.Minute)
		if n := b.metrics.TokensKnown.Value(); n != 0 {
			t.Errorf("%v tokens are still remembered", n)
		}
		b.want(t, long, "")
		known(long, true)
	})
}

func TestAFloodOfUnknownKeysAsksOnceAMinute(t *testing.T) {
	for name, prepare := range map[string]func(b *bubble){
		"of an issuer that answers": func(*bubble) {},
		"of a slow issuer": func(b *bubble) {
			b.answer(func(w http.ResponseWriter, r *http.Request) {
				time.Sleep(4 * time.Second)
				io.WriteString(w, b.set)
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, b *bubble) {
				prepare(b)
				good := b.token(t, "rsa")
				junk := b.token(t, "rsa")
				_, rest, _ := strings.Cut(junk, ".")
				before := b.fetched.Load()
				var all sync.WaitGroup
				for n := range 6000 { // 10 a second for ten minutes
					all.Go(func() {
						began := time.Now()
						token := b64(fmt.Sprintf(`{"alg":"RS256","kid":"k%d"}`, n)) + "." + rest
						if got := b.reason(t, token); got != "unknown" {
							t.Errorf("refused with %q", got)
						}
						if waited := time.Since(began); waited > 2*time.Second {
							t.Errorf("after %v", waited)
						}
					})
					if n%20 == 0 {
						b.want(t, good, "")
					}
					time.Sleep(100 * time.Millisecond)
				}
				all.Wait()
				if n := b.fetched.Load() - before; n < 9 || n > 11 {
					t.Errorf("asked %d times in ten minutes", n)
				}
			})
		})
	}
}

func TestAHostileIssuerIsSurvived(t *testing.T) {
	redirect := func(to string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusFound) }
	}
	text := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, text) }
	}
	many := `{"keys":[` + strings.TrimSuffix(strings.Repeat(`{"kty":"x"},`, 80_000), ",") + `]}`
	for name, c := range map[string]struct {
		keys, conf http.HandlerFunc
		want       string // in the log
	}{
		"it is slow": {keys: func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				io.WriteString(w, " ")
				w.(http.Flusher).Flush()
				time.Sleep(100 * time.Millisecond)
			}
		}, want: "deadline exceeded"},
		"it never answers": {keys: func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, want: "deadline exceeded"},
		"it answers without end": {keys: func(w http.ResponseWriter, r *http.Request) {
			for block := make([]byte, 64<<10); r.Context().Err() == nil; {
				if _, err := w.Write(block); err != nil {
					return
				}
			}
		}, want: "more than 1048576 bytes"},
		"it answers with too much": {keys: text(`{"keys":[]` + strings.Repeat(" ", 1<<20) + "}"), want: "more than 1048576 bytes"},
		"its headers are huge": {keys: func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X", strings.Repeat("x", 11<<20))
		}, want: "exceeded"},
		"it hangs up": {keys: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, want: "EOF"},
		"it hangs up half-way": {keys: func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, `{"keys":[`)
		}, want: "unexpected EOF"},
		"it has an error":          {keys: func(w http.ResponseWriter, r *http.Request) { http.Error(w, "no", http.StatusServiceUnavailable) }, want: "status 503"},
		"it has nothing":           {keys: func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusNoContent) }, want: "status 204"},
		"an error that is a 200":   {keys: text(`{"error":"no"}`), want: "keys: missing"},
		"an empty answer":          {keys: text(""), want: "but the text ends"},
		"garbage":                  {keys: text("<html>"), want: "offset 0"},
		"keys that are no list":    {keys: text(`{"keys":{}}`), want: "expected an array"},
		"a key that is no object":  {keys: text(`{"keys":[1]}`), want: "keys[0]: "},
		"keys twice":               {keys: text(`{"keys":[],"keys":[]}`), want: "keys"},
		"a member of a key twice":  {keys: text(`{"keys":[{"kty":"RSA","kty":"EC"}]}`), want: "kty"},
		"80,000 keys":              {keys: text(many), want: "keys: more than 100"},
		"very deep":                {keys: text(`{"x":` + strings.Repeat("[", 500_000)), want: "deeper than 64"},
		"a redirect to itself":     {keys: redirect("/keys"), want: "more than 3 redirects"},
		"a redirect to plain http": {keys: redirect("http://id.example.com/keys"), want: "redirected from http to http"},
		"a redirect to a file":     {keys: redirect("file:///etc/passwd"), want: "redirected from http to file"},
		"a redirect with a name":   {keys: redirect("http://u:p@localhost/keys"), want: "redirected from http to http"},
		"a redirect to nowhere":    {keys: func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusFound) }, want: "status 302"},
		"discovery of another":     {conf: text(`{"issuer":"http://localhost/","jwks_uri":"http://localhost/keys"}`), want: `it is of issuer \"http://localhost/\"`},
		"discovery of nobody":      {conf: text(`{"jwks_uri":"http://localhost/keys"}`), want: `it is of issuer \"\"`},
		"discovery of plain http":  {conf: text(`{"issuer":"http://localhost","jwks_uri":"http://id.example.com/keys"}`), want: "want an https URL"},
		"discovery of a file":      {conf: text(`{"issuer":"http://localhost","jwks_uri":"file:///keys"}`), want: "want an https URL"},
		"discovery of nothing":     {conf: text(`{"issuer":"http://localhost"}`), want: "want an https URL"},
		"two issuers in discovery": {conf: text(`{"issuer":"http://evil","issuer":"http://localhost","jwks_uri":"http://localhost/keys"}`), want: "issuer"},
		"discovery of garbage":     {conf: text(`null`), want: "expected an object"},
	} {
		hostile := func(b *bubble, _ *auth.Issuer) {
			if c.keys != nil {
				b.answer(c.keys)
			}
			if c.conf != nil {
				b.describe(c.conf)
			}
		}
		t.Run(name, func(t *testing.T) {
			inBubble(t, hostile, func(t *testing.T, b *bubble) {
				began := time.Now()
				b.want(t, b.token(t, "rsa"), "unready")
				if waited := time.Since(began); waited > 2*time.Second {
					t.Errorf("a token waited %v", waited)
				}
				time.Sleep(time.Until(bubbleStart.Add(6 * time.Second)))
				if b.metrics.JWKSFailed.Value() == 0 || b.metrics.JWKSFetched.Value() != 0 {
					t.Errorf("%d failed, %d fetched", b.metrics.JWKSFailed.Value(), b.metrics.JWKSFetched.Value())
				}
				if log := b.log.String(); !strings.Contains(log, c.want) || !strings.Contains(log, "its tokens are refused") || len(log) > 2000 {
					t.Errorf("logged, without %q:\n%.2000s", c.want, log)
				}
				// It comes to its senses.
				b.publish(b.set)
				b.describe(nil)
				time.Sleep(time.Minute)
				b.want(t, b.token(t, "rsa"), "")

				// And loses them again: the keys before stay.
				hostile(b, nil)
				time.Sleep(time.Hour)
				b.want(t, b.token(t, "rsa"), "")
				if log := b.log.String(); c.keys != nil && !strings.Contains(log, "those before stay") {
					t.Errorf("logged:\n%.2000s", log)
				}
			})
		})
	}
}

func TestAnIssuerOfHTTPSHasNoKeysInTheClear(t *testing.T) {
	noJWTLeaks(t)
	clear := newIDP(t, allKeys(t)) // on loopback, where an issuer itself may be
	secure := &idp{}
	s := httptest.NewTLSServer(secure)
	t.Cleanup(s.Close)
	secure.url = s.URL
	secure.describe(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, secure.url, clear.url+"/keys")
	})
	j := readyJWT(t, auth.JWTOptions{
		Issuers: []auth.Issuer{secure.issuer()}, Client: s.Client(),
	})
	if j.metrics.JWKSFailed.Value() != 1 || clear.fetched.Load() != 0 {
		t.Errorf("%d failed, %d fetched in the clear", j.metrics.JWKSFailed.Value(), clear.fetched.Load())
	}
	if got := j.reason(t, signed(t, "RS256", "rsa", keyRSA(), claims(secure.url, nil))); got != "unready" {
		t.Errorf("a token is refused with %q", got)
	}
}

func TestRedirectsAreFollowedThreeTimes(t *testing.T) {
	hops := func(b *bubble, _ *auth.Issuer) {
		b.answer(func(w http.ResponseWriter, r *http.Request) {
			if n := len(r.URL.Query().Get("n")); n < 3 {
				http.Redirect(w, r, "/keys?n="+strings.Repeat("x", n+1), http.StatusFound)
				return
			}
			io.WriteString(w, b.set)
		})
	}
	inBubble(t, hops, func(t *testing.T, b *bubble) { b.want(t, b.token(t, "rsa"), "") })
}

func TestKeysThatHaveMovedAreFound(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, b *bubble) {
		b.answer(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.RawQuery != "moved" {
				http.NotFound(w, r)
				return
			}
			io.WriteString(w, jwksJSON(t, jwkJSON(t, "next", keyRSA2())))
		})
		b.describe(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, b.url, b.url+"/keys?moved")
		})
		b.want(t, signed(t, "RS256", "next", keyRSA2(), claims(b.url, nil)), "")
		if b.metrics.JWKSFailed.Value() != 0 {
			t.Error("counted as failed")
		}
		// Discovery fails, but the keys are where they were.
		b.describe(func(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) })
		time.Sleep(48 * time.Hour)
		b.want(t, signed(t, "RS256", "next", keyRSA2(), claims(b.url, nil)), "")
	})
}

// An issuer that says it has no keys means that none of its tokens is good.
func TestAnIssuerThatTakesAllItsKeysBackIsBelieved(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, b *bubble) {
		token := b.token(t, "rsa")
		b.want(t, token, "")
		b.publish(`{"keys":[]}`)
		time.Sleep(15 * time.Minute)
		b.want(t, token, "unknown")
	})
}

func TestItStopsWhileAnIssuerIsAsked(t *testing.T) {
	noJWTLeaks(t)
	p := newIDP(t, "")
	hang := make(chan struct{})
	p.answer(func(http.ResponseWriter, *http.Request) { <-hang })
	t.Cleanup(func() { close(hang) })
	j := startJWT(t, auth.JWTOptions{Issuers: []auth.Issuer{p.issuer()}})
	for p.fetched.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	if j.metrics.JWKSFailed.Value() != 0 {
		t.Error("failed")
	}
}

func TestTokensAreVerifiedWhileKeysChange(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, b *bubble) {
		rsa, next, ec := jwkJSON(t, "rsa", keyRSA()), jwkJSON(t, "next", keyRSA2()), jwkJSON(t, "p256", keyP256())
		sets := []string{jwksJSON(t, rsa, ec), jwksJSON(t, rsa, next), jwksJSON(t, next, rsa, ec)}
		b.answer(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, sets[b.fetched.Load()%3]) })
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for n := range 100 {
					token := signed(t, "RS256", "rsa", keyRSA(), claims(b.url, map[string]any{"sub": fmt.Sprint(n % 7)}))
					if id, ok := b.Known(token); ok && id.Name != fmt.Sprint(n%7) {
						t.Errorf("%s is %s", fmt.Sprint(n%7), id.Name)
					}
					if got := b.reason(t, token); got != "" {
						t.Errorf("refused with %q", got)
					}
					if got := b.reason(t, signed(t, "ES256", "p256", keyP256(), claims(b.url, nil))); got != "" && got != "unknown" {
						t.Errorf("refused with %q", got)
					}
					time.Sleep(time.Minute)
				}
			})
		}
		all.Wait()
	})
}
