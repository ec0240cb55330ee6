package door

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/besra-ml/besra/internal/tools/lambdasim"
)

// A Credential is that of a user, by whose secret requests are signed.
type Credential struct {
	AccessKey, Secret string
	Token             string // of a session; "": none
	Account           string
	ID                string // AIDA…
	ARN               string
}

// NewCredential returns that of a user who exists nowhere else.
func NewCredential(account, user string) Credential {
	return Credential{
		AccessKey: "AKIA" + strings.ToUpper(lambdasim.NewName(16)), Secret: lambdasim.NewName(40), Account: account,
		ID: "AIDA" + strings.ToUpper(lambdasim.NewName(17)), ARN: "arn:aws:iam::" + account + ":user/" + user,
	}
}

// An IAM checks signatures, Signature Version 4 in the Authorization header. Its users may all ask.
// (docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html)
type IAM struct{ Users []Credential }

// The most that a signature's time may differ from ours.
const clockSkew = 5 * time.Minute

const (
	signAlgorithm = "AWS4-HMAC-SHA256"
	signTime      = "20060102T150405Z"
)

func unsignedf(kind, format string, args ...any) error {
	return &refusal{cause: unsigned, kind: kind, text: fmt.Sprintf(format, args...)}
}

// authorize returns whose signature the request has.
func (i *IAM) authorize(r *http.Request, body []byte, service, region string, now time.Time) (c caller, err error) {
	h := r.Header.Get("Authorization")
	if h == "" {
		return c, unsignedf("MissingAuthenticationTokenException", "Missing Authentication Token")
	}
	s, err := parseSignature(h)
	if err != nil {
		return c, err
	}
	at := slices.IndexFunc(i.Users, func(u Credential) bool { return u.AccessKey == s.key })
	if at < 0 || subtle.ConstantTimeCompare([]byte(i.Users[at].Token), []byte(r.Header.Get("X-Amz-Security-Token"))) == 0 {
		return c, unsignedf("UnrecognizedClientException", "The security token included in the request is invalid.")
	}
	user := i.Users[at]
	if err := s.check(r, service, region, now); err != nil {
		return c, err
	}
	hash := sha256.Sum256(body)
	if said := r.Header.Get("X-Amz-Content-Sha256"); said != "" && said != hex.EncodeToString(hash[:]) {
		return c, errSignature()
	}
	if !hmac.Equal(s.signature, s.sign(r, hash[:], user.Secret)) {
		return c, errSignature()
	}
	return caller{user: &user}, nil
}

func errSignature() error {
	return unsignedf("InvalidSignatureException", "The request signature we calculated does not match the signature you provided. "+
		"Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
}

// A signature is an Authorization header.
type signature struct {
	key, day, region, service string
	signed                    []string
	signature                 []byte
	time                      string // of the request
}

func parseSignature(h string) (s signature, err error) {
	rest, ok := strings.CutPrefix(h, signAlgorithm)
	if !ok {
		return s, unsignedf("IncompleteSignatureException", "Unsupported AWS 'algorithm'")
	}
	parts := map[string]string{}
	for part := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		parts[name] = value
	}
	for _, name := range []string{"Credential", "SignedHeaders", "Signature"} {
		if parts[name] == "" {
			return s, unsignedf("IncompleteSignatureException", "Authorization header requires '%s' parameter.", name)
		}
	}
	scope := strings.Split(parts["Credential"], "/")
	if len(scope) != 5 || scope[4] != "aws4_request" {
		return s, unsignedf("IncompleteSignatureException", "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term")
	}
	s = signature{key: scope[0], day: scope[1], region: scope[2], service: scope[3], signed: strings.Split(parts["SignedHeaders"], ";")}
	if s.signature, err = hex.DecodeString(parts["Signature"]); err != nil {
		return s, errSignature()
	}
	return s, nil
}

