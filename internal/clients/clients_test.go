//go:build clients

package clients

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// rows are what clients ask about: two rows of the demo's, and what must come back.
const (
	row    = `{"row":[138.43,0,0,3,104.76,8,73.7325,16,86.62063,2,0,12,0,48,0]}`
	scored = `"score":`
)

// patience is for how long a client may run.
const patience = 2 * time.Minute

// run runs a client and returns what it printed.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	return runFor(t, patience, name, args...)
}

// runFor runs a client that may take so long.
func runFor(t *testing.T, most time.Duration, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), most)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s\n%s", name, err, stdout.String(), stderr.String())
	}
	return stdout.String()
}

// need returns the path of a program, without which a test fails: whoever runs these tests wants them.
func need(t *testing.T, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatalf("none of %s is installed", strings.Join(names, ", "))
	return ""
}

func TestCurl(t *testing.T) {
	s, curl := start(t), need(t, "curl")
	ask := func(args ...string) string {
		t.Helper()
		return run(t, curl, append([]string{"-sS", "--cacert", s.ca, "-H", "Content-Type: application/json"}, args...)...)
	}
	for _, version := range []string{"--http1.1", "--http2"} {
		t.Run(version+" keeps its connection", func(t *testing.T) {
			got := ask(version, "-H", "Authorization: Bearer "+s.key, "-d", row, "-w", " %{http_version} %{num_connects}\n",
				s.url+"/v1/score", "-o", "-", s.url+"/v1/score")
			want := map[string]string{"--http1.1": "1.1", "--http2": "2"}[version]
			if strings.Count(got, scored) != 2 || !strings.Contains(got, " "+want+" 1\n") || !strings.Contains(got, " "+want+" 0\n") {
				t.Errorf("%s", got)
			}
		})
	}
	t.Run("a key as X-API-Key", func(t *testing.T) {
		if got := ask("-H", "X-API-Key: "+s.key, "-d", row, s.url+"/v1/score"); !strings.Contains(got, scored) {
			t.Errorf("%s", got)
		}
	})
	t.Run("a certificate instead of a key", func(t *testing.T) {
		if got := ask("--cert", s.clientCert, "--key", s.clientKey, "-d", row, s.url+"/v1/score"); !strings.Contains(got, scored) {
			t.Errorf("%s", got)
		}
	})
	t.Run("neither", func(t *testing.T) {
		if got := ask("-d", row, "-D", "-", s.url+"/v1/score"); !strings.Contains(got, "unauthenticated") || !strings.Contains(strings.ToLower(got), "www-authenticate: bearer") {
			t.Errorf("%s", got)
		}
	})
	t.Run("a key in the URL", func(t *testing.T) {
		if got := ask("-d", row, s.url+"/v1/score?key="+s.key); !strings.Contains(got, "unauthenticated") {
			t.Errorf("%s", got)
		}
	})
	t.Run("a body in gzip", func(t *testing.T) {
		packed := filepath.Join(t.TempDir(), "row.gz")
		gz, err := exec.Command(need(t, "gzip"), "-c", s.row).Output()
		if err == nil {
			err = os.WriteFile(packed, gz, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		got := ask("-H", "Authorization: Bearer "+s.key, "-H", "Content-Encoding: gzip", "--data-binary", "@"+packed, s.url+"/v1/score")
		if !strings.Contains(got, scored) {
			t.Errorf("%s", got)
		}
	})
}

func TestH2load(t *testing.T) {
	s, h2load := start(t), need(t, "h2load")
	for name, args := range map[string][]string{"HTTP/2": nil, "HTTP/1.1": {"--h1"}} {
		t.Run(name, func(t *testing.T) {
			args := append(args, "-n", "4000", "-c", "8", "-m", "8", "-d", s.row, "-H", "Content-Type: application/json",
				"-H", "Authorization: Bearer "+s.key, s.url+"/v1/score")
			if got := run(t, h2load, args...); !strings.Contains(got, "4000 succeeded, 0 failed, 0 errored") || !strings.Contains(got, "status codes: 4000 2xx") {
				t.Errorf("%s", got)
			}
		})
	}
}

// TestPython runs requests and httpx; .cache/venv-clients has them.
func TestPython(t *testing.T) {
	s, python := start(t), os.Getenv("BESRA_CLIENTS_PYTHON")
	if python == "" {
		t.Fatal("BESRA_CLIENTS_PYTHON names no Python with requests and httpx")
	}
	for _, client := range []string{"requests_client.py", "httpx_client.py"} {
		t.Run(client, func(t *testing.T) {
			got := run(t, python, filepath.Join("testdata", client), s.url, s.ca, s.key, s.clientCert, s.clientKey)
			if got != "ok\n" {
				t.Errorf("%s", got)
			}
		})
	}
}

// TestBrowser has a real browser open a page of the server's and ask from there, as a page of an operator would.
func TestBrowser(t *testing.T) {
	s, python := start(t), os.Getenv("BESRA_CLIENTS_PYTHON")
	if python == "" {
		t.Fatal("BESRA_CLIENTS_PYTHON names no Python with selenium")
	}
	got := run(t, python, "testdata/browser.py", s.url, s.key, need(t, "chromium", "chromium-browser", "google-chrome"), need(t, "chromedriver"))
	if got != "ok\n" {
		t.Errorf("%s", got)
	}
}

func TestJava(t *testing.T) {
	s, java := start(t), need(t, "java")
	if got := run(t, java, "testdata/Client.java", s.url, s.ca, s.key, s.clientCert, s.clientKey); got != "ok\n" {
		t.Errorf("%s", got)
	}
}

func TestGo(t *testing.T) {
	s := start(t)
	pem, err := os.ReadFile(s.ca)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	cert, err := tls.LoadX509KeyPair(s.clientCert, s.clientKey)
	if err != nil {
		t.Fatal(err)
	}
	for _, version := range []int{1, 2} {
		t.Run("HTTP/"+strconv.Itoa(version), func(t *testing.T) {
			transport := &http.Transport{
				ForceAttemptHTTP2: version == 2,
				TLSClientConfig:   &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{cert}},
			}
			defer transport.CloseIdleConnections()
			client := &http.Client{Transport: transport, Timeout: patience}
			for range 100 {
				resp, err := client.Post(s.url+"/v1/score", "application/json", strings.NewReader(row))
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				if err != nil || resp.StatusCode != http.StatusOK || resp.ProtoMajor != version || !strings.Contains(string(body), scored) {
					t.Fatalf("%v %d %s %s", err, resp.StatusCode, resp.Proto, body)
				}
			}
		})
	}
}
