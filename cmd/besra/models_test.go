package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/besra-ml/besra/internal/app"
)

func TestWhereOperatorsAreServedIsFoundAsTheServerDoes(t *testing.T) {
	for _, c := range []struct {
		text      string
		encrypted bool
		want      string
	}{
		{"127.0.0.1:8082", false, "http://127.0.0.1:8082"},
		{"127.0.0.1:8082", true, "http://127.0.0.1:8082"},
		{"localhost:8082", true, "http://localhost:8082"},
		{"[::1]:8082", true, "http://[::1]:8082"},
		{"192.0.2.1:8082", false, "http://192.0.2.1:8082"},
		{"192.0.2.1:8082", true, "https://192.0.2.1:8082"},
		{"0.0.0.0:8082", true, "https://0.0.0.0:8082"},
		{"[2001:db8::1]:8082", true, "https://[2001:db8::1]:8082"},
		{":8082", true, "https://:8082"},
		{"besra.example:8082", true, "https://besra.example:8082"},
		{"http://besra.example:8082/", true, "http://besra.example:8082"},
		{"https://besra.example/fraud/", false, "https://besra.example/fraud"},
	} {
		if u, err := adminURL(c.text, c.encrypted); err != nil || u.String() != c.want {
			t.Errorf("%s, %v: %v, %v; want %s", c.text, c.encrypted, u, err, c.want)
		}
	}
}

func TestAKeyIsNotSentOn(t *testing.T) {
	got := make(chan string, 2)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got <- r.Header.Get("Authorization") }))
	defer elsewhere.Close()
	first := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	defer first.Close()
	e := &environ{getenv: func(string) string { return "a key" }}
	f := &modelsFlags{admin: first.URL}
	_, err := f.ask(t.Context(), e, app.Defaults(), http.MethodGet, "", nil)
	if err == nil || !strings.Contains(err.Error(), "307 Temporary Redirect; is this besra's admin.listen?") {
		t.Errorf("error %v", err)
	}
	if len(got) > 0 {
		t.Errorf("%q was sent on", <-got)
	}
}
