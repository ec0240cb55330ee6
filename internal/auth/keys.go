package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/besra-ml/besra/internal/identity"
)

// Keys are the entries of a file, ready to be looked up. They do not change.
type Keys struct {
	entries       []Entry
	byID          map[string]*known
	byCertificate map[string]*known
	subjects      bool // certificates are known by their whole subjects, too
	nobody        *known
}

// A known entry is one as the hot path wants it. Times are milliseconds since 1970.
type known struct {
	identity *identity.Identity
	from, to int64
	revoked  bool
	secrets  [maxSecrets]knownSecret
}

type knownSecret struct {
	sum      [sha256.Size]byte
	from, to int64
}

// NewKeys makes entries ready. An identity that is as it was before stays the same one; before may be nil.
func NewKeys(entries []Entry, before *Keys) *Keys {
	k := &Keys{entries: entries, byID: make(map[string]*known, len(entries)), byCertificate: map[string]*known{}, nobody: &known{}}
	k.nobody.lock()
	for i := range entries {
		e := &entries[i]
		one := newKnown(e)
		if before != nil {
			if old := before.byID[e.ID]; old != nil && same(old.identity, one.identity) {
				one.identity = old.identity
			}
		}
		k.byID[e.ID] = one
		if e.Certificate == "" {
			continue
		}
		if other := k.byCertificate[e.Certificate]; other == nil || other.revoked {
			k.byCertificate[e.Certificate] = one
		}
		k.subjects = k.subjects || nameKind(e.Certificate) == subjectName
	}
	return k
}

func newKnown(e *Entry) *known {
	k := &known{identity: e.identity(), from: e.Created.Add(-skew).UnixMilli(), to: until(e.Expires), revoked: !e.Revoked.IsZero()}
	k.lock()
	for i, s := range e.Secrets {
		k.secrets[i] = knownSecret{s.SHA256, s.Created.Add(-skew).UnixMilli(), until(s.Expires)}
	}
	return k
}

// lock gives the entry secrets that nobody has, so that looking for one costs the same however many there are.
func (k *known) lock() {
	for i := range k.secrets {
		_, _ = rand.Read(k.secrets[i].sum[:]) // never fails
	}
}

func until(t time.Time) int64 {
	if t.IsZero() {
		return math.MaxInt64
	}
	return t.UnixMilli()
}

func same(a, b *identity.Identity) bool {
	return a.ID == b.ID && a.Name == b.Name && a.Tenant == b.Tenant && a.Method == b.Method && a.Scopes == b.Scopes &&
		slices.Equal(a.Models, b.Models) && a.Limits == b.Limits && a.Priority == b.Priority
}

// Entries returns the entries that k was made of. They are not to be changed.
func (k *Keys) Entries() []Entry { return k.entries }

// Len counts the entries that are not revoked.
func (k *Keys) Len() (n int) {
	for i := range k.entries {
		if k.entries[i].Revoked.IsZero() {
			n++
		}
	}
	return n
}

// key finds whose key it is: an id and a secret of their shapes. Whose is nobody's has reason Unknown, and so has an
// entry's with another secret; both cost the same. now is in milliseconds since 1970. The entry is nil where the secret
// is not its own.
func (k *Keys) key(id, secret string, now int64) (*known, Reason) {
	e, ok := k.byID[id]
	if !ok {
		e = k.nobody
	}
	sum := sumSecret(secret)
	found := -1
	for i := range e.secrets {
		found = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(sum[:], e.secrets[i].sum[:]), i, found)
	}
	if found < 0 {
		return nil, Unknown
	}
	why := e.reason(now)
	if s := &e.secrets[found]; why == granted && (now < s.from || now >= s.to) {
		why = Expired
	}
	return e, why
}

// reason says why the entry is not let in now, if so.
func (k *known) reason(now int64) Reason {
	switch {
	case k.revoked:
		return Revoked
	case now < k.from, now >= k.to:
		return Expired
	}
	return granted
}

// certificate finds whose certificate it is. One that has the names of two entries is nobody's: it is Malformed.
func (k *Keys) certificate(c *x509.Certificate, now int64) (*known, Reason) {
	var found *known
	several := false
	look := func(kind kind, name string) {
		e := k.byCertificate[name]
		if e == nil || nameKind(name) != kind {
			return
		}
		several = several || found != nil && found != e
		found = e
	}
	for _, u := range c.URIs {
		look(uriName, u.String())
	}
	for _, name := range c.DNSNames {
		look(plainName, name)
	}
	for _, address := range c.EmailAddresses {
		look(emailName, address)
	}
	look(plainName, c.Subject.CommonName)
	if k.subjects {
		look(subjectName, c.Subject.String())
	}
	switch {
	case several:
		return nil, Malformed
	case found == nil:
		return nil, Unknown
	}
	return found, found.reason(now)
}

// A kind of name in a certificate. Each is looked for where it belongs alone: who may choose a common name, which is
// free text, must not get the identity of a URI by it.
type kind int

const (
	plainName kind = iota // a DNS name, or a common name
	emailName
	uriName
	subjectName // the whole subject, RFC 2253: CN=shop-eu,O=Shop
)

func nameKind(name string) kind {
	attribute, _, ok := strings.Cut(name, "=")
	switch {
	case ok && strings.Trim(attribute, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.") == "":
		return subjectName
	case strings.Contains(name, ":"):
		return uriName
	case strings.Contains(name, "@"):
		return emailName
	}
	return plainName
}
