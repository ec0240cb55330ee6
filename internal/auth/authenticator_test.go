package auth_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/besra-ml/besra/internal/auth"
	"github.com/besra-ml/besra/internal/identity"
	"github.com/besra-ml/besra/internal/telemetry"
)

func TestAKeyIsLetInAsItsEntrySays(t *testing.T) {
	d := newDoor(t, nil)
	key, id := d.create(auth.Entry{
		Name: "shop-eu", Tenant: "eu", Scopes: identity.Score | identity.Labels, Models: []string{"fraud"},
		Limits: identity.Limits{Rate: 500, Burst: 1000, Concurrent: 64}, Priority: identity.Batch,
	})
	i := d.wantIn(auth.Credentials{Header: bearer(key)}, id)
	if i.Name != "shop-eu" || i.Tenant != "eu" || i.Method != identity.Key || i.Scopes != identity.Score|identity.Labels ||
		!i.Sees("fraud") || i.Sees("other") || i.Limits != (identity.Limits{Rate: 500, Burst: 1000, Concurrent: 64}) || i.Priority != identity.Batch {
		t.Errorf("let in as %+v", i)
	}
	for name, h := range map[string]http.Header{
		"X-API-Key":       header("X-API-Key", key),
		"lower case":      header("Authorization", "bearer "+key),
		"upper case":      header("Authorization", "BEARER "+key),
		"several blanks":  header("Authorization", "Bearer   "+key),
		"others' headers": header("Authorization", "Bearer "+key, "Cookie", "key=nonsense"),
	} {
		if again := d.wantIn(auth.Credentials{Header: h}, id); again != i {
			t.Errorf("%s: another identity", name)
		}
	}
	if text := d.log.String(); strings.Contains(text, "denied") {
		t.Error(text)
	}
}

// A key's secret is the last 43 bytes of it.
func secretOf(key string) string { return key[len(key)-43:] }

