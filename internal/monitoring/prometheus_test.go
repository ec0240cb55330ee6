//go:build unix

package monitoring

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
)

// A prometheus is a process of Prometheus, with the configuration of deploy/monitoring. It ends with the test.
type prometheus struct {
	t       testing.TB
	url     string
	targets string // file
	mu      sync.Mutex
	log     bytes.Buffer
	scraped []target
}

// A target is what Prometheus asks.
type target struct {
	job, url string
}

// Write takes the log.
func (p *prometheus) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.Write(text)
}

func (p *prometheus) said(what *regexp.Regexp) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return what.FindStringSubmatch(p.log.String())
}

var (
	listensOn = regexp.MustCompile(`(?i)msg="Listening on" address=(127\.0\.0\.1:\d+)`)
	versionOf = regexp.MustCompile(`version (\d+)\.(\d+)\.`)
)

// startPrometheus starts Prometheus in dir, a copy of deploy/monitoring/prometheus with besra.key, if that is asked for,
// beside it. Of the configuration only this is changed: how often it asks and looks at its rules, what it asks, and the
// certificate of whoever signed theirs.
func startPrometheus(t testing.TB, dir, ca string, every time.Duration) *prometheus {
	t.Helper()
	program, err := exec.LookPath("prometheus")
	if err != nil {
		missing(t, "there is no prometheus here (Debian: prometheus)")
	}
	out, err := exec.Command(program, "--version").CombinedOutput()
	said := versionOf.FindStringSubmatch(string(out))
	if err != nil || said == nil {
		t.Fatalf("%s: %v: %s", program, err, out)
	}
	major, _ := strconv.Atoi(said[1])
	minor, _ := strconv.Atoi(said[2])

	p := &prometheus{t: t, targets: filepath.Join(dir, "targets.json")}
	p.scrapes()
	path := filepath.Join(dir, "prometheus.yml")
	var config map[string]any
	readYAML(t, path, &config)
	config["global"] = map[string]any{"scrape_interval": every.String(), "scrape_timeout": every.String(), "evaluation_interval": every.String()}
	scrape := config["scrape_configs"].([]any)[0].(map[string]any)
	delete(scrape, "static_configs")
	scrape["file_sd_configs"] = []any{map[string]any{"files": []any{p.targets}, "refresh_interval": "1s"}}
	if ca != "" {
		scrape["tls_config"] = map[string]any{"ca_file": ca}
	}
	if _, err := os.Stat(filepath.Join(dir, "besra.key")); err != nil {
		delete(scrape, "authorization")
	}
	args := []string{
		"--config.file=" + path, "--storage.tsdb.path=" + filepath.Join(dir, "data"), "--web.listen-address=127.0.0.1:0",
	}
	if major < 3 || major == 3 && minor < 8 {
		args = append(args, "--enable-feature=native-histograms")
	} else {
		scrape["scrape_native_histograms"] = true
	}
	text, err := yaml.Marshal(config)
	if err == nil {
		err = os.WriteFile(path, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}

	cmd := exec.Command(program, args...)
	cmd.Stderr, cmd.Stdout = p, p
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		kill := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
		defer kill.Stop()
		_ = cmd.Wait() // how it ended is in the log
		if t.Failed() {
			text := p.log.String()
			t.Logf("the log of prometheus:\n%s", text[max(0, len(text)-4000):])
		}
	})
	p.until("Prometheus listens", 30*time.Second, func() error {
		if found := p.said(listensOn); found != nil {
			p.url = "http://" + found[1]
			return nil
		}
		return fmt.Errorf("it does not")
	})
	p.until("Prometheus is ready", 30*time.Second, func() error {
		_, err := p.get("/-/ready", nil)
		return err
	})
	return p
}

// copyPrometheusDir copies deploy/monitoring/prometheus.
func copyPrometheusDir(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(prometheusDir)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// fasterRules makes the rules of a copy go by faster.
func fasterRules(t testing.TB, dir string) {
	t.Helper()
	for _, f := range readRules(t) {
		text, err := yaml.Marshal(f.faster(t))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "rules", f.name), text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// scrapes has Prometheus ask these, too.
func (p *prometheus) scrapes(more ...target) {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.scraped = append(p.scraped, more...)
	groups := []any{}
	for _, s := range p.scraped {
		scheme, address, _ := strings.Cut(s.url, "://")
		groups = append(groups, map[string]any{
			"targets": []string{address}, "labels": map[string]string{"job": s.job, "__scheme__": scheme},
		})
	}
	text, err := json.Marshal(groups)
	if err == nil {
		err = os.WriteFile(p.targets+".new", text, 0o600)
	}
	if err == nil {
		err = os.Rename(p.targets+".new", p.targets)
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

// until waits until something is no error any more.
func (p *prometheus) until(what string, patience time.Duration, holds func() error) {
	p.t.Helper()
	err := wait(patience, holds)
	if err != nil {
		p.t.Fatalf("%s: %v", what, err)
	}
}

func wait(patience time.Duration, holds func() error) (err error) {
	for late := time.Now().Add(patience); time.Now().Before(late); time.Sleep(50 * time.Millisecond) {
		if err = holds(); err == nil {
			return nil
		}
	}
	return err
}

// get asks the HTTP interface, and reads its data into data unless that is nil.
func (p *prometheus) get(path string, data any) ([]byte, error) {
	resp, err := http.Get(p.url + path)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", resp.Status, text)
	}
	if data == nil {
		return text, nil
	}
	return text, json.Unmarshal(text, &struct{ Data any }{data})
}

// A sample is a series and its value now; of a histogram the number of what it counts.
type sample struct {
	labels map[string]string
	value  float64
}

func (p *prometheus) query(expr string) ([]sample, error) {
	var data struct {
		ResultType string
		Result     json.RawMessage
	}
	if _, err := p.get("/api/v1/query?query="+url.QueryEscape(expr), &data); err != nil {
		return nil, fmt.Errorf("%s: %w", expr, err)
	}
	if data.ResultType == "scalar" {
		return []sample{{}}, nil
	}
	var result []struct {
		Metric    map[string]string
		Value     []any
		Histogram []any
	}
	if err := json.Unmarshal(data.Result, &result); err != nil {
		return nil, fmt.Errorf("%s: %s: %w", expr, data.Result, err)
	}
	var all []sample
	for _, r := range result {
		s := sample{labels: r.Metric, value: math.NaN()}
		var text any
		if len(r.Value) == 2 {
			text = r.Value[1]
		} else if len(r.Histogram) == 2 {
			text = r.Histogram[1].(map[string]any)["count"]
		}
		n, err := strconv.ParseFloat(fmt.Sprint(text), 64)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", expr, err)
		}
		s.value = n
		all = append(all, s)
	}
	return all, nil
}

// has says why a query has no data; NaN is none.
func (p *prometheus) has(expr string) error {
	samples, err := p.query(expr)
	if err != nil {
		return err
	}
	for _, s := range samples {
		if !math.IsNaN(s.value) {
			return nil
		}
	}
	if len(samples) != 0 {
		return fmt.Errorf("%s: NaN", expr)
	}
	return fmt.Errorf("%s: nothing", expr)
}
