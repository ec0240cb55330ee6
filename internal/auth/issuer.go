package auth

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/besra-ml/besra/internal/identity"
	"github.com/besra-ml/besra/internal/strictyaml"
)

// An Issuer is one whose tokens are taken, and what its claims mean.
type Issuer struct {
	URL        string // iss of its tokens
	Audience   string // among aud of its tokens
	JWKS       string // where its keys are; "": its discovery document says
	Algorithms []string
	Leeway     time.Duration // that clocks may differ by
	Scopes     ScopeClaim
	Tenant     string // the claim that names the tenant; "": there is one tenant
	Models     string // the claim that lists the models; "": all
	Limits     identity.Limits
	Priority   identity.Priority
}

// A ScopeClaim says which claim grants scopes, and how its words are read.
type ScopeClaim struct {
	Claim string                     // a list, or words with spaces between them; "": every token is granted all of Only
	Map   map[string]identity.Scopes // its words; nil: the scopes' own names
	Only  identity.Scopes            // nothing beyond these is ever granted
}

// The algorithms that an issuer may be pinned to. Those with a shared secret and none are not among them.
var algorithms = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

const (
	defaultLeeway = 30 * time.Second
	maxLeeway     = 5 * time.Minute
)

// ReadIssuers reads the setting auth.jwt:
//
//   - issuer: https://id.example.com
//     audience: besra
//     jwks: https://id.example.com/keys
//     algorithms: [RS256, ES256]
//     leeway: 30s
//     scopes: {claim: scope, map: {fraud.score: score}, only: [score, labels]}
//     tenant: {claim: tenant}
//     models: {claim: models}
//     rate: 500
//     burst: 1000
//     concurrent: 64
//     quota: 100000/day
//     priority: batch
func ReadIssuers(n strictyaml.Node) ([]Issuer, error) {
	if n.IsNull() {
		return nil, nil
	}
	var all []Issuer
	err := n.List(func(_ int, n strictyaml.Node) error {
		i, err := readIssuer(n)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(all, func(other Issuer) bool { return other.URL == i.URL }) {
			return n.Errorf("issuer %.100q stands twice", i.URL)
		}
		all = append(all, i)
		return nil
	})
	return all, err
}

func readIssuer(n strictyaml.Node) (Issuer, error) {
	i := Issuer{Algorithms: []string{"RS256", "ES256"}, Leeway: defaultLeeway, Scopes: ScopeClaim{Claim: "scope", Only: identity.All &^ identity.Admin}}
	err := n.Members(map[string]strictyaml.Reader{
		"issuer":     i.readURL,
		"audience":   strictyaml.Text(&i.Audience),
		"jwks":       readURL(&i.JWKS),
		"algorithms": i.readAlgorithms,
		"leeway":     i.readLeeway,
		"scopes":     i.Scopes.read,
		"tenant":     readClaim(&i.Tenant),
		"models":     readClaim(&i.Models),
		"rate":       readRate(&i.Limits.Rate),
		"burst":      readCount(&i.Limits.Burst),
		"concurrent": readCount(&i.Limits.Concurrent),
		"quota":      readQuota(&i.Limits.Quota),
		"priority":   readPriority(&i.Priority),
	})
	if err != nil {
		return i, err
	}
	if err := i.check(); err != nil {
		return i, n.Errorf("%w", err)
	}
	return i, nil
}

// check refuses an issuer without what keeps others' tokens out.
func (i *Issuer) check() error {
	switch {
	case i.URL == "":
		return errors.New("issuer is missing")
	case !secureText(i.URL) || strings.ContainsAny(i.URL, "?#"):
		return errors.New("issuer: want an https URL")
	case i.Audience == "":
		return errors.New("audience is missing: a token for somebody else must not be good here")
	case i.JWKS != "" && !secureText(i.JWKS):
		return errors.New("jwks: want an https URL")
	case len(i.Algorithms) == 0:
		return errors.New("algorithms: none is pinned, so no token would be good")
	case i.Scopes.Only == 0:
		return errors.New("scopes.only: none is named, so no token could do anything")
	}
	for _, alg := range i.Algorithms {
		if !slices.Contains(algorithms, alg) {
			return noAlgorithm(alg)
		}
	}
	return nil
}

func noAlgorithm(alg string) error {
	return fmt.Errorf("no algorithm %.40q to pin to; there are %s", alg, strings.Join(algorithms, ", "))
}

// readURL reads the issuer's own name, which by OpenID Connect is a URL without a query.
func (i *Issuer) readURL(n strictyaml.Node) error {
	if err := readURL(&i.URL)(n); err != nil {
		return err
	}
	if strings.Contains(i.URL, "?") {
		return n.Errorf("want a URL without a query, not %.200q", i.URL)
	}
	return nil
}

func (i *Issuer) readAlgorithms(n strictyaml.Node) error {
	i.Algorithms = nil
	return n.List(func(_ int, n strictyaml.Node) error {
		alg, err := n.Text()
		if err != nil {
			return err
		}
		if !slices.Contains(algorithms, alg) {
			return n.Errorf("%w", noAlgorithm(alg))
		}
		if slices.Contains(i.Algorithms, alg) {
			return n.Errorf("%s stands twice", alg)
		}
		i.Algorithms = append(i.Algorithms, alg)
		return nil
	})
}

func (i *Issuer) readLeeway(n strictyaml.Node) error {
	text, err := n.Text()
	if err != nil {
		return err
	}
	i.Leeway, err = time.ParseDuration(text)
	if err != nil || i.Leeway < 0 || i.Leeway > maxLeeway {
		return n.Errorf("want a time up to %v, not %.40q", maxLeeway, text)
	}
	return nil
}

