package door

import (
	"encoding/base64"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxBody is the most bytes of a request that API Gateway takes.
const maxBody = 10 << 20

// header returns the request's headers as platforms hand them on, with what they add. Go has taken some away.
func (v *visit) header() http.Header {
	h := v.r.Header.Clone()
	h.Set("Host", v.r.Host)
	if len(v.body) > 0 || v.r.ContentLength > 0 {
		h.Set("Content-Length", digits(int64(len(v.body))))
	}
	proto, port := "https", "443"
	if v.options.Kind == ALB {
		proto, port = "http", "80"
	}
	forwarded := v.source()
	if before := v.r.Header.Values("X-Forwarded-For"); len(before) > 0 {
		forwarded = strings.Join(before, ", ") + ", " + forwarded
	}
	h.Set("X-Forwarded-For", forwarded)
	h.Set("X-Forwarded-Port", port)
	h.Set("X-Forwarded-Proto", proto)
	h.Set("X-Amzn-Trace-Id", v.trace)
	return h
}

// source is the client's address.
func (v *visit) source() string {
	host, _, err := net.SplitHostPort(v.r.RemoteAddr)
	if err != nil {
		return v.r.RemoteAddr
	}
	return host
}

// text returns a body as events have it, and whether it is in base64.
func text(body []byte, isText bool) (string, bool) {
	if len(body) == 0 {
		return "", false
	}
	if isText && utf8.Valid(body) {
		return string(body), false
	}
	return base64.StdEncoding.EncodeToString(body), true
}

// isText reports whether a body is handed on as text: by its type, unless it is packed
// (elasticloadbalancing/latest/application/lambda-functions.html; API Gateway's HTTP APIs and function URLs do the same).
func isText(h http.Header) bool {
	if h.Get("Content-Encoding") != "" {
		return false
	}
	kind, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil {
		return false
	}
	switch kind {
	case "application/json", "application/javascript", "application/xml":
		return true
	}
	return strings.HasPrefix(kind, "text/") || strings.HasSuffix(kind, "+json") || strings.HasSuffix(kind, "+xml")
}

// A parameter is a name and a value of a query.
type parameter struct{ name, value string }

// parameters returns those of the query, in its order; decoded, or as they are spelled.
func parameters(query string, decode bool) (all []parameter) {
	for part := range strings.SplitSeq(query, "&") {
		if part == "" {
			continue
		}
		p := parameter{}
		p.name, p.value, _ = strings.Cut(part, "=")
		if decode {
			p.name, p.value = unescaped(p.name), unescaped(p.value)
		}
		all = append(all, p)
	}
	return all
}

func unescaped(s string) string {
	if u, err := url.QueryUnescape(s); err == nil {
		return u
	}
	return s
}

// digits spells a number.
func digits(n int64) string { return strconv.FormatInt(n, 10) }