func TestKeysThatAreNotGoodAreRefusedAlike(t *testing.T) {
	d := newDoor(t, nil)
	good, id := d.create(auth.Entry{Name: "good"})
	other, _ := d.create(auth.Entry{Name: "other"})
	revoked, revokedID := d.create(auth.Entry{Name: "revoked"})
	expired, expiredID := d.create(auth.Entry{Name: "expired", Expires: start.Add(time.Hour)})
	first, rotatedID := d.create(auth.Entry{Name: "rotated"})
	ctx := context.Background()
	second, _, err := d.file.Rotate(ctx, rotatedID, 24*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.file.Revoke(ctx, "revoked"); err != nil {
		t.Fatal(err)
	}
	d.watcher.Poll()

	// Both secrets are good while they overlap, and the entry that expires until it does.
	d.wantIn(auth.Credentials{Header: bearer(first)}, rotatedID)
	d.wantIn(auth.Credentials{Header: bearer(second)}, rotatedID)
	d.wantIn(auth.Credentials{Header: bearer(expired)}, expiredID)
	d.clock.pass(time.Hour - time.Second)
	d.wantIn(auth.Credentials{Header: bearer(expired)}, expiredID)
	d.clock.pass(23 * time.Hour)
	d.wantIn(auth.Credentials{Header: bearer(first)}, rotatedID)
	d.clock.pass(time.Second)

	secret, nobody := secretOf(good), strings.Repeat("x", 43)
	text := ""
	for _, attack := range []struct {
		name, key string
		reason    auth.Reason
		id        string
	}{
		{"of nobody", "besra_kaaaaaaa_" + nobody, auth.Unknown, ""},
		{"with a made up secret", "besra_" + id + "_" + nobody, auth.Unknown, ""},
		{"with another key's secret", "besra_" + id + "_" + secretOf(other), auth.Unknown, ""},
		{"with other characters than secrets have", "besra_" + id + "_" + strings.Repeat("+", 43), auth.Unknown, ""},
		{"with another case", "besra_" + id + "_" + strings.ToLower(secret), auth.Unknown, ""},
		{"revoked", revoked, auth.Revoked, revokedID},
		{"revoked, with a made up secret", "besra_" + revokedID + "_" + nobody, auth.Unknown, ""},
		{"expired", expired, auth.Expired, expiredID},
		{"rotated out", first, auth.Expired, rotatedID},
	} {
		t.Run(attack.name, func(t *testing.T) {
			d.t = t
			c := auth.Credentials{Header: bearer(attack.key)}
			d.wantDenied(c, attack.reason, attack.id, secretOf(attack.key))
			_, err := d.ask(c)
			told := err.Error() + challenge(err)
			if text == "" {
				text = told
			}
			if told != text {
				t.Errorf("tells %q, and others %q", told, text)
			}
		})
	}
	d.t = t
	d.wantIn(auth.Credentials{Header: bearer(second)}, rotatedID)
	d.clock.pass(time.Second) // the log's
	if _, _, err := d.file.Rotate(ctx, rotatedID, time.Hour); err != nil {
		t.Fatal(err)
	}
	d.watcher.Poll()
	d.wantDenied(auth.Credentials{Header: bearer(first)}, auth.Unknown, "") // it is forgotten
}

func TestWhatIsNoCredentialOrSeveralIsMalformed(t *testing.T) {
	d := newDoor(t, nil)
	key, id := d.create(auth.Entry{Name: "good"})
	other, _ := d.create(auth.Entry{Name: "other"})
	for name, h := range map[string]http.Header{
		"cut at its end":                bearer(key[:len(key)-1]),
		"longer":                        bearer(key + "x"),
		"without a secret":              bearer("besra_" + id + "_"),
		"without an id":                 bearer("besra__" + secretOf(key)),
		"an id in capitals":             bearer("besra_" + strings.ToUpper(id) + "_" + secretOf(key)),
		"the prefix alone":              bearer("besra_"),
		"a prefix in capitals":          header("X-API-Key", strings.ToUpper(key[:6])+key[6:]),
		"something else in X-API-Key":   header("X-API-Key", "s3cret"),
		"nothing in X-API-Key":          header("X-API-Key", ""),
		"nothing in Authorization":      header("Authorization", ""),
		"no token":                      header("Authorization", "Bearer "),
		"blanks for a token":            header("Authorization", "Bearer    "),
		"no scheme":                     header("Authorization", key),
		"another scheme":                header("Authorization", "Basic "+key),
		"a scheme run together":         header("Authorization", "Bearer"+key),
		"a tab":                         header("Authorization", "Bearer\t"+key),
		"two in one":                    header("Authorization", "Bearer "+key+", Bearer "+other),
		"the same in both headers":      header("Authorization", "Bearer "+key, "X-API-Key", key),
		"two in both headers":           header("Authorization", "Bearer "+key, "X-API-Key", other),
		"nonsense beside a key":         header("Authorization", "Basic eDp5", "X-API-Key", key),
		"Authorization twice":           header("Authorization", "Bearer "+key, "Authorization", "Bearer "+key),
		"X-API-Key twice":               header("X-API-Key", key, "X-API-Key", other),
		"one that is longer than taken": bearer("eyJ." + strings.Repeat("a", 9000) + ".a"),
	} {
		t.Run(name, func(t *testing.T) {
			d.t = t
			d.wantDenied(auth.Credentials{Header: h}, auth.Malformed, "", secretOf(key), secretOf(other))
		})
	}
}

func TestNoOtherHeaderMakesAnIdentity(t *testing.T) {
	d := newDoor(t, nil)
	key, id := d.create(auth.Entry{Name: "shop"})
	_, mesh := d.create(auth.Entry{Name: "mesh", Certificate: "spiffe://shop/eu"})
	claims := header(
		"X-Forwarded-User", "shop", "X-Forwarded-Email", "shop@example.com", "X-Remote-User", id, "Remote-User", id, "X-User", id,
		"X-Amzn-Oidc-Identity", id, "X-Amzn-Oidc-Data", key, "X-Amzn-Request-Context", `{"authorizer":{"principalId":"`+id+`"}}`,
		"X-Amzn-Mtls-Clientcert-Subject", "CN=spiffe://shop/eu", "X-Client-Cert", "spiffe://shop/eu", "X-Ssl-Client-S-Dn", "CN=shop",
		"X-Forwarded-Client-Cert", "URI=spiffe://shop/eu", "X-Besra-Identity", mesh, "X-Besra-Tenant", "eu", "X-Consumer-Id", id,
		"X-Goog-Authenticated-User-Id", id, "X-Auth-Request-User", id, "X-Jwt-Assertion", "eyJhbGciOiJub25lIn0.e30.", "Proxy-Authorization", "Bearer "+key,
		"Cookie", "Authorization=Bearer "+key+"; key="+key, "X-Original-Authorization", "Bearer "+key, "Api-Key", key, "X-Token", key,
	)
	d.wantDenied(auth.Credentials{Header: claims}, auth.Missing, "", secretOf(key))
	claims.Set("Authorization", "Bearer "+key)
	if i := d.wantIn(auth.Credentials{Header: claims}, id); i.Method != identity.Key || i.Tenant != "" {
		t.Errorf("let in as %+v", i)
	}
}

func TestACredentialInAURLIsRefusedWhateverElseIsShown(t *testing.T) {
	d := newDoor(t, nil)
	key, id := d.create(auth.Entry{Name: "shop"})
	escaped := strings.NewReplacer("_", "%5F", "e", "%65").Replace(key)
	made := "besra_" + id + "_" + strings.Repeat("x", 43)
	for _, c := range []struct {
		name, query, id string
	}{
		{"a key", "key=" + key, id},
		{"a key under any name", "q=" + key, id},
		{"a key without a name", key, id},
		{"a key among others", "a=1&b=" + key + "&c=2", id},
		{"a key behind a semicolon", "a=1;b=" + key, id},
		{"a key that becomes another by its escapes", "%" + key, id},
		{"a key with escapes", "b=" + escaped, id},
		{"a whole header", "h=Bearer%20" + key, id},
		{"a whole header with a plus", "h=Bearer+" + key, id},
		{"a key in another URL", "next=" + url.QueryEscape("https://x/?key="+key), id},
		{"a key behind the beginning of another", "a=besra_besra_x_" + key, ""},
		{"somebody's id with a made up secret", "key=" + made, ""},
		{"a key cut at its end", "x=" + key[:40], ""},
		{"another service's key", "api_key=123", ""},
		{"in capitals", "API_KEY=123", ""},
		{"with an escaped name", "%6Bey=123", ""},
		{"apikey", "apikey=1", ""},
		{"api-key", "api-key=1", ""},
		{"x-api-key", "X-Api-Key=1", ""},
		{"access_token", "access_token=1", ""},
		{"token", "a=b&token=", ""},
		{"authorization", "Authorization=Basic+x", ""},
		{"jwt", "jwt", ""},
		{"a token under any name", "session=eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ4In0.c2ln", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			d.t = t
			d.clock.pass(time.Second) // the log's
			d.wantDenied(auth.Credentials{Query: c.query}, auth.InURL, c.id, secretOf(key))
			d.wantDenied(auth.Credentials{Query: c.query, Header: bearer(key)}, auth.InURL, c.id, secretOf(key))
			d.wantDenied(auth.Credentials{Query: c.query, Platform: &identity.Identity{ID: "p"}}, auth.InURL, c.id, secretOf(key))
			lines := strings.Count(d.log.String(), `msg="leaked: a key stands in a URL; replace it" key=`+id+" client=192.0.2.0/24\n")
			if c.id != "" && lines < 3 {
				t.Error(d.log.String())
			}
		})
	}
	d.t = t
	for _, query := range []string{"", "a=1", "explain=3&verbose", "keys=1", "token_count=3", "a=%zz", "&&;=&", "name=besra", "model=eyJ.a", "monkey=1"} {
		d.wantIn(auth.Credentials{Query: query, Header: bearer(key)}, id)
	}
	if strings.Count(d.log.String(), "leaked") != 3*10 {
		t.Errorf("want a line for each key that was whole and its client's own:\n%s", d.log.String())
	}
}

