//go:build unix

package monitoring

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/besra-ml/besra/internal/besratest"
	"github.com/besra-ml/besra/internal/listen/listentest"
	"github.com/besra-ml/besra/internal/store/valkeytest"
)

// mayBeEmpty are queries that rightly return nothing, or NaN, of a service in good health, and why.
var mayBeEmpty = map[string]string{
	`ALERTS{alertname=~"Besra.*", alertstate="firing", job=~".*"}`: "no alarm is raised",
}

// TestEveryQueryHasData has the real Prometheus, with the rules as they are, look at the real program: over TLS, with
// keys, a journal, a shared store, a memo, a challenger and clients of all kinds.
func TestEveryQueryHasData(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes half a minute")
	}
	t.Parallel()
	dir := copyPrometheusDir(t)
	edit(t, filepath.Join(dir, "rules", "slo.yml"), "    interval: 5m\n", "") // too long to wait for
	authority := listentest.NewAuthority(t, "test authority")
	leaf := authority.Issue("besra", nil)
	var (
		cert = listentest.Write(t, t.TempDir(), "cert.pem", leaf.CertPEM)
		key  = listentest.Write(t, t.TempDir(), "key.pem", leaf.KeyPEM)
		ca   = listentest.Write(t, t.TempDir(), "ca.pem", authority.PEM())
		keys = filepath.Join(t.TempDir(), "keys.yaml")
	)
	listentest.Write(t, dir, "besra.key", newKey(t, keys, "metrics"))
	clientKey := string(bytes.TrimSpace(newKey(t, keys, "score,labels,models")))
	store := valkeytest.Start(t)
	entityKey := listentest.Write(t, t.TempDir(), "entity.key", []byte(strings.Repeat("5a", 32)+"\n"))
	models := t.TempDir()
	copyBundle(t, models, 1)
	copyBundle(t, models, 2)
	policy := listentest.Write(t, t.TempDir(), "policy.yaml",
		[]byte("besra: 1\nmodels: {fraud: {version: test, cutoffs: {review: 0.03, decline: 0.79}, fallback: review}}\n"))
	p := besratest.Start(t, besratest.Program(t), "serve", "--listen", "127.0.0.1:0", "--admin-listen", "",
		"--models-dir", models, "--policy", policy, "--shadow", "{fraud: 1}", "--shadow-sample", "1",
		"--tls-cert", cert, "--tls-key", key, "--auth-keys", keys, "--state-dir", filepath.Join(t.TempDir(), "state"),
		"--valkey-address", store.Addr(), "--valkey-deadline", "1s", "--state-entity-key-file", entityKey, "--limits-deadline", "10s")
	c := newClient(t, p.URL(), authority, clientKey)

	prometheus := startPrometheus(t, dir, ca, time.Second)
	prometheus.scrapes(target{"besra", p.URL()})
	play(t, 100, func(n int) { c.post("/v1/score", payment(n, 20)) })
	play(t, 5, func(n int) {
		c.post("/v1/score/batch", rows(n, 400))
		c.post("/v1/labels", fmt.Sprintf(`{"labels":[{"event_id":"e%d","label":"fraud","time":"2024-01-01T00:00:00Z"}]}`, n))
		c.post("/v1/score", `{"event":{}}`)
		c.post("/v1/nothing", "")
	})

	if err := wait(time.Minute, prometheus.wellRules); err != nil {
		t.Error(err)
	}
	var all []question
	for _, r := range rules(t, func(r rule) bool { return r.Record != "" }) {
		all = append(all, question{"rules", r.Record, r.Record})
	}
	all = append(all, questions(t)...)
	late := time.Now().Add(time.Minute)
	for _, q := range all {
		why := mayBeEmpty[q.expr]
		err := wait(max(time.Until(late), time.Second), func() error {
			err := prometheus.has(q.expr)
			if why != "" {
				return nil
			}
			return err
		})
		if err != nil {
			t.Errorf("%s: %s: %v", q.board, q.panel, err)
		}
	}
	for expr, why := range mayBeEmpty {
		if prometheus.has(expr) == nil {
			t.Errorf("%s has data, though %s", expr, why)
		}
	}
}

// wellRules says which rules have not been evaluated yet, or not well.
func (p *prometheus) wellRules() error {
	var data struct {
		Groups []struct {
			Rules []struct{ Name, Health, LastError string }
		}
	}
	if _, err := p.get("/api/v1/rules", &data); err != nil {
		return err
	}
	var all []error
	rules := 0
	for _, g := range data.Groups {
		for _, r := range g.Rules {
			if rules++; r.Health != "ok" {
				all = append(all, fmt.Errorf("%s: %s %s", r.Name, r.Health, r.LastError))
			}
		}
	}
	if rules == 0 {
		return errors.New("there are none")
	}
	return errors.Join(all...)
}

// newKey makes an API key as operators do.
func newKey(t *testing.T, file, scope string) []byte {
	t.Helper()
	cmd := exec.Command(besratest.Program(t), "keys", "create", "--name", strings.ReplaceAll(scope, ",", "-"), "--auth-keys", file)
	for s := range strings.SplitSeq(scope, ",") {
		cmd.Args = append(cmd.Args, "--scope", s)
	}
	key, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// copyBundle puts the demo's bundle into a directory of models as this version, with a memo.
func copyBundle(t *testing.T, models string, version int) string {
	t.Helper()
	dir := filepath.Join(models, "fraud", fmt.Sprint(version))
	if err := os.CopyFS(dir, os.DirFS("../../models/fraud/1")); err != nil {
		t.Fatal(err)
	}
	edit(t, filepath.Join(dir, "bundle.yaml"), "\nversion: 1\n", fmt.Sprintf("\nversion: %d\nmemo: true\n", version))
	return dir
}

// edit replaces a text in a file.
func edit(t *testing.T, path, before, after string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(text, []byte(before)) {
		t.Fatalf("%s has no %q", path, before)
	}
	if err := os.WriteFile(path, bytes.Replace(text, []byte(before), []byte(after), 1), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A client asks over TLS, with a key.
type client struct {
	t        *testing.T
	http     *http.Client
	url, key string
}

func newClient(t *testing.T, url string, authority *listentest.Authority, key string) *client {
	roots := x509.NewCertPool()
	roots.AddCert(authority.Cert)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, MaxIdleConnsPerHost: 100}
	t.Cleanup(transport.CloseIdleConnections)
	return &client{t, &http.Client{Transport: transport, Timeout: besratest.Patience}, url, key}
}

// post sends JSON. What is answered is for metrics to say.
func (c *client) post(path, body string) {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, c.url+path, strings.NewReader(body))
	if err != nil {
		c.t.Error(err)
		return
	}
	req.Header.Set("Authorization", "Bearer "+c.key)
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		c.t.Error(err)
		return
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		c.t.Error(err)
	}
}
