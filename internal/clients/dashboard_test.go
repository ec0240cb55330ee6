//go:build clients

package clients

import (
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/besra-ml/besra/internal/besratest"
)

// dashboard has a browser open the dashboard at url, as testdata/dashboard.py says.
func dashboard(t *testing.T, mode, url, keys string, more ...string) {
	t.Helper()
	python, axe := os.Getenv("BESRA_CLIENTS_PYTHON"), os.Getenv("BESRA_CLIENTS_AXE")
	if python == "" || axe == "" {
		t.Fatal("BESRA_CLIENTS_PYTHON names no Python with selenium, or BESRA_CLIENTS_AXE no axe-core")
	}
	args := append([]string{"testdata/dashboard.py", mode, url, keys, need(t, "chromium", "chromium-browser", "google-chrome"), need(t, "chromedriver"), axe}, more...)
	if got := runFor(t, 10*time.Minute, python, args...); got != "ok\n" {
		t.Errorf("%s", got)
	}
}

// TestDashboard has a browser open the dashboard under load: figures agree with /metrics, keys reach everything, axe-core
// finds nothing grave, a payment can be tried, and nothing from elsewhere is asked for.
func TestDashboard(t *testing.T) {
	p := besratest.Start(t, besratest.Program(t), "serve", "--listen", "127.0.0.1:0", "--admin-listen", "")
	dashboard(t, "page", p.URL(), "")
	p.Stop()
}

// TestDashboardAsksForAKey has a browser open it over TLS and HTTP/2, where it asks for a key, and stay longer than
// requests and answers may take.
func TestDashboardAsksForAKey(t *testing.T) {
	s := start(t)
	dashboard(t, "key", s.url, s.operator+","+s.key)
}

// TestScreenshots writes those of the documents (make screenshots): BESRA_SCREENSHOTS names their directory,
// BESRA_SCREENSHOTS_AFTER after how many seconds of load they are taken.
func TestScreenshots(t *testing.T) {
	dir := os.Getenv("BESRA_SCREENSHOTS")
	if dir == "" {
		t.Skip("BESRA_SCREENSHOTS names no directory")
	}
	besra, keys := besratest.Program(t), filepath.Join(t.TempDir(), "keys.yaml")
	create := func(name, scopes string) string {
		return strings.TrimSpace(run(t, besra, "keys", "create", "--auth-keys", keys, "--name", name, "--scope", scopes))
	}
	all := []string{create("operator", "score,models,metrics")}
	for _, name := range []string{"shop-eu", "shop-us", "wallet"} {
		all = append(all, create(name, "score,labels"))
	}
	p := besratest.Start(t, besra, "serve", "--listen", "127.0.0.1:0", "--admin-listen", "", "--auth-keys", keys,
		"--state-dir", t.TempDir(), "--models", twoVersions(t), "--shadow", "{fraud: 2}")
	dashboard(t, "screenshots", p.URL(), strings.Join(all, ","), dir, "../../.cache", cmp.Or(os.Getenv("BESRA_SCREENSHOTS_AFTER"), "320"))
	p.Stop()
}

// twoVersions makes a directory of models of the demo's bundle, which is live, and of a second version with another policy.
func twoVersions(t *testing.T) string {
	t.Helper()
	const demo = "../../models/fraud/1"
	dir := t.TempDir()
	policy := filepath.Join(dir, "policy.yaml")
	err := errors.Join(
		os.CopyFS(filepath.Join(dir, "fraud", "1"), os.DirFS(demo)),
		os.WriteFile(filepath.Join(dir, "fraud", "live"), []byte("1\n"), 0o600),
		os.WriteFile(policy, []byte("besra: 1\nversion: strict-2\ncutoffs: {review: 0.02, decline: 0.6}\nfallback: review\n"), 0o600),
	)
	if err != nil {
		t.Fatal(err)
	}
	run(t, besratest.Program(t), "bundle", filepath.Join(demo, "model.ubj"), "--golden", filepath.Join(demo, "golden"), "--name", "fraud",
		"--version", "2", "--features", filepath.Join(demo, "features.yaml"), "--policy", policy, "-o", filepath.Join(dir, "fraud", "2"))
	return dir
}