// challenge is what a denial asks for.
func challenge(err error) string {
	var denied *auth.Denied
	if !errors.As(err, &denied) {
		return ""
	}
	return denied.Challenge()
}

func TestWhoIsBarredIsRefusedWhateverElseIsShown(t *testing.T) {
	d := newDoor(t, nil)
	key, id := d.create(auth.Entry{Name: "shop"})
	d.wantIn(auth.Credentials{Header: bearer(key)}, id)
	d.wantDenied(auth.Credentials{Header: bearer(key), Barred: true}, auth.Revoked, "")
	if _, err := auth.New(auth.Options{}).Authenticate(context.Background(), &auth.Credentials{Barred: true}); err == nil {
		t.Error("let in where nobody is authenticated")
	}
}

func TestNothingToShowIsMissing(t *testing.T) {
	d := newDoor(t, nil)
	d.wantDenied(auth.Credentials{}, auth.Missing, "")
	_, err := d.ask(auth.Credentials{})
	if got := challenge(err); got != `Bearer realm="besra"` {
		t.Errorf("challenge %q", got)
	}
	_, err = d.ask(auth.Credentials{Header: bearer("besra_kaaaaaaa_" + strings.Repeat("x", 43))})
	if got := challenge(err); got != `Bearer realm="besra", error="invalid_token"` {
		t.Errorf("challenge %q", got)
	}
}

