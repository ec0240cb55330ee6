package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/besra-ml/besra/internal/tools/load"
)

func besraLoad(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	e := &environ{stdin: strings.NewReader(""), stdout: &out, stderr: &errs, getenv: func(string) string { return "" }}
	code = run(t.Context(), e, append([]string{"load"}, args...))
	return code, out.String(), errs.String()
}

func TestLoad(t *testing.T) {
	var lines atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch {
		case r.URL.Path == "/fails":
			w.WriteHeader(503)
		case r.Header.Get("X-Key") != "k" || r.Method != "PUT" || !strings.HasPrefix(string(body), `{"n":`):
			w.WriteHeader(400)
		default:
			lines.Add(1)
		}
	}))
	defer server.Close()
	bodies := filepath.Join(t.TempDir(), "bodies.jsonl")
	if err := os.WriteFile(bodies, []byte("{\"n\":1}\n{\"n\":2}\n"), 0o600); err != nil {
		t.Fatal(err)
	}

	t.Run("the report is a table on stdout", func(t *testing.T) {
		code, stdout, stderr := besraLoad(t, "--rate", "200", "--duration", "1s", "-H", "X-Key: k", "--method", "PUT", "--bodies", bodies, server.URL)
		if code != exitDone || !strings.Contains(stdout, "from the intended send time") || !strings.Contains(stdout, "200/s intended") {
			t.Errorf("exit %d: %s%s", code, stdout, stderr)
		}
		if !strings.Contains(stderr, "answered") || strings.Contains(stderr, "\r") {
			t.Errorf("the lines without a terminal are %q", stderr)
		}
	})

	t.Run("JSON is one document on stdout, and flags may follow the URL", func(t *testing.T) {
		before := lines.Load()
		code, stdout, stderr := besraLoad(t, server.URL, "--ramp", "50:150:200ms", "--json", "--body", bodies, "-H", "X-Key: k", "--method=PUT")
		var r load.Report
		if err := json.Unmarshal([]byte(stdout), &r); err != nil || code != exitDone {
			t.Fatalf("exit %d: %v: %s%s", code, err, stdout, stderr)
		}
		if r.Planned != 20 || r.Succeeded != lines.Load()-before || r.Succeeded != r.Sent {
			t.Errorf("%+v", r)
		}
	})

	t.Run("a run in which nothing succeeded exits 1, with its report", func(t *testing.T) {
		code, stdout, stderr := besraLoad(t, "--rate", "100", "--duration", "50ms", server.URL+"/fails")
		if code != exitFailed || !strings.Contains(stdout, "503: 5") || stderr != "besra load: no request succeeded\n" {
			t.Errorf("exit %d: %s%s", code, stdout, stderr)
		}
	})

	t.Run("an interrupted run still reports", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var out bytes.Buffer
		s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { cancel() }))
		defer s.Close()
		e := &environ{stdout: &out, stderr: io.Discard, getenv: func(string) string { return "" }}
		if code := run(ctx, e, []string{"load", s.URL}); code != exitDone || !strings.Contains(out.String(), "interrupted") {
			t.Errorf("exit %d: %s", code, out.String())
		}
	})

	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"no URL":              {nil, exitUsage, "one URL is needed"},
		"two URLs":            {[]string{"http://a", "http://b"}, exitUsage, "one URL is needed"},
		"rate and ramp":       {[]string{"--rate", "1", "--ramp", "1:2:3s", "http://a"}, exitUsage, "exclude one another"},
		"body and bodies":     {[]string{"--body", "x", "--bodies", "y", "http://a"}, exitUsage, "exclude one another"},
		"no duration":         {[]string{"--duration", "0", "http://a"}, exitUsage, "above 0"},
		"no rate":             {[]string{"--rate", "0", "http://a"}, exitUsage, "above 0"},
		"a bad ramp":          {[]string{"--ramp", "1:2", "http://a"}, exitUsage, "FROM:TO:OVER"},
		"a bad header":        {[]string{"-H", "nonsense", "http://a"}, exitUsage, "Name: value"},
		"a file not there":    {[]string{"--body", filepath.Join(t.TempDir(), "none"), "http://a"}, exitFailed, "no such file"},
		"not an HTTP address": {[]string{"ftp://a"}, exitFailed, "not an http://"},
		"no end":              {[]string{"--duration", "1000h", "http://a"}, exitFailed, "at most"},
	} {
		t.Run("is refused: "+name, func(t *testing.T) {
			code, stdout, stderr := besraLoad(t, c.args...)
			if code != c.code || stdout != "" || !strings.Contains(stderr, c.says) || strings.Count(stderr, "\n") != 1 {
				t.Errorf("exit %d, want %d: %s%s", code, c.code, stdout, stderr)
			}
		})
	}
}
