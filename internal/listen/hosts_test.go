package listen_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/besra-ml/besra/internal/listen"
)

func TestOnlyHostsOfLoopbackAreHandedOn(t *testing.T) {
	status := func(code int) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) })
	}
	h := listen.OnlyLoopbackHosts(status(http.StatusOK), status(http.StatusBadRequest))
	for host, want := range map[string]int{
		"":                       200,
		"localhost":              200,
		"localhost:8080":         200,
		"LocalHost:8080":         200,
		"127.0.0.1":              200,
		"127.0.0.1:8080":         200,
		"[::1]":                  200,
		"[::1]:8080":             200,
		"192.0.2.1:8080":         200,
		"evil.example":           400,
		"evil.example:8080":      400,
		"localhost.evil.example": 400,
		"evil.localhost:8080":    400,
		"127.0.0.1.evil.example": 400,
		"127.0.0.1:80:80":        400,
		"[]":                     400,
		":8080":                  400,
		"[evil.example]":         400,
		"2130706433":             400,
	} {
		r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		r.Host = host
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%q: %d, want %d", host, w.Code, want)
		}
	}
}
