package problem

import (
	"encoding/json"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAnswers(t *testing.T) {
	for name, tc := range map[string]struct {
		problem     *Problem
		body        map[string]any
		status      int
		retry, says string // Retry-After, WWW-Authenticate
	}{
		"alone": {
			problem: Internal.Of("", ""), status: 500,
			body: map[string]any{
				"type": "urn:besra:problem:internal", "title": "Internal error", "status": 500.0, "code": "internal",
			},
		},
		"a field, and bytes that JSON escapes": {
			problem: WrongType.Of("a\"b\\c\n\x00", "\u2028 é \xff"), status: 422,
			body: map[string]any{
				"type": "urn:besra:problem:wrong-type", "title": "The value is of the wrong type", "status": 422.0,
				"code": "wrong-type", "field": "a\"b\\c\n\x00", "detail": "\u2028 é \ufffd",
			},
		},
		"503 without a time": {
			problem: NotReady.Of("", ""), status: 503, retry: "1",
			body: map[string]any{
				"type": "urn:besra:problem:not-ready", "title": "The service is not ready", "status": 503.0, "code": "not-ready",
			},
		},
		"a time, and a challenge": {
			problem: &Problem{Code: RateLimited, RetryAfter: 7, Challenge: "Bearer"}, status: 429, retry: "7", says: "Bearer",
			body: map[string]any{
				"type": "urn:besra:problem:rate-limited", "title": "That is more than was agreed", "status": 429.0, "code": "rate-limited",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := httptest.NewRecorder()
			if got := tc.problem.Write(w); got != tc.status || w.Code != tc.status {
				t.Errorf("returned %d, answered %d, want %d", got, w.Code, tc.status)
			}
			var body map[string]any
			if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
				t.Fatalf("%s: %v", w.Body, err)
			}
			if d := cmp.Diff(tc.body, body); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			h := w.Header()
			got := []string{h.Get("Content-Type"), h.Get("Cache-Control"), h.Get("Retry-After"), h.Get("WWW-Authenticate")}
			if d := cmp.Diff([]string{"application/problem+json", "no-store", tc.retry, tc.says}, got); d != "" {
				t.Errorf("headers (-want +got):\n%s", d)
			}
		})
	}
}
