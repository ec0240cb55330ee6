package auth

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/MicahParks/jwkset"
)

// jwkText spells a key by a library that is not ours, changed: a nil takes a member away.
func jwkText(t testing.TB, key any, private bool, change map[string]any) string {
	t.Helper()
	k, err := jwkset.NewJWKFromKey(key, jwkset.JWKOptions{
		Marshal: jwkset.JWKMarshalOptions{Private: private}, Metadata: jwkset.JWKMetadataOptions{KID: "k"},
	})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(k.Marshal())
	if err != nil {
		t.Fatal(err)
	}
	var members map[string]any
	if err := json.Unmarshal(text, &members); err != nil {
		t.Fatal(err)
	}
	maps.Copy(members, change)
	maps.DeleteFunc(members, func(_ string, v any) bool { return v == nil })
	if text, err = json.Marshal(members); err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func jwkEC(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func jwkRSA(t testing.TB, bits int) *rsa.PrivateKey {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func jwkEd(t testing.TB) ed25519.PrivateKey {
	t.Helper()
	_, k, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

var jwkRSAAlgs = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}

func jwkB64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// jwkPoint returns a P-256 key's, of 32 bytes each.
func jwkPoint(t testing.TB, k *ecdsa.PublicKey) (x, y []byte) {
	t.Helper()
	point, err := k.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return point[1:33], point[33:]
}

func TestKeysAreRead(t *testing.T) {
	r, p256, p384, p521, ed := jwkRSA(t, 2048), jwkEC(t, elliptic.P256()), jwkEC(t, elliptic.P384()), jwkEC(t, elliptic.P521()), jwkEd(t)
	zero := p256
	for { // a key whose x begins with a zero byte, which some issuers leave out
		if x, _ := jwkPoint(t, &zero.PublicKey); x[0] == 0 {
			break
		}
		zero = jwkEC(t, elliptic.P256())
	}
	px, py := jwkPoint(t, &p256.PublicKey)
	zeroX, _ := jwkPoint(t, &zero.PublicKey)
	for name, c := range map[string]struct {
		text string
		key  crypto.PublicKey
		algs []string
	}{
		"RSA":                  {jwkText(t, r.Public(), false, nil), r.Public(), jwkRSAAlgs},
		"RSA for one":          {jwkText(t, r.Public(), false, map[string]any{"alg": "PS384"}), r.Public(), []string{"PS384"}},
		"P-256":                {jwkText(t, p256.Public(), false, nil), p256.Public(), []string{"ES256"}},
		"P-384":                {jwkText(t, p384.Public(), false, map[string]any{"alg": "ES384"}), p384.Public(), []string{"ES384"}},
		"P-521":                {jwkText(t, p521.Public(), false, nil), p521.Public(), []string{"ES512"}},
		"Ed25519":              {jwkText(t, ed.Public(), false, map[string]any{"alg": "EdDSA"}), ed.Public(), []string{"EdDSA"}},
		"no zero byte in x":    {jwkText(t, zero.Public(), false, map[string]any{"x": jwkB64(zeroX[1:])}), zero.Public(), []string{"ES256"}},
		"a zero byte before n": {jwkText(t, r.Public(), false, map[string]any{"n": jwkB64(append([]byte{0}, r.N.Bytes()...))}), r.Public(), jwkRSAAlgs},
		"padding":              {jwkText(t, p256.Public(), false, map[string]any{"x": jwkB64(px) + "=", "y": jwkB64(py) + "="}), p256.Public(), []string{"ES256"}},
		"padding of e":         {jwkText(t, r.Public(), false, map[string]any{"e": "AQAB=="}), r.Public(), jwkRSAAlgs},
		"use and key_ops":      {jwkText(t, r.Public(), false, map[string]any{"use": "sig", "key_ops": []any{"verify", "x", 1}}), r.Public(), jwkRSAAlgs},
		"members of no value":  {strings.Replace(jwkText(t, r.Public(), false, nil), "{", `{"use":null,"alg":null,"key_ops":null,`, 1), r.Public(), jwkRSAAlgs},
		"members of others":    {jwkText(t, r.Public(), false, map[string]any{"x5c": []any{"junk"}, "x5t": 1, "x5u": "https://evil", "exp": map[string]any{"a": 1}}), r.Public(), jwkRSAAlgs},
	} {
		t.Run(name, func(t *testing.T) {
			set, skipped, err := readJWKSet([]byte(`{"x":1,"keys":[` + c.text + `],"y":{}}`))
			if err != nil || skipped != nil || len(set.keys) != 1 {
				t.Fatalf("%v, %v: %s", err, skipped, c.text)
			}
			got := set.keys[0]
			if !got.public.(interface{ Equal(crypto.PublicKey) bool }).Equal(c.key) || got.id != "k" || !slices.Equal(got.algs, c.algs) {
				t.Errorf("read as %s for %v", got.id, got.algs)
			}
		})
	}
}

func TestKeysThatProveNothingAreLeftOut(t *testing.T) {
	r, p256, ed := jwkRSA(t, 2048), jwkEC(t, elliptic.P256()), jwkEd(t)
	x25519, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rs := func(change map[string]any) string { return jwkText(t, r.Public(), false, change) }
	ec := func(change map[string]any) string { return jwkText(t, p256.Public(), false, change) }
	modulus := func(n *big.Int) string { return rs(map[string]any{"n": jwkB64(n.Bytes())}) }
	bits := func(n int) *big.Int {
		return new(big.Int).Add(new(big.Int).Lsh(big.NewInt(1), uint(n-1)), big.NewInt(1))
	}
	x, y := jwkPoint(t, &p256.PublicKey)
	off := bytes.Clone(y)
	off[31] ^= 1
	for name, c := range map[string]struct{ text, want string }{
		"a shared secret":                {jwkText(t, []byte(strings.Repeat("s", 32)), true, map[string]any{"alg": "HS256"}), "shared secret"},
		"a shared secret for RS256":      {jwkText(t, []byte(strings.Repeat("s", 32)), true, map[string]any{"alg": "RS256"}), "shared secret"},
		"a private RSA key":              {jwkText(t, r, true, nil), "private key"},
		"a private EC key":               {jwkText(t, p256, true, nil), "private key"},
		"a private Ed25519 key":          {jwkText(t, ed, true, nil), "private key"},
		"a key with k":                   {rs(map[string]any{"k": "AAAA"}), "private key"},
		"for encryption":                 {rs(map[string]any{"use": "enc"}), `use is "enc"`},
		"of an empty key_ops":            {rs(map[string]any{"key_ops": []string{}}), "without verify"},
		"for signing only":               {rs(map[string]any{"key_ops": []string{"sign"}}), "without verify"},
		"key_ops that are text":          {rs(map[string]any{"key_ops": "verify"}), "is not text"},
		"kid that is a number":           {rs(map[string]any{"kid": 1}), "is not text"},
		"kid that is too long":           {rs(map[string]any{"kid": strings.Repeat("k", 257)}), "too long"},
		"alg that is a list":             {rs(map[string]any{"alg": []string{"RS256"}}), "is not text"},
		"RSA for HS256":                  {rs(map[string]any{"alg": "HS256"}), `alg "HS256"`},
		"RSA for none":                   {rs(map[string]any{"alg": "none"}), `alg "none"`},
		"RSA for ES256":                  {rs(map[string]any{"alg": "ES256"}), `alg "ES256"`},
		"RSA for encryption by alg":      {rs(map[string]any{"alg": "RSA-OAEP"}), `alg "RSA-OAEP"`},
		"RSA in lower case":              {rs(map[string]any{"kty": "rsa"}), `type "rsa"`},
		"no type":                        {rs(map[string]any{"kty": nil}), `type ""`},
		"RSA of 1024 bits":               {jwkText(t, jwkRSA(t, 1024).Public(), false, nil), "1024 bits"},
		"RSA of 2047 bits":               {modulus(bits(2047)), "2047 bits"},
		"RSA of 8193 bits":               {modulus(bits(8193)), "8193 bits"},
		"RSA of 100,000 bits":            {modulus(bits(100_000)), "longer than"},
		"RSA of an even modulus":         {modulus(new(big.Int).Lsh(big.NewInt(1), 2047)), "even"},
		"RSA without n":                  {rs(map[string]any{"n": nil}), "n is missing"},
		"RSA of zeros":                   {rs(map[string]any{"n": jwkB64(make([]byte, 256))}), "0 bits"},
		"RSA without e":                  {rs(map[string]any{"e": ""}), "e is missing"},
		"e of 1":                         {rs(map[string]any{"e": "AQ"}), "e is not"},
		"e of 2":                         {rs(map[string]any{"e": "Ag"}), "e is not"},
		"e of 0":                         {rs(map[string]any{"e": "AA"}), "e is not"},
		"e of 2^31+1":                    {rs(map[string]any{"e": jwkB64([]byte{0x80, 0, 0, 1})}), "e is not"},
		"e of 2^64-1":                    {rs(map[string]any{"e": jwkB64(bytes.Repeat([]byte{0xff}, 8))}), "e is not"},
		"e of 2^64+65537":                {rs(map[string]any{"e": jwkB64([]byte{1, 0, 0, 0, 0, 0, 1, 0, 1})}), "longer than"},
		"n that is no base64":            {rs(map[string]any{"n": "!!!"}), "n: illegal"},
		"a point off the curve":          {ec(map[string]any{"y": jwkB64(off)}), "x and y"},
		"the point of zeros":             {ec(map[string]any{"x": jwkB64(make([]byte, 32)), "y": jwkB64(make([]byte, 32))}), "x and y"},
		"x beyond the field":             {ec(map[string]any{"x": jwkB64(bytes.Repeat([]byte{0xff}, 32))}), "x and y"},
		"x of 33 bytes":                  {ec(map[string]any{"x": jwkB64(append([]byte{0}, x...))}), "x is longer"},
		"no y":                           {ec(map[string]any{"y": nil}), "y is missing"},
		"P-256 for ES384":                {ec(map[string]any{"alg": "ES384"}), `alg "ES384"`},
		"P-256 said to be P-384":         {ec(map[string]any{"crv": "P-384"}), "x and y"},
		"secp256k1":                      {ec(map[string]any{"crv": "secp256k1"}), `curve "secp256k1"`},
		"P-224":                          {ec(map[string]any{"crv": "P-224"}), `curve "P-224"`},
		"no curve":                       {ec(map[string]any{"crv": nil}), `curve ""`},
		"X25519":                         {jwkText(t, x25519.PublicKey(), false, nil), `curve "X25519"`},
		"Ed25519 of 31 bytes":            {jwkText(t, ed.Public(), false, map[string]any{"x": jwkB64(make([]byte, 31))}), "31 bytes"},
		"Ed25519 of 33 bytes":            {jwkText(t, ed.Public(), false, map[string]any{"x": jwkB64(make([]byte, 33))}), "longer than"},
		"Ed25519 for ES256":              {jwkText(t, ed.Public(), false, map[string]any{"alg": "ES256"}), `alg "ES256"`},
		"nothing":                        {"{}", `type ""`},
		"members in upper case are none": {strings.Replace(rs(nil), `"kty"`, `"KTY"`, 1), `type ""`},
	} {
		t.Run(name, func(t *testing.T) {
			set, skipped, err := readJWKSet([]byte(`{"keys":[` + c.text + `,` + ec(map[string]any{"kid": "good"}) + `]}`))
			if err != nil {
				t.Fatal(err)
			}
			if len(set.keys) != 1 || set.keys[0].id != "good" {
				t.Errorf("%d keys", len(set.keys))
			}
			if skipped == nil || !strings.Contains(skipped.Error(), "keys[0]: ") || !strings.Contains(skipped.Error(), c.want) {
				t.Errorf("left out because of %v, want %q", skipped, c.want)
			}
		})
	}
}

func TestASetHasAHundredKeysAtMost(t *testing.T) {
	one := jwkText(t, jwkEd(t).Public(), false, nil)
	set := func(n int) []byte {
		return []byte(`{"keys":[` + strings.TrimSuffix(strings.Repeat(one+",", n), ",") + `]}`)
	}
	if got, _, err := readJWKSet(set(100)); err != nil || len(got.keys) != 100 {
		t.Errorf("100 keys: %v", err)
	}
	if _, _, err := readJWKSet(set(101)); err == nil || !strings.Contains(err.Error(), "keys: more than 100") {
		t.Errorf("101 keys: %v", err)
	}
}

func TestADigestIsThatOfTheKeysInAnyOrder(t *testing.T) {
	a, b := jwkEd(t).Public(), jwkEd(t).Public()
	digest := func(keys ...string) string {
		set, skipped, err := readJWKSet([]byte(`{"keys":[` + strings.Join(keys, ",") + `]}`))
		if err != nil || skipped != nil {
			t.Fatal(err, skipped)
		}
		return fmt.Sprintf("%x", set.digest)
	}
	first, second := jwkText(t, a, false, nil), jwkText(t, b, false, nil)
	want := digest(first, second)
	if got := digest(second, first); got != want {
		t.Error("another for another order")
	}
	if got := digest(jwkText(t, a, false, map[string]any{"use": "sig", "x5t": "AAAA"}), second); got != want {
		t.Error("another for what does not matter")
	}
	for name, got := range map[string]string{
		"without one":        digest(first),
		"with one twice":     digest(first, first),
		"under another name": digest(jwkText(t, a, false, map[string]any{"kid": "l"}), second),
	} {
		if got == want {
			t.Errorf("the same %s", name)
		}
	}
	r := jwkRSA(t, 2048).Public()
	if digest(jwkText(t, r, false, nil)) == digest(jwkText(t, r, false, map[string]any{"alg": "RS256"})) {
		t.Error("the same for another algorithm")
	}
}

func FuzzReadJWKSet(f *testing.F) {
	for _, key := range []any{jwkRSA(f, 2048).Public(), jwkEC(f, elliptic.P256()).Public(), jwkEC(f, elliptic.P521()).Public(), jwkEd(f).Public()} {
		f.Add([]byte(`{"keys":[` + jwkText(f, key, false, map[string]any{"use": "sig", "key_ops": []string{"verify"}}) + `]}`))
	}
	f.Add([]byte(`{"keys":[]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		set, _, err := readJWKSet(text)
		if (set == nil) == (err == nil) {
			t.Fatalf("%v, %v", set, err)
		}
		if err != nil {
			return
		}
		if len(set.keys) > maxJWKs {
			t.Fatalf("%d keys", len(set.keys))
		}
		for _, k := range set.keys {
			switch public := k.public.(type) {
			case *rsa.PublicKey:
				if n := public.N.BitLen(); n < minRSABits || n > maxRSABits {
					t.Fatalf("%d bits", n)
				}
			case *ecdsa.PublicKey:
				if _, err := public.ECDH(); err != nil {
					t.Fatal(err)
				}
			case ed25519.PublicKey:
				if len(public) != ed25519.PublicKeySize {
					t.Fatal(len(public))
				}
			default:
				t.Fatalf("a key of type %T", public)
			}
			for _, alg := range k.algs {
				if !slices.Contains(algorithms, alg) {
					t.Fatal(alg)
				}
			}
		}
	})
}