func TestWhereNobodyIsAuthenticatedAnybodyIsLetIn(t *testing.T) {
	a := auth.New(auth.Options{})
	first, err := a.Authenticate(context.Background(), &auth.Credentials{Header: bearer("whatever"), Query: "a=1"})
	if err != nil || first.ID != "anybody" || first.Method != identity.None {
		t.Fatalf("%+v, %v", first, err)
	}
	if second, _ := a.Authenticate(context.Background(), &auth.Credentials{}); second != first {
		t.Error("anybody is somebody else")
	}
	p := &identity.Identity{ID: "p"}
	if i, err := a.Authenticate(context.Background(), &auth.Credentials{Platform: p}); i != p || err != nil {
		t.Error("the platform's word does not count")
	}
}

func TestThePlatformsWordCountsBeforeAnyOther(t *testing.T) {
	d := newDoor(t, nil)
	key, _ := d.create(auth.Entry{Name: "shop"})
	p := &identity.Identity{ID: "arn:aws:iam::1:role/x", Method: identity.Platform}
	for _, h := range []http.Header{nil, bearer(key), header("Authorization", "nonsense")} {
		if i, err := d.ask(auth.Credentials{Header: h, Platform: p}); i != p || err != nil {
			t.Errorf("%v: %+v, %v", h, i, err)
		}
	}
}

func TestAKeyIsGoodFromItsCreationOn(t *testing.T) {
	d := newDoor(t, nil)
	d.clock.pass(time.Hour)
	key, id := d.create(auth.Entry{Name: "early"})
	d.clock.pass(-30 * time.Second)
	d.wantIn(auth.Credentials{Header: bearer(key)}, id) // clocks differ
	d.clock.pass(-31 * time.Second)
	d.wantDenied(auth.Credentials{Header: bearer(key)}, auth.Expired, id)
}

func TestKeysAreUnknownWhereThereAreNone(t *testing.T) {
	m := &telemetry.New(telemetry.Options{}).Access
	a := auth.New(auth.Options{Tokens: &fakeTokens{}, Metrics: m})
	key := "besra_kaaaaaaa_" + strings.Repeat("x", 43)
	for _, c := range []auth.Credentials{{Header: bearer(key)}, {Header: header("X-API-Key", key)}, {Certificate: certificate(t, nil)}} {
		_, err := a.Authenticate(context.Background(), &c)
		var denied *auth.Denied
		if !errors.As(err, &denied) || denied.Reason != auth.Unknown {
			t.Errorf("%v", err)
		}
	}
	_, err := a.Authenticate(context.Background(), &auth.Credentials{Query: key})
	var denied *auth.Denied
	if !errors.As(err, &denied) || denied.Reason != auth.InURL {
		t.Errorf("%v", err)
	}
}

