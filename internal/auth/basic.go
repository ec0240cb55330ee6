package auth

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
)

// A browser can be asked for a key by a page that it opens: HTTP Basic, RFC 7617, with the key as password. From then
// on it attaches the key by itself, also to what other sites' pages have it ask. So a key that comes that way is good
// for our own pages alone.

const basicScheme = "basic "

// basic returns the password that the header Authorization holds. The user's name is nobody's business.
func basic(header string) (password string, ok bool) {
	if !isBasic(header) || len(header) > len(basicScheme)+maxCredential {
		return "", false
	}
	both, err := base64.StdEncoding.Strict().DecodeString(strings.TrimLeft(header[len(basicScheme):], " "))
	if err != nil {
		return "", false
	}
	_, password, ok = strings.Cut(string(both), ":")
	return password, ok
}

func isBasic(header string) bool {
	return len(header) > len(basicScheme) && strings.EqualFold(header[:len(basicScheme)], basicScheme)
}

// foreign reports whether a request shows what its browser has attached, and is not one of our own pages': Origin and
// Sec-Fetch-Site, which no page can change, say whose it is. A link that somebody follows to us from elsewhere is none
// of that page's: it does not see what comes.
func (c *Credentials) foreign() bool {
	h := c.Header
	if a := h["Authorization"]; len(a) != 1 || !isBasic(a[0]) {
		return false
	}
	for _, origin := range h["Origin"] {
		if u, err := url.Parse(origin); err != nil || u.Host == "" || !strings.EqualFold(u.Host, c.Host) {
			return true
		}
	}
	for _, site := range h["Sec-Fetch-Site"] {
		if site != "same-origin" && site != "none" && (len(h["Origin"]) > 0 || !followed(h)) {
			return true
		}
	}
	return false
}

// followed reports whether a browser shows what comes in place of the page that it was on.
func followed(h http.Header) bool {
	return h.Get("Sec-Fetch-Mode") == "navigate" && h.Get("Sec-Fetch-Dest") == "document"
}
