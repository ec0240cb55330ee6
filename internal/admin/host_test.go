package admin

import (
	"log/slog"
	"net/http"
	"strings"
	"testing"
)

func TestOnlyHostsOfThisMachineAreTaken(t *testing.T) {
	for host, want := range map[string]bool{
		"":                       true,
		"localhost":              true,
		"localhost:8080":         true,
		"LocalHost:8080":         true,
		"127.0.0.1":              true,
		"127.0.0.1:8080":         true,
		"[::1]":                  true,
		"[::1]:8080":             true,
		"192.0.2.1:8080":         true,
		"evil.example":           false,
		"evil.example:8080":      false,
		"localhost.evil.example": false,
		"evil.localhost:8080":    false,
		"127.0.0.1.evil.example": false,
		"127.0.0.1:80:80":        false,
		"[]":                     false,
		":8080":                  false,
		"[evil.example]":         false,
		"2130706433":             false,
	} {
		if namesHere(host) != want {
			t.Errorf("%q: %v, want %v", host, !want, want)
		}
	}
	s := newTested()
	if w := s.ask(http.MethodGet, "/admin/v1/models", ""); w.Code != http.StatusOK {
		t.Errorf("where it does not matter: %d %s", w.Code, w.Body)
	}
	s.door = Handler(Options{Models: s.fake, Actions: s.actions, Log: slog.New(slog.DiscardHandler), Named: true})
	if w := s.ask(http.MethodGet, "/admin/v1/models", ""); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), `"field":"Host"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