func TestTheLogSaysWhoWasDeniedWithoutSayingWhereExactly(t *testing.T) {
	d := newDoor(t, nil)
	key, id := d.create(auth.Entry{Name: "shop", Expires: start.Add(time.Minute)})
	d.clock.pass(time.Hour)
	for address, want := range map[string]string{
		"192.0.2.77":                "192.0.2.0/24",
		"::ffff:192.0.2.77":         "192.0.2.0/24",
		"2001:db8:1:2ff:3:4:5:6":    "2001:db8:1:200::/56",
		"fe80::1:2:3:4%eth0":        "fe80::/56",
		"2001:db8:ffff:ffff:ffff::": "2001:db8:ffff:ff00::/56",
	} {
		d.clock.pass(time.Second)
		before := len(d.log.String())
		d.wantDenied(auth.Credentials{Header: bearer(key), Address: netip.MustParseAddr(address)}, auth.Expired, id)
		line := d.log.String()[before:]
		if line != fmt.Sprintf("level=WARN msg=denied reason=expired client=%s key=%s\n", want, id) {
			t.Errorf("%s: %q", address, line)
		}
	}
}

func TestTheLogIsNotFloodedAndTellsWhatItLeftOut(t *testing.T) {
	d := newDoor(t, nil)
	for range 25 {
		d.wantDenied(auth.Credentials{}, auth.Missing, "")
	}
	if n := strings.Count(d.log.String(), "denied"); n != 10 {
		t.Fatalf("%d lines", n)
	}
	d.clock.pass(time.Second)
	d.wantDenied(auth.Credentials{}, auth.Missing, "")
	d.wantDenied(auth.Credentials{}, auth.Missing, "")
	if text := d.log.String(); strings.Count(text, "denied") != 12 || strings.Count(text, "suppressed=15\n") != 1 || strings.Count(text, "suppressed") != 1 {
		t.Error(text)
	}
}

func TestLeaksAreToldInAFloodOfOthers(t *testing.T) {
	d := newDoor(t, nil)
	key, _ := d.create(auth.Entry{Name: "shop"})
	for range 25 {
		d.wantDenied(auth.Credentials{Query: "key=x"}, auth.InURL, "")
	}
	_, _ = d.ask(auth.Credentials{Query: "key=" + key})
	if !strings.Contains(d.log.String(), "leaked") {
		t.Error("not told")
	}
}

// fakeTokens takes tokens. They are good when they begin with eyJgood; the others are wrong for the reason that they end with.
type fakeTokens struct {
	verified int
	known    map[string]bool
}

type wrong string

func (w wrong) Error() string  { return "token: " + string(w) }
func (w wrong) Reason() string { return string(w) }

var tokenClient = &identity.Identity{ID: "https://id.example.com/shop", Method: identity.Token}

func (v *fakeTokens) Known(token string) (*identity.Identity, bool) {
	return tokenClient, v.known[token]
}

func (v *fakeTokens) Verify(_ context.Context, token string) (*identity.Identity, error) {
	v.verified++
	why, ok := strings.CutPrefix(token, "eyJbad.")
	switch {
	case !ok:
		return tokenClient, nil
	case why == "broken":
		return nil, errors.New("broken")
	}
	return nil, fmt.Errorf("issuer x: %w", wrong(why))
}

func TestATokenIsLetInAsItsIssuerSays(t *testing.T) {
	d := newDoor(t, &fakeTokens{})
	d.wantIn(auth.Credentials{Header: bearer("eyJgood")}, tokenClient.ID)
	d.wantDenied(auth.Credentials{Header: header("X-API-Key", "eyJgood")}, auth.Malformed, "")
	d.wantDenied(auth.Credentials{Header: header("Authorization", "Bearer eyJgood", "Authorization", "Bearer eyJgood")}, auth.Malformed, "")
	for _, r := range []auth.Reason{auth.Malformed, auth.Unknown, auth.Expired, auth.Signature, auth.Claims, auth.Unready} {
		d.wantDenied(auth.Credentials{Header: bearer("eyJbad." + r.String())}, r, "")
	}
	d.wantDenied(auth.Credentials{Header: bearer("eyJbad.broken")}, auth.Unready, "")
	d.wantDenied(auth.Credentials{Header: bearer("eyJbad.granted")}, auth.Unready, "")
	if !strings.Contains(d.log.String(), `reason=signature client=192.0.2.0/24 why="issuer x: token: signature"`) {
		t.Error(d.log.String())
	}
}

