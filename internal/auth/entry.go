package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"time"

	"github.com/besra-ml/besra/internal/identity"
)

// An Entry of a file of keys is what one client may do, and what proves that it is the client: a secret, or two while
// it changes from one to the other, or the name in its TLS certificate.
type Entry struct {
	ID          string // no secret: it stands in logs
	Name        string // what operators call it; others may have the same
	Tenant      string
	Scopes      identity.Scopes
	Models      []string // nil: all
	Limits      identity.Limits
	Priority    identity.Priority
	Created     time.Time
	Expires     time.Time // zero: never
	Revoked     time.Time // zero: it is not; else it is, whatever the clock says
	Secrets     []Secret  // oldest first
	Certificate string    // "": Secrets prove it
}

// A Secret is the part of a key that is secret, as far as we know it.
type Secret struct {
	SHA256  [sha256.Size]byte // of the secret's text
	Created time.Time
	Expires time.Time // zero: never
}

// A State is what has become of an entry.
type State string

// The states.
const (
	Active     State = "active"
	NotYet     State = "not yet valid"
	HasExpired State = "expired"
	IsRevoked  State = "revoked"
)

// skew is what the clocks of whoever makes keys and whoever serves may differ by.
const skew = time.Minute

// State returns what has become of the entry at that time.
func (e *Entry) State(now time.Time) State {
	switch {
	case !e.Revoked.IsZero():
		return IsRevoked
	case now.Before(e.Created.Add(-skew)):
		return NotYet
	case past(e.Expires, now), e.Certificate == "" && e.Live(now) == 0:
		return HasExpired
	}
	return Active
}

// Live counts the secrets that have not expired.
func (e *Entry) Live(now time.Time) (n int) {
	for _, s := range e.Secrets {
		if !past(s.Expires, now) {
			n++
		}
	}
	return n
}

// past reports whether what ends at that time, if ever, has ended.
func past(end, now time.Time) bool { return !end.IsZero() && !now.Before(end) }

// identity returns who the entry's client is.
func (e *Entry) identity() *identity.Identity {
	method := identity.Key
	if e.Certificate != "" {
		method = identity.Certificate
	}
	return &identity.Identity{
		ID: e.ID, Name: e.Name, Tenant: e.Tenant, Method: method,
		Scopes: e.Scopes, Models: e.Models, Limits: e.Limits, Priority: e.Priority,
	}
}

// The shape of a key: besra_<id>_<secret>.
const (
	keyPrefix    = "besra_"
	minID, maxID = 4, 32 // letters and digits
	secretSize   = 43    // bytes of text: 32 random ones in base64url, unpadded
	maxKey       = len(keyPrefix) + maxID + 1 + secretSize
)

// splitKey takes a key apart. Not ok is what has not the shape of one. What the secret's bytes are is for its hash to say.
func splitKey(key string) (id, secret string, ok bool) {
	rest, ok := strings.CutPrefix(key, keyPrefix)
	if !ok || len(key) > maxKey {
		return "", "", false
	}
	id, secret, ok = strings.Cut(rest, "_")
	return id, secret, ok && len(secret) == secretSize && isID(id)
}

func isID(id string) bool {
	for i := range len(id) {
		if c := id[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return len(id) >= minID && len(id) <= maxID
}

// sumSecret hashes a secret's text. The 32 random bytes have other spellings in base64, of which one alone is the key.
func sumSecret(secret string) [sha256.Size]byte {
	var b [secretSize]byte
	copy(b[:], secret)
	return sha256.Sum256(b[:])
}

// newSecret makes a secret of 256 random bits.
func newSecret() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// newID makes an id. It begins with a letter, so that nothing takes it for a number, and has none of the letters and
// digits that look alike.
func newID() string {
	const alphabet = "abcdefghijkmnpqrstuvwxyz23456789"
	var b [7]byte
	_, _ = rand.Read(b[:]) // never fails
	for i := range b {
		b[i] = alphabet[b[i]%byte(len(alphabet))]
	}
	return "k" + string(b[:])
}
