package door_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/besra-ml/besra/internal/tools/lambdasim"
	"github.com/besra-ml/besra/internal/tools/lambdasim/door"
)

// FuzzDoors has functions answer whatever, to requests of whatever authorization, path and query: there is a response, and
// who is not who he says is refused.
func FuzzDoors(f *testing.F) {
	f.Add(`{"statusCode":200,"headers":{"a":"b"},"multiValueHeaders":{"c":["d"]},"cookies":["e=f"],"body":"aGk=","isBase64Encoded":true}`, "/v1/score", "a=1&b=%20", "Bearer a.b.c", []byte("{}"))
	f.Add(`{"statusCode":"200"}`, "/live/%41/{x}", "&&=", "AWS4-HMAC-SHA256 Credential=k/20261127/us-east-1/execute-api/aws4_request, SignedHeaders=host;x-amz-date, Signature=00", []byte{0xff})
	f.Add(`"x"`, "/2015-03-31/functions/besra%3Alive/invocations", "Qualifier=live", "AWS4-HMAC-SHA256 Credential=k/2/3/4/aws4_request,SignedHeaders=a;b,Signature=zz", []byte(nil))
	user := door.Credential{AccessKey: "k", Secret: "s", Account: "1", ARN: "arn:aws:iam::1:user/u"}
	answer := ""
	asked := 0
	function := function(func(lambdasim.Invocation) (lambdasim.Answer, error) {
		asked++
		return lambdasim.Answer{Payload: []byte(answer), RequestID: "id", Version: "1"}, nil
	})
	guarded, open := map[door.Kind]http.Handler{}, map[door.Kind]http.Handler{}
	for _, kind := range door.Kinds() {
		o := door.Options{Kind: kind, Function: function, Now: func() time.Time { return now }, Binary: []string{"image/png"}, MultiValue: true}
		h, err := door.New(o)
		if err != nil {
			f.Fatal(err)
		}
		if open[kind] = h; kind == door.ALB {
			continue
		}
		o.IAM = &door.IAM{Users: []door.Credential{user}}
		if guarded[kind], err = door.New(o); err != nil {
			f.Fatal(err)
		}
	}
	f.Fuzz(func(t *testing.T, payload, path, query, authorization string, body []byte) {
		answer = payload
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.URL.Path, r.URL.RawPath, r.URL.RawQuery = "/"+strings.TrimPrefix(path, "/"), "", query
		r.Header.Set("X-Amz-Date", now.UTC().Format("20060102T150405Z"))
		r.Header["Authorization"] = []string{authorization}
		for kind, h := range open {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, withBody(r, body))
			if w.Code < 100 || w.Code > 599 {
				t.Fatalf("%s: %d", kind, w.Code)
			}
		}
		before := asked
		for kind, h := range guarded {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, withBody(r, body))
			if w.Code < 400 || asked != before {
				t.Fatalf("%s: %d", kind, w.Code)
			}
		}
	})
}

func withBody(r *http.Request, body []byte) *http.Request {
	r = r.Clone(r.Context())
	r.Body, r.ContentLength = http.NoBody, 0
	if len(body) > 0 {
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	}
	return r
}
