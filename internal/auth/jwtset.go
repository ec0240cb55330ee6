package auth

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"

	"github.com/besra-ml/besra/internal/strictjson"
)

// A jwkSet is the public keys of an issuer (RFC 7517) that may prove its tokens.
type jwkSet struct {
	keys   []jwk
	digest [sha256.Size]byte // of keys, in any order
}

// A jwk is a public key and the algorithms that it is for.
type jwk struct {
	id     string // "": it has none
	public crypto.PublicKey
	algs   []string
}

const (
	maxJWKs    = 100
	minRSABits = 2048
	maxRSABits = 8192 // a larger one would take too long for each token
)

// find returns the key that a token of this head must be signed by.
func (s *jwkSet) find(h tokenHead) (crypto.PublicKey, error) {
	var found []jwk
	named := false
	for _, k := range s.keys {
		if h.hasKid && (h.kid == "" || k.id != h.kid) {
			continue
		}
		named = true
		if slices.Contains(k.algs, h.alg) {
			found = append(found, k)
		}
	}
	switch {
	case !h.hasKid && len(found) != 1:
		return nil, tokenErrorf(tokenUnknown, "it names no key, and %d keys are for %s", len(found), h.alg)
	case !named:
		return nil, tokenErrorf(tokenUnknown, "no key %.64q", h.kid)
	case len(found) == 0:
		return nil, tokenErrorf(tokenSignature, "key %.64q is not for %s", h.kid, h.alg)
	}
	return found[0].public, nil // of several with one id, the first holds
}

// readJWKSet reads a set of keys. Keys that are not for us, or not good, are left out, and skipped says why the
// first was; the others stay good.
func readJWKSet(text []byte) (set *jwkSet, skipped error, err error) {
	set = &jwkSet{}
	there := false
	err = eachJSONMember(text, func(name string, s *strictjson.Scanner) error {
		if name != "keys" {
			_, err := s.Skip()
			return err
		}
		there = true
		if err := s.Array(); err != nil {
			return err
		}
		for n := 0; ; n++ {
			more, err := s.Element()
			switch {
			case err != nil || !more:
				return err
			case n == maxJWKs:
				return fmt.Errorf("keys: more than %d", maxJWKs)
			}
			why, err := set.readKey(s)
			if err != nil {
				return fmt.Errorf("keys[%d]: %w", n, err)
			}
			if why != nil && skipped == nil {
				skipped = fmt.Errorf("keys[%d]: %w", n, why)
			}
		}
	})
	if err == nil && !there {
		err = errors.New("keys: missing")
	}
	if err != nil {
		return nil, nil, err
	}
	if set.digest, err = set.sum(); err != nil {
		return nil, nil, err
	}
	return set, skipped, nil
}

// readKey adds the key that comes next, or says why it is left out.
func (s *jwkSet) readKey(in *strictjson.Scanner) (skipped, err error) {
	var k rawJWK
	if err := jsonMembersOf(in, k.readMember); err != nil {
		return nil, err
	}
	key, why := k.key()
	if why == nil {
		s.keys = append(s.keys, key)
	}
	return why, nil
}

// sum returns a digest that is the same for the same keys in another order.
func (s *jwkSet) sum() ([sha256.Size]byte, error) {
	lines := make([][]byte, len(s.keys))
	for i, k := range s.keys {
		der, err := x509.MarshalPKIXPublicKey(k.public)
		if err != nil {
			return [sha256.Size]byte{}, fmt.Errorf("key %.64q: %w", k.id, err)
		}
		lines[i] = fmt.Appendf(nil, "%q %q %x\n", k.id, k.algs, der)
	}
	slices.SortFunc(lines, bytes.Compare)
	return sha256.Sum256(bytes.Join(lines, nil)), nil
}

// A rawJWK is a key as it is written.
type rawJWK struct {
	kty, use, alg, kid, crv string
	n, e, x, y              string
	ops                     []string
	hasOps                  bool
	private                 bool
	odd                     bool // a member is of another type than it should be
}

func (k *rawJWK) readMember(name string, s *strictjson.Scanner) (err error) {
	var p *string
	switch name {
	case "kty":
		p = &k.kty
	case "use":
		p = &k.use
	case "alg":
		p = &k.alg
	case "kid":
		p = &k.kid
	case "crv":
		p = &k.crv
	case "n":
		p = &k.n
	case "e":
		p = &k.e
	case "x":
		p = &k.x
	case "y":
		p = &k.y
	case "key_ops":
		if s.Kind() == strictjson.Array {
			k.hasOps = true
			k.ops, err = tokenTexts(s)
			return err
		}
		k.odd = k.odd || s.Kind() != strictjson.Null
	case "d", "p", "q", "dp", "dq", "qi", "oth", "k":
		k.private = true
	}
	if p != nil && s.Kind() == strictjson.String {
		*p, err = tokenText(s)
		return err
	}
	k.odd = k.odd || p != nil && s.Kind() != strictjson.Null
	_, err = s.Skip()
	return err
}

