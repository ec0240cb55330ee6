package auth

import (
	"crypto/x509"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/besra-ml/besra/internal/identity"
)

// Credentials are what a request shows of who asks. No other header than the two that are named is ever read.
type Credentials struct {
	Header      http.Header        // Authorization and X-API-Key are read from it, by their canonical names
	Host        string             // that the request is for, as its client spells it: what browsers attach by themselves is for it alone
	Query       string             // of the URL, raw: credentials in it are refused
	Certificate *x509.Certificate  // the client's, verified by TLS; nil: none
	Barred      bool               // every client must have a certificate, and this one's no longer counts: nothing else helps
	Address     netip.Addr         // of the client; zero: unknown
	Platform    *identity.Identity // from the platform's own event, verified there, and never from a header; nil: none
}

// maxCredential is the longest that is looked at, in bytes.
const maxCredential = 8 << 10

// shown returns the credential that the headers hold, "" for none. ok is false for what is none, and for several: who
// sends two may be believed to be either of them by whatever stands between.
func shown(h http.Header) (credential string, key, ok bool) {
	authorization, apiKey := h["Authorization"], h["X-Api-Key"]
	switch {
	case len(authorization)+len(apiKey) == 0:
		return "", false, true
	case len(authorization)+len(apiKey) > 1:
		return "", false, false
	case len(apiKey) == 1:
		return apiKey[0], true, strings.HasPrefix(apiKey[0], keyPrefix)
	}
	if credential, ok = basic(authorization[0]); ok {
		return credential, true, strings.HasPrefix(credential, keyPrefix)
	}
	credential, ok = bearer(authorization[0])
	key = strings.HasPrefix(credential, keyPrefix)
	return credential, key, ok && (key || isToken(credential))
}

// bearer returns what the header Authorization holds, RFC 6750.
func bearer(header string) (credential string, ok bool) {
	const scheme = "bearer "
	if len(header) <= len(scheme) || len(header) > len(scheme)+maxCredential || !strings.EqualFold(header[:len(scheme)], scheme) {
		return "", false
	}
	return strings.TrimLeft(header[len(scheme):], " "), true
}

// isToken reports whether s is of the characters of a token: RFC 6750, b64token.
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && strings.IndexByte("-._~+/=", c) < 0 {
			return false
		}
	}
	return s != ""
}

// leakNames are parameters that credentials are sent in.
var leakNames = [...]string{
	"key", "api_key", "apikey", "api-key", "x-api-key", "access_token", "token", "authorization", "jwt",
}

// leaks reports whether a raw query has credentials in it, and which key it has, if it has one whole.
func leaks(query string) (key string, found bool) {
	for query != "" {
		parameter := query
		if i := strings.IndexAny(query, "&;"); i >= 0 {
			parameter, query = query[:i], query[i+1:]
		} else {
			query = ""
		}
		if k := findKey(parameter); k != "" {
			return k, true
		}
		name, value, _ := strings.Cut(parameter, "=")
		if strings.ContainsAny(parameter, "%+") {
			name, value = unescape(name), unescape(value)
			if k := findKey(name + "=" + value); k != "" {
				return k, true
			}
		}
		found = found || leakName(name) || strings.HasPrefix(name, keyPrefix) || strings.HasPrefix(value, keyPrefix) || isJWT(value)
	}
	return "", found
}

func leakName(name string) bool {
	for _, leak := range leakNames {
		if strings.EqualFold(name, leak) {
			return true
		}
	}
	return false
}

// unescape is lenient: what is no escape stays.
func unescape(s string) string {
	if t, err := url.QueryUnescape(s); err == nil {
		return t
	}
	return s
}

// findKey finds a whole key anywhere in s.
func findKey(s string) string {
	for {
		i := strings.Index(s, keyPrefix)
		if i < 0 {
			return ""
		}
		s = s[i:]
		if id, _, ok := strings.Cut(s[len(keyPrefix):], "_"); ok {
			if end := len(keyPrefix) + len(id) + 1 + secretSize; end <= len(s) {
				if _, _, ok := splitKey(s[:end]); ok {
					return s[:end]
				}
			}
		}
		s = s[len(keyPrefix):]
	}
}

// isJWT reports whether s looks like a JSON Web Token: three parts, the first of them an object's beginning in base64.
func isJWT(s string) bool {
	return strings.HasPrefix(s, "eyJ") && strings.Count(s, ".") == 2 && isToken(s)
}
