package auth_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/besra-ml/besra/internal/auth"
	"github.com/besra-ml/besra/internal/identity"
	"github.com/besra-ml/besra/internal/strictyaml"
)

func readIssuers(text string) ([]auth.Issuer, error) {
	n, err := strictyaml.Parse("besra.yaml", []byte(text))
	if err != nil {
		return nil, err
	}
	return auth.ReadIssuers(n)
}

func TestIssuersAreRead(t *testing.T) {
	got, err := readIssuers(`
- issuer: https://id.example.com
  audience: besra
- issuer: http://localhost:8443/realms/a
  audience: https://scores.example.com
  jwks: https://id.example.com/keys?v=2
  algorithms: [PS256, EdDSA]
  leeway: 1m
  scopes: {claim: roles, map: {fraud.score: score, fraud.all: [score, explain, labels]}, only: [score, explain]}
  tenant: {claim: tenant}
  models: {claim: "https://example.com/models"}
  rate: 0.5
  burst: 1000
  concurrent: 64
  quota: 2000000/month
  priority: batch
- {issuer: "https://other.example.com/", audience: besra, scopes: {claim: "", only: [score]}, priority: interactive}
`)
	if err != nil {
		t.Fatal(err)
	}
	want := []auth.Issuer{{
		URL: "https://id.example.com", Audience: "besra", Algorithms: []string{"RS256", "ES256"}, Leeway: 30 * time.Second,
		Scopes: auth.ScopeClaim{Claim: "scope", Only: identity.All &^ identity.Admin},
	}, {
		URL: "http://localhost:8443/realms/a", Audience: "https://scores.example.com", JWKS: "https://id.example.com/keys?v=2",
		Algorithms: []string{"PS256", "EdDSA"}, Leeway: time.Minute,
		Scopes: auth.ScopeClaim{
			Claim: "roles",
			Map:   map[string]identity.Scopes{"fraud.score": identity.Score, "fraud.all": identity.Score | identity.Explain | identity.Labels},
			Only:  identity.Score | identity.Explain,
		},
		Tenant: "tenant", Models: "https://example.com/models",
		Limits: identity.Limits{Rate: 0.5, Burst: 1000, Concurrent: 64, Quota: identity.Quota{Requests: 2_000_000, Per: identity.Month}}, Priority: identity.Batch,
	}, {
		URL: "https://other.example.com/", Audience: "besra", Algorithms: []string{"RS256", "ES256"}, Leeway: 30 * time.Second,
		Scopes: auth.ScopeClaim{Only: identity.Score},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestNoIssuersAreNone(t *testing.T) {
	for _, text := range []string{"", "null", "[]"} {
		if got, err := readIssuers(text); err != nil || len(got) != 0 {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	if got := auth.FormatIssuers(nil); got != "" {
		t.Errorf("none is spelled %q", got)
	}
}

func TestIssuersAreRefused(t *testing.T) {
	const good = "- issuer: https://a.example.com\n  audience: besra\n"
	for name, c := range map[string]struct{ text, want string }{
		"no list":                       {"issuer: https://a\n", "besra.yaml:1: want a list, not a map"},
		"an unknown member":             {good + "  audiense: b\n", `besra.yaml:3: [0]: unknown member "audiense", did you mean "audience"?`},
		"no issuer":                     {"- audience: besra\n", "besra.yaml:1: [0]: issuer is missing"},
		"no audience":                   {"- issuer: https://a.example.com\n", "besra.yaml:1: [0]: audience is missing"},
		"an empty audience":             {"- issuer: https://a.example.com\n  audience: ''\n", "audience is missing"},
		"one issuer twice":              {good + good, `besra.yaml:3: [1]: issuer "https://a.example.com" stands twice`},
		"plain http":                    {"- issuer: http://a.example.com\n", `besra.yaml:1: [0].issuer: want an https URL, not "http://a.example.com"`},
		"a host like loopback":          {"- issuer: http://localhost.example.com\n", "want an https URL"},
		"no host":                       {"- issuer: 'https://:443/'\n", "want an https URL"},
		"no URL":                        {"- issuer: example\n", "want an https URL"},
		"another scheme":                {"- issuer: file:///etc/passwd\n", "want an https URL"},
		"a password":                    {"- issuer: https://u:p@a.example.com\n", "want an https URL"},
		"a query":                       {"- issuer: https://a.example.com?x=1\n", "besra.yaml:1: [0].issuer: want a URL without a query"},
		"an empty query":                {"- issuer: https://a.example.com?\n", "want a URL without a query"},
		"a fragment":                    {"- issuer: 'https://a.example.com#x'\n", "want an https URL"},
		"an empty fragment":             {"- issuer: 'https://a.example.com#'\n", "want an https URL"},
		"keys over plain http":          {good + "  jwks: http://a.example.com/keys\n", "besra.yaml:3: [0].jwks: want an https URL"},
		"a shared secret":               {good + "  algorithms: [RS256, HS256]\n", `besra.yaml:3: [0].algorithms[1]: no algorithm "HS256" to pin to; there are RS256, `},
		"no signature":                  {good + "  algorithms: [none]\n", `no algorithm "none"`},
		"an algorithm in lower case":    {good + "  algorithms: [rs256]\n", `no algorithm "rs256"`},
		"an algorithm twice":            {good + "  algorithms: [RS256, RS256]\n", "besra.yaml:3: [0].algorithms[1]: RS256 stands twice"},
		"no algorithm":                  {good + "  algorithms: []\n", "besra.yaml:1: [0]: algorithms: none is pinned"},
		"a negative leeway":             {good + "  leeway: -1s\n", "besra.yaml:3: [0].leeway: want a time up to 5m0s"},
		"a leeway that is too long":     {good + "  leeway: 6m\n", "want a time up to 5m0s"},
		"a leeway that is no time":      {good + "  leeway: 30\n", "want a time up to 5m0s"},
		"an unknown scope":              {good + "  scopes: {only: [scores]}\n", `besra.yaml:3: [0].scopes.only[0]: no scope "scores"`},
		"an unknown scope in the map":   {good + "  scopes: {map: {a: b}}\n", `besra.yaml:3: [0].scopes.map.a: no scope "b"`},
		"no scope at all":               {good + "  scopes: {only: []}\n", "besra.yaml:1: [0]: scopes.only: none is named"},
		"all scopes without a claim":    {good + "  scopes: {claim: ''}\n", "besra.yaml:3: [0].scopes: without a claim, only must say"},
		"an unknown member of scopes":   {good + "  scopes: {clam: scope}\n", `unknown member "clam"`},
		"a tenant without claim":        {good + "  tenant: {}\n", "besra.yaml:3: [0].tenant: claim is missing"},
		"a tenant of an empty claim":    {good + "  tenant: {claim: ''}\n", "besra.yaml:3: [0].tenant: claim is missing"},
		"a tenant that is text":         {good + "  tenant: acme\n", "besra.yaml:3: [0].tenant: want a map"},
		"models of an empty claim":      {good + "  models: {claim: ''}\n", "besra.yaml:3: [0].models: claim is missing"},
		"no rate":                       {good + "  rate: 0\n", "besra.yaml:3: [0].rate: want requests a second"},
		"a burst of nothing":            {good + "  burst: 0\n", "besra.yaml:3: [0].burst: want a whole number from 1"},
		"a negative number in flight":   {good + "  concurrent: -1\n", "besra.yaml:3: [0].concurrent: want a whole number from 1"},
		"a quota without a period":      {good + "  quota: 100\n", `besra.yaml:3: [0].quota: want requests a day or a month, such as 100000/day, not "100"`},
		"a priority that is none":       {good + "  priority: high\n", `besra.yaml:3: [0].priority: want interactive or batch, not "high"`},
		"a member that stands twice":    {good + "  audience: other\n", "besra.yaml:3: "},
		"a second issuer that is wrong": {good + "- issuer: https://b.example.com\n  audience: besra\n  burst: x\n", "besra.yaml:5: [1].burst: "},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := readIssuers(c.text)
			if err == nil {
				t.Fatalf("taken: %+v", got)
			}
			if !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "besra.yaml:") || strings.Contains(err.Error(), "\n") {
				t.Errorf("refused with %q, want %q", err, c.want)
			}
		})
	}
}

// What besra config prints is a file of settings again.
func TestFormattedIssuersReadBackTheSame(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		all := make([]auth.Issuer, 1+r.IntN(3))
		for i := range all {
			all[i] = anIssuer(r, i)
		}
		text := auth.FormatIssuers(all)
		if strings.Contains(text, "\n") {
			t.Fatalf("more than one line: %s", text)
		}
		back, err := readIssuers(text)
		if err != nil {
			t.Fatalf("%s\n%v", text, err)
		}
		if diff := cmp.Diff(all, back); diff != "" {
			t.Fatalf("%s\n%s", text, diff)
		}
	}
}

func anIssuer(r *rand.Rand, n int) auth.Issuer {
	word := func(chars string) string {
		b := []rune{}
		all := []rune(chars)
		for range 1 + r.IntN(8) {
			b = append(b, all[r.IntN(len(all))])
		}
		return string(b)
	}
	const hard = "abz059 _.-/:,[]{}#&*!|>'\"%@`\\\t\n~é\u2028"
	algorithms := []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
	r.Shuffle(len(algorithms), func(i, j int) { algorithms[i], algorithms[j] = algorithms[j], algorithms[i] })
	i := auth.Issuer{
		URL: "https://" + word("abc") + ".example.com:" + word("123") + "/" + word("ab-._~/,:;'[]{}") + string(rune('a'+n)), Audience: word(hard),
		Algorithms: algorithms[:1+r.IntN(len(algorithms))], Leeway: time.Duration(r.Int64N(int64(5*time.Minute) + 1)),
		Scopes: auth.ScopeClaim{Claim: word(hard), Only: identity.Scopes(1 + r.IntN(int(identity.All)))},
	}
	maybe := func() bool { return r.IntN(2) == 0 }
	if maybe() {
		i.JWKS = "http://127.0.0.1/" + word("abc") + "?" + word("ab=&,%7")
		if strings.Contains(i.JWKS, "%") {
			i.JWKS = "https://[::1]:8443/keys"
		}
	}
	if maybe() {
		i.Scopes.Map = map[string]identity.Scopes{}
		for range r.IntN(4) {
			i.Scopes.Map[word(hard)] = identity.Scopes(r.IntN(int(identity.All) + 1))
		}
	}
	if maybe() {
		i.Scopes.Claim = ""
	}
	if maybe() {
		i.Tenant, i.Models = word(hard), word(hard)
	}
	if maybe() {
		i.Limits = identity.Limits{Rate: r.ExpFloat64() * 1e3, Burst: 1 + r.IntN(1e9), Concurrent: 1 + r.IntN(1e9)}
	}
	if maybe() {
		i.Limits.Quota = identity.Quota{Requests: 1 + r.IntN(identity.MaxQuota), Per: identity.Period(1 + r.IntN(2))}
	}
	if maybe() {
		i.Priority = identity.Batch
	}
	return i
}