// tokenTexts reads a list, and leaves out what is not text.
func tokenTexts(s *strictjson.Scanner) (all []string, err error) {
	if err := s.Array(); err != nil {
		return nil, err
	}
	for {
		more, err := s.Element()
		if err != nil || !more {
			return all, err
		}
		if s.Kind() != strictjson.String {
			if _, err := s.Skip(); err != nil {
				return nil, err
			}
			continue
		}
		text, err := tokenText(s)
		if err != nil {
			return nil, err
		}
		all = append(all, text)
	}
}

// key returns the key, or why it cannot prove tokens.
func (k *rawJWK) key() (key jwk, err error) {
	switch {
	case k.kty == "oct":
		return jwk{}, errors.New("a shared secret is no public key")
	case k.private:
		return jwk{}, errors.New("a private key in public is nobody's proof")
	case k.use != "" && k.use != "sig":
		return jwk{}, fmt.Errorf("its use is %.20q, not sig", k.use)
	case k.hasOps && !slices.Contains(k.ops, "verify"):
		return jwk{}, errors.New("its key_ops are without verify")
	case k.odd:
		return jwk{}, errors.New("a member of it is not text")
	case len(k.kid) > maxKeyID:
		return jwk{}, errors.New("its kid is too long")
	}
	key.id = k.kid
	switch k.kty {
	case "RSA":
		key.algs = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}
		key.public, err = k.rsa()
	case "EC":
		key.algs, key.public, err = k.ecdsa()
	case "OKP":
		key.algs = []string{"EdDSA"}
		key.public, err = k.ed25519()
	default:
		err = fmt.Errorf("keys of type %.20q are not known", k.kty)
	}
	if err != nil {
		return jwk{}, err
	}
	if k.alg != "" {
		if !slices.Contains(key.algs, k.alg) {
			return jwk{}, fmt.Errorf("its alg %.20q is not one of its type, %s", k.alg, k.kty)
		}
		key.algs = []string{k.alg}
	}
	return key, nil
}

func (k *rawJWK) rsa() (crypto.PublicKey, error) {
	n, err := jwkBytes("n", k.n, maxRSABits/8+1) // some write a zero byte in front
	if err != nil {
		return nil, err
	}
	e, err := jwkBytes("e", k.e, 8)
	if err != nil {
		return nil, err
	}
	modulus, exponent := new(big.Int).SetBytes(n), new(big.Int).SetBytes(e)
	switch bits := modulus.BitLen(); {
	case bits < minRSABits || bits > maxRSABits:
		return nil, fmt.Errorf("%d bits; from %d to %d are taken", bits, minRSABits, maxRSABits)
	case modulus.Bit(0) == 0:
		return nil, errors.New("n is even")
	case !exponent.IsInt64() || exponent.Int64() < 3 || exponent.Int64() > math.MaxInt32 || exponent.Bit(0) == 0:
		return nil, errors.New("e is not an odd number from 3 to 2^31-1")
	}
	return &rsa.PublicKey{N: modulus, E: int(exponent.Int64())}, nil
}

func (k *rawJWK) ecdsa() ([]string, crypto.PublicKey, error) {
	var curve elliptic.Curve
	var alg string
	switch k.crv {
	case "P-256":
		curve, alg = elliptic.P256(), "ES256"
	case "P-384":
		curve, alg = elliptic.P384(), "ES384"
	case "P-521":
		curve, alg = elliptic.P521(), "ES512"
	default:
		return nil, nil, fmt.Errorf("no curve %.20q is known", k.crv)
	}
	size := (curve.Params().BitSize + 7) / 8
	x, err := jwkBytes("x", k.x, size)
	if err != nil {
		return nil, nil, err
	}
	y, err := jwkBytes("y", k.y, size)
	if err != nil {
		return nil, nil, err
	}
	point := make([]byte, 1+2*size)
	point[0] = 4 // uncompressed: SEC 1, 2.3.3
	copy(point[1+size-len(x):], x)
	copy(point[1+2*size-len(y):], y)
	public, err := ecdsa.ParseUncompressedPublicKey(curve, point)
	if err != nil {
		return nil, nil, fmt.Errorf("x and y: %w", err)
	}
	return []string{alg}, public, nil
}

func (k *rawJWK) ed25519() (crypto.PublicKey, error) {
	if k.crv != "Ed25519" {
		return nil, fmt.Errorf("no curve %.20q is known", k.crv)
	}
	x, err := jwkBytes("x", k.x, ed25519.PublicKeySize)
	if err == nil && len(x) != ed25519.PublicKeySize {
		err = fmt.Errorf("x has %d bytes, not %d", len(x), ed25519.PublicKeySize)
	}
	return ed25519.PublicKey(x), err
}

// jwkBytes decodes a member of a key, of at least one and at most so many bytes.
func jwkBytes(name, text string, most int) ([]byte, error) {
	text = strings.TrimRight(text, "=") // RFC 7515 has none; some write it
	if len(text) > base64.RawURLEncoding.EncodedLen(most) {
		return nil, fmt.Errorf("%s is longer than %d bytes", name, most)
	}
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(b) == 0 {
		return nil, fmt.Errorf("%s is missing", name)
	}
	return b, nil
}