// check holds what is said beside the signature to what it must say.
func (s *signature) check(r *http.Request, service, region string, now time.Time) error {
	if s.time = r.Header.Get("X-Amz-Date"); s.time == "" {
		if date, err := http.ParseTime(r.Header.Get("Date")); err == nil {
			s.time = date.UTC().Format(signTime)
		}
	}
	at, err := time.Parse(signTime, s.time)
	switch {
	case err != nil:
		return unsignedf("IncompleteSignatureException", "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
	case s.day != s.time[:8]:
		return unsignedf("InvalidSignatureException", "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '%s' != '%s'.", s.day, s.time[:8])
	case s.region != region:
		return unsignedf("InvalidSignatureException", "Credential should be scoped to a valid region.")
	case s.service != service:
		return unsignedf("InvalidSignatureException", "Credential should be scoped to correct service: '%s'.", service)
	case at.Before(now.Add(-clockSkew)):
		limit := now.Add(-clockSkew).UTC()
		return unsignedf("InvalidSignatureException", "Signature expired: %s is now earlier than %s (%s - 5 min.)", s.time, limit.Format(signTime), now.UTC().Format(signTime))
	case at.After(now.Add(clockSkew)):
		limit := now.Add(clockSkew).UTC()
		return unsignedf("InvalidSignatureException", "Signature not yet current: %s is still later than %s (%s + 5 min.)", s.time, limit.Format(signTime), now.UTC().Format(signTime))
	case !slices.Contains(s.signed, "host"), !slices.IsSorted(s.signed):
		return unsignedf("IncompleteSignatureException", "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
	}
	for name := range r.Header {
		if name = strings.ToLower(name); strings.HasPrefix(name, "x-amz-") && !slices.Contains(s.signed, name) {
			return errSignature() // who has added it has not signed it
		}
	}
	return nil
}

// sign returns the signature that the request should have.
func (s *signature) sign(r *http.Request, hash []byte, secret string) []byte {
	var b bytes.Buffer
	b.WriteString(r.Method + "\n" + canonicalPath(r.URL) + "\n" + canonicalQuery(r.URL.RawQuery) + "\n")
	for _, name := range s.signed {
		b.WriteString(name + ":" + canonicalHeader(r, name) + "\n")
	}
	b.WriteString("\n" + strings.Join(s.signed, ";") + "\n" + hex.EncodeToString(hash))
	request := sha256.Sum256(b.Bytes())
	scope := s.day + "/" + s.region + "/" + s.service + "/aws4_request"
	key := []byte("AWS4" + secret)
	for _, part := range []string{s.day, s.region, s.service, "aws4_request"} {
		key = hmacOf(key, part)
	}
	return hmacOf(key, signAlgorithm+"\n"+s.time+"\n"+scope+"\n"+hex.EncodeToString(request[:]))
}

func hmacOf(key []byte, text string) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(text))
	return m.Sum(nil)
}

// canonicalPath escapes the path as it was sent once more, as all services but S3 do.
func canonicalPath(u *url.URL) string {
	path := u.EscapedPath()
	if path == "" {
		return "/"
	}
	return escape(path, true)
}

func canonicalQuery(query string) string {
	again := func(s string) string {
		if plain, err := url.PathUnescape(s); err == nil {
			s = plain
		}
		return escape(s, false)
	}
	all := parameters(query, false)
	for i, p := range all {
		all[i] = parameter{again(p.name), again(p.value)}
	}
	sort.Slice(all, func(i, j int) bool {
		return all[i].name < all[j].name || all[i].name == all[j].name && all[i].value < all[j].value
	})
	var b strings.Builder
	for i, p := range all {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(p.name + "=" + p.value)
	}
	return b.String()
}

// canonicalHeader is a header's values, with what Go keeps elsewhere.
func canonicalHeader(r *http.Request, name string) string {
	var values []string
	switch name {
	case "host":
		values = []string{r.Host}
	case "content-length":
		values = []string{digits(r.ContentLength)}
	case "transfer-encoding":
		values = r.TransferEncoding
	default:
		values = r.Header.Values(name)
	}
	var all []string
	for _, v := range values {
		all = append(all, strings.Join(strings.Fields(v), " "))
	}
	return strings.Join(all, ",")
}

// escape escapes all but letters, digits and -._~, as signatures do.
func escape(s string, slash bool) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '.', c == '_', c == '~', slash && c == '/':
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
