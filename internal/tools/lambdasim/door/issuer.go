package door

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/besra-ml/besra/internal/tools/lambdasim"
)

// An Issuer makes tokens, and serves the discovery document and the key by which they are checked. It is for tests: its key
// exists in memory alone.
type Issuer struct {
	url string
	kid string
	key *rsa.PrivateKey
}

// NewIssuer returns an issuer of that URL, below which its handler is to be found.
func NewIssuer(url string) (*Issuer, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	return &Issuer{url: strings.TrimSuffix(url, "/"), kid: lambdasim.NewName(12), key: key}, nil
}

// URL returns what tokens have as iss.
func (i *Issuer) URL() string { return i.url }

// Token returns a token of these claims, and those that all have. A claim that is nil is left out.
func (i *Issuer) Token(audience, subject string, life time.Duration, claims map[string]any) (string, error) {
	now := time.Now()
	all := jwt.MapClaims{"iss": i.url, "aud": audience, "sub": subject, "iat": now.Unix(), "exp": now.Add(life).Unix()}
	for name, value := range claims {
		if all[name] = value; value == nil {
			delete(all, name)
		}
	}
	t := jwt.NewWithClaims(jwt.SigningMethodRS256, all)
	t.Header["kid"] = i.kid
	return t.SignedString(i.key)
}

// ServeHTTP serves what stands below the issuer's URL.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	switch {
	case strings.HasSuffix(r.URL.Path, "/.well-known/openid-configuration"):
		fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`+"\n", i.url, i.url+"/keys")
	case strings.HasSuffix(r.URL.Path, "/keys"):
		e := binary.BigEndian.AppendUint32(nil, uint32(i.key.E))
		fmt.Fprintf(w, `{"keys":[{"kty":"RSA","use":"sig","alg":"RS256","kid":%q,"n":%q,"e":%q}]}`+"\n",
			i.kid, encoded(i.key.N.Bytes()), encoded(new(big.Int).SetBytes(e).Bytes()))
	default:
		http.NotFound(w, r)
	}
}

func encoded(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
