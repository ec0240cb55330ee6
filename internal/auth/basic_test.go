package auth_test

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/besra-ml/besra/internal/auth"
)

const here = "besra.internal:8443"

// basic spells a key as browsers and curl -u do.
func basic(user, password string, pairs ...string) http.Header {
	return header(append([]string{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))}, pairs...)...)
}

func TestBasicIsAnotherSpellingOfAKey(t *testing.T) {
	d := newDoor(t, &fakeTokens{})
	key, id := d.create(auth.Entry{Name: "operator"})
	revoked, revokedID := d.create(auth.Entry{Name: "revoked"})
	if _, err := d.file.Revoke(t.Context(), "revoked"); err != nil {
		t.Fatal(err)
	}
	d.watcher.Poll()
	same := d.wantIn(auth.Credentials{Header: bearer(key)}, id)
	for name, h := range map[string]http.Header{
		"without a user":  basic("", key),
		"with any user":   basic("Jane Doe \u00e9", key),
		"in lower case":   header("Authorization", strings.Replace(basic("", key).Get("Authorization"), "Basic", "basic", 1)),
		"several blanks":  header("Authorization", strings.Replace(basic("", key).Get("Authorization"), " ", "   ", 1)),
		"from a page":     basic("", key, "Origin", "https://"+here, "Sec-Fetch-Site", "same-origin"),
		"from a bookmark": basic("", key, "Sec-Fetch-Site", "none", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"),
		"from a link":     basic("", key, "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"),
	} {
		if i := d.wantIn(auth.Credentials{Header: h, Host: here}, id); i != same {
			t.Errorf("%s: another identity", name)
		}
	}
	t.Run("a key that is not good is not good so either", func(t *testing.T) {
		d.t = t
		d.wantDenied(auth.Credentials{Header: basic("", "besra_"+id+"_"+strings.Repeat("x", 43))}, auth.Unknown, "", secretOf(key))
		d.wantDenied(auth.Credentials{Header: basic("", revoked)}, auth.Revoked, revokedID, secretOf(revoked))
	})
	t.Run("what is no key is malformed", func(t *testing.T) {
		d.t = t
		text := basic("", key).Get("Authorization")
		for name, h := range map[string]http.Header{
			"a password of another kind":      basic("operator", "s3cret"),
			"a key for a user":                basic(key, ""),
			"a colon before the key":          basic("", ":"+key),
			"a token":                         basic("", "eyJgood"),
			"no colon":                        header("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(key))),
			"nothing":                         header("Authorization", "Basic "),
			"no base64":                       header("Authorization", "Basic :"+key),
			"cut off":                         header("Authorization", text[:len(text)-2]),
			"bits that are not of the key":    header("Authorization", "Basic Oh=="),
			"a key that is cut off":           basic("", key[:len(key)-1]),
			"one that is longer than taken":   basic(strings.Repeat("a", 9000), key),
			"beside the same in X-API-Key":    basic("", key, "X-API-Key", key),
			"twice":                           basic("", key, "Authorization", text),
			"beside the same as bearer":       basic("", key, "Authorization", "Bearer "+key),
			"two in one":                      header("Authorization", text+", "+text),
			"the scheme run together with it": header("Authorization", strings.Replace(text, " ", "", 1)),
		} {
			if !t.Run(name, func(t *testing.T) {
				d.t = t
				d.wantDenied(auth.Credentials{Header: h, Host: here}, auth.Malformed, "", secretOf(key))
			}) {
				d.t = t
			}
		}
	})
}

func TestABrowserIsNotTalkedIntoAskingForOthers(t *testing.T) {
	d := newDoor(t, nil)
	key, id := d.create(auth.Entry{Name: "operator"})
	for name, pairs := range map[string][]string{
		"another site's page":                {"Origin", "https://evil.example"},
		"a page of another port":             {"Origin", "https://besra.internal"},
		"a page without an origin":           {"Origin", "null"},
		"an origin that is none":             {"Origin", "https://%zz"},
		"an origin in front of ours":         {"Origin", "https://" + here + ".evil.example"},
		"two origins":                        {"Origin", "https://" + here, "Origin", "https://evil.example"},
		"another site, it says":              {"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "image"},
		"a neighbour":                        {"Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty"},
		"a frame":                            {"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"},
		"a form":                             {"Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"},
		"a form that claims to be from here": {"Origin", "https://" + here, "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"},
	} {
		t.Run(name, func(t *testing.T) {
			d.t = t
			c := auth.Credentials{Header: basic("", key, pairs...), Host: here}
			d.wantDenied(c, auth.CrossSite, "", secretOf(key))
			var denied *auth.Denied
			if _, err := d.ask(c); !errors.As(err, &denied) || strings.Contains(denied.Browser(), "Basic") {
				t.Errorf("%v has the browser ask for a key", err)
			}
			// What a page has to attach itself it cannot attach without knowing it.
			d.wantIn(auth.Credentials{Header: header(append(pairs, "Authorization", "Bearer "+key)...), Host: here}, id)
		})
	}
}