func TestTokensAreUnknownWhereNoneAreTaken(t *testing.T) {
	d := newDoor(t, nil)
	d.wantDenied(auth.Credentials{Header: bearer("eyJgood")}, auth.Unknown, "")
}

func TestAnAddressThatFailsTooOftenCostsNoMoreWork(t *testing.T) {
	v := &fakeTokens{known: map[string]bool{"eyJremembered": true}}
	d := newDoor(t, v)
	key, id := d.create(auth.Entry{Name: "shop"})
	bad, good := auth.Credentials{Header: bearer("eyJbad.signature")}, auth.Credentials{Header: bearer("eyJgood")}
	for range 100 {
		d.wantIn(good, tokenClient.ID) // these take nothing
	}
	for range 100 {
		d.wantDenied(auth.Credentials{Header: bearer("eyJbad.unready")}, auth.Unready, "") // nor is this the client's fault
	}
	v.verified = 0
	for range 10 {
		d.wantDenied(bad, auth.Signature, "")
	}
	for range 10 {
		d.wantDenied(bad, auth.Attempts, "")
		d.wantDenied(good, auth.Attempts, "")
	}
	if v.verified != 10 {
		t.Fatalf("%d were verified", v.verified)
	}
	// Whoever shares the address works on with a key, or with a token that is known, and others are not concerned.
	d.wantIn(auth.Credentials{Header: bearer(key)}, id)
	d.wantIn(auth.Credentials{Header: bearer("eyJremembered")}, tokenClient.ID)
	d.wantIn(auth.Credentials{Header: good.Header, Address: netip.MustParseAddr("192.0.2.78")}, tokenClient.ID)
	d.wantDenied(auth.Credentials{Header: bearer("besra_kaaaaaaa_" + strings.Repeat("x", 43))}, auth.Unknown, "") // is as cheap as ever

	d.clock.pass(time.Second)
	d.wantIn(good, tokenClient.ID)
	d.wantDenied(bad, auth.Signature, "")
	d.wantDenied(bad, auth.Attempts, "")
	d.clock.pass(time.Hour)
	for range 10 {
		d.wantDenied(bad, auth.Signature, "")
	}
	d.wantDenied(bad, auth.Attempts, "")
}

func TestTheSameCredentialsGiveTheSameIdentityForAsLongAsItsEntryStays(t *testing.T) {
	d := newDoor(t, nil)
	key, id := d.create(auth.Entry{Name: "shop", Models: []string{"a", "b"}})
	first := d.wantIn(auth.Credentials{Header: bearer(key)}, id)
	d.create(auth.Entry{Name: "another"})
	second, _, err := d.file.Rotate(context.Background(), id, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	d.watcher.Poll()
	if d.wantIn(auth.Credentials{Header: bearer(key)}, id) != first || d.wantIn(auth.Credentials{Header: bearer(second)}, id) != first {
		t.Error("it is another identity, though who it is has not changed")
	}
	all, err := d.file.List()
	if err != nil {
		t.Fatal(err)
	}
	all[0].Models = []string{"a"}
	write(t, d.file.Path, string(auth.FormatKeys(all)))
	d.watcher.Poll()
	if i := d.wantIn(auth.Credentials{Header: bearer(key)}, id); i == first || i.Sees("b") || !first.Sees("b") {
		t.Errorf("%+v, before %+v: want another with less, and the first as it was", i, first)
	}
}

func TestRandomKeysAreNotLetIn(t *testing.T) {
	d := newDoor(t, nil)
	_, id := d.create(auth.Entry{Name: "shop"})
	for range 1000 {
		if i, err := d.ask(auth.Credentials{Header: bearer("besra_" + id + "_" + (rand.Text() + rand.Text())[:43])}); err == nil {
			t.Fatalf("let in as %+v", i)
		}
	}
}