func (s *ScopeClaim) read(n strictyaml.Node) error {
	bounded := false
	err := n.Members(map[string]strictyaml.Reader{
		"claim": strictyaml.Text(&s.Claim),
		"map":   s.readMap,
		"only":  func(n strictyaml.Node) (err error) { bounded = true; s.Only, err = readScopes(n); return err },
	})
	if err == nil && s.Claim == "" && !bounded {
		return n.Errorf("without a claim, only must say what every token may do")
	}
	return err
}

func (s *ScopeClaim) readMap(n strictyaml.Node) error {
	s.Map = map[string]identity.Scopes{}
	return n.Each(func(word string, n strictyaml.Node) (err error) {
		if n.IsList() {
			s.Map[word], err = readScopes(n)
			return err
		}
		s.Map[word], err = readScope(n)
		return err
	})
}

// readURL reads an https URL; plain http is for loopback alone, where nobody listens in.
func readURL(p *string) strictyaml.Reader {
	return func(n strictyaml.Node) error {
		text, err := n.Text()
		if err != nil {
			return err
		}
		if !secureText(text) || strings.Contains(text, "#") {
			return n.Errorf("want an https URL, not %.200q", text)
		}
		*p = text
		return nil
	}
}

// readClaim reads the name of a claim that binds. An empty one would bind nobody, which is said by leaving it out.
func readClaim(p *string) strictyaml.Reader {
	return func(n strictyaml.Node) error {
		err := n.Members(map[string]strictyaml.Reader{"claim": strictyaml.Text(p)})
		if err == nil && *p == "" {
			return n.Errorf("claim is missing")
		}
		return err
	}
}

func readScope(n strictyaml.Node) (identity.Scopes, error) {
	text, err := n.Text()
	if err != nil {
		return 0, err
	}
	s, err := identity.ParseScope(text)
	if err != nil {
		return 0, n.Errorf("%w", err)
	}
	return s, nil
}

func readScopes(n strictyaml.Node) (all identity.Scopes, err error) {
	err = n.List(func(_ int, n strictyaml.Node) error {
		s, err := readScope(n)
		all |= s
		return err
	})
	return all, err
}

func readRate(p *float64) strictyaml.Reader {
	return func(n strictyaml.Node) (err error) {
		if *p, err = n.Float(); err == nil && (*p <= 0 || *p > 1e9) {
			return n.Errorf("want requests a second, more than 0")
		}
		return err
	}
}

func readCount(p *int) strictyaml.Reader {
	return func(n strictyaml.Node) (err error) {
		if *p, err = n.Int(); err == nil && (*p < 1 || *p > 1e9) {
			return n.Errorf("want a whole number from 1")
		}
		return err
	}
}

func readQuota(p *identity.Quota) strictyaml.Reader {
	return func(n strictyaml.Node) error {
		text, err := n.Text()
		if err != nil {
			return err
		}
		if *p, err = identity.ParseQuota(text); err != nil {
			return n.Errorf("%w, not %.40q", err, text)
		}
		return nil
	}
}

func readPriority(p *identity.Priority) strictyaml.Reader {
	return func(n strictyaml.Node) error {
		switch text, err := n.Text(); {
		case err != nil:
			return err
		case text == "interactive":
			*p = identity.Interactive
		case text == "batch":
			*p = identity.Batch
		default:
			return n.Errorf("want interactive or batch, not %.40q", text)
		}
		return nil
	}
}

// FormatIssuers spells issuers as ReadIssuers reads them, on one line.
func FormatIssuers(all []Issuer) string {
	if len(all) == 0 {
		return ""
	}
	items := make([]string, len(all))
	for k := range all {
		items[k] = all[k].format()
	}
	return "[" + strings.Join(items, ", ") + "]"
}

func (i *Issuer) format() string {
	var members []string
	add := func(name, value string) { members = append(members, name+": "+value) }
	add("issuer", quote(i.URL))
	add("audience", quote(i.Audience))
	if i.JWKS != "" {
		add("jwks", quote(i.JWKS))
	}
	add("algorithms", "["+strings.Join(i.Algorithms, ", ")+"]")
	add("leeway", i.Leeway.String())
	add("scopes", i.Scopes.format())
	if i.Tenant != "" {
		add("tenant", "{claim: "+quote(i.Tenant)+"}")
	}
	if i.Models != "" {
		add("models", "{claim: "+quote(i.Models)+"}")
	}
	if i.Limits.Rate > 0 {
		add("rate", strconv.FormatFloat(i.Limits.Rate, 'f', -1, 64))
	}
	if i.Limits.Burst > 0 {
		add("burst", strconv.Itoa(i.Limits.Burst))
	}
	if i.Limits.Concurrent > 0 {
		add("concurrent", strconv.Itoa(i.Limits.Concurrent))
	}
	if i.Limits.Quota != (identity.Quota{}) {
		add("quota", i.Limits.Quota.String())
	}
	if i.Priority == identity.Batch {
		add("priority", "batch")
	}
	return "{" + strings.Join(members, ", ") + "}"
}

func (s *ScopeClaim) format() string {
	b := "{claim: " + quote(s.Claim)
	if s.Map != nil {
		var words []string
		for word, scopes := range s.Map {
			words = append(words, fmt.Sprintf("%s: [%s]", quote(word), strings.Join(scopes.Names(), ", ")))
		}
		slices.Sort(words)
		b += ", map: {" + strings.Join(words, ", ") + "}"
	}
	return b + ", only: [" + strings.Join(s.Only.Names(), ", ") + "]}"
}

// quote spells text for a flow collection, where strictyaml.Quote's bare words are bare, too.
func quote(text string) string { return strictyaml.Quote(text) }
