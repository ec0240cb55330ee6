package door

import (
	"encoding/base64"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/besra-ml/besra/internal/tools/lambdasim"
)

// A said is an answer of a proxy integration.
type said struct {
	Status  *int                        `json:"statusCode"`
	Text    string                      `json:"statusDescription"` // for load balancers
	Headers map[string]jsontext.Value   `json:"headers"`
	Many    map[string][]jsontext.Value `json:"multiValueHeaders"`
	Cookies []string                    `json:"cookies"`
	Body    jsontext.Value              `json:"body"`
	Packed  bool                        `json:"isBase64Encoded"`
}

var errMalformed = &refusal{cause: malformed, text: "malformed Lambda proxy response"}

// readSaid reads an answer; false: it is JSON of another kind.
func readSaid(payload []byte) (s said, ok bool, err error) {
	if jsontext.Value(payload).Kind() != '{' {
		if !jsontext.Value(payload).IsValid() {
			return s, false, errMalformed
		}
		return s, false, nil
	}
	var any map[string]jsontext.Value
	if json.Unmarshal(payload, &any, jsontext.AllowDuplicateNames(true)) != nil {
		return s, false, errMalformed
	}
	if any["statusCode"] == nil {
		return s, false, nil
	}
	if json.Unmarshal(payload, &s, jsontext.AllowDuplicateNames(true)) != nil || s.Status == nil || *s.Status < 100 || *s.Status > 599 {
		return s, true, errMalformed
	}
	return s, true, nil
}

// bytes returns the body.
func (s *said) bytes(unpack bool) ([]byte, error) {
	var text string
	switch s.Body.Kind() {
	case 0, 'n':
		return nil, nil
	case '"':
		if json.Unmarshal(s.Body, &text) != nil {
			return nil, errMalformed
		}
	default:
		return nil, errMalformed
	}
	if !s.Packed || !unpack {
		return []byte(text), nil
	}
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, errMalformed
	}
	return b, nil
}

// scalar spells a header's value.
func scalar(v jsontext.Value) (string, error) {
	switch v.Kind() {
	case '"':
		var s string
		err := json.Unmarshal(v, &s)
		return s, err
	case '0', 't', 'f':
		return v.String(), nil
	default:
		return "", errors.New("a header's value is neither text nor number")
	}
}

// header puts the answer's headers into h: single ones, and lists where the platform knows them.
func (s *said) header(h http.Header, single, lists bool) error {
	if single {
		for _, name := range slices.Sorted(maps.Keys(s.Headers)) {
			value, err := scalar(s.Headers[name])
			if err != nil || !isHeader(name, value) {
				return errMalformed
			}
			h[http.CanonicalHeaderKey(name)] = []string{value}
		}
	}
	if !lists {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(s.Many)) {
		var values []string
		for _, v := range s.Many[name] {
			value, err := scalar(v)
			if err != nil || !isHeader(name, value) {
				return errMalformed
			}
			values = append(values, value)
		}
		h[http.CanonicalHeaderKey(name)] = values
	}
	return nil
}

// isHeader reports whether a header can be sent.
func isHeader(name, value string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~"
	return name != "" && strings.Trim(name, letters) == "" && !strings.ContainsAny(value, "\r\n\x00")
}

// respond writes an answer of format 2.0, which API Gateway and function URLs infer where there is no status.
func (v *visit) respond(a *lambdasim.Answer) error {
	if a.FunctionError != "" {
		return &refusal{cause: functionError}
	}
	s, ok, err := readSaid(a.Payload)
	if err != nil {
		return err
	}
	if !ok {
		v.write(http.StatusOK, "application/json", a.Payload)
		return nil
	}
	body, err := s.bytes(true)
	if err != nil {
		return err
	}
	h := http.Header{}
	if err := s.header(h, true, false); err != nil {
		return err
	}
	for _, cookie := range s.Cookies {
		if !isHeader("Set-Cookie", cookie) {
			return errMalformed
		}
		h.Add("Set-Cookie", cookie)
	}
	v.send(*s.Status, h, body, "application/json")
	return nil
}

// send writes headers, but for those that belong to the connection, and the body.
func (v *visit) send(status int, h http.Header, body []byte, contentType string) {
	for _, name := range []string{"Connection", "Content-Length", "Transfer-Encoding", "Keep-Alive", "Upgrade", "Trailer", "Te"} {
		h.Del(name)
	}
	maps.Copy(v.w.Header(), h)
	if len(h["Content-Type"]) > 0 || len(body) == 0 {
		contentType = ""
	}
	v.write(status, contentType, body)
}

// apiID makes an id of an API's request look like one.
func apiID(id string) string {
	return base64.StdEncoding.EncodeToString([]byte(strings.ReplaceAll(id, "-", "")[:11]))
}
