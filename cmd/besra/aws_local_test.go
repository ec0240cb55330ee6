package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestAWSOnThisMachine has the verb run as users do: what it prints is pasted, and Ctrl-C ends it.
func TestAWSOnThisMachine(t *testing.T) {
	arch := map[string]string{"amd64": "x86_64", "arm64": "arm64"}[runtime.GOARCH]
	curl, err := exec.LookPath("curl")
	if runtime.GOOS != "linux" || arch == "" || err != nil {
		t.Skip("NOT RUN: it needs Linux and curl")
	}
	dir := bootstraps(t)
	t.Setenv("TMPDIR", t.TempDir())
	config := filepath.Join(dir, "besra.yaml")
	if err := os.WriteFile(config, []byte("service: payments\nlog: {sample: 1}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string][]string{
		"as it is":            nil,
		"of a REST API":       {"--front-door", "rest-api", "--auth", "key", "--provisioned", "1", "--freeze", "--json-log"},
		"of nobody":           {"--auth", "none", "--cold-start", "10ms", "--env", "BESRA_SERVICE=shop", "../../models/fraud/1"},
		"of a load balancer":  {"--front-door", "alb", "--concurrency", "1", "--idle", "1m"},
		"with settings":       {"--front-door", "function-url", "--config", config, "--tracing"},
		"of a direct invoker": {"--front-door", "direct", "--memory", "512", "--timeout", "5s"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			r, w := io.Pipe()
			var stderr bytes.Buffer
			e := &environ{stdout: w, stderr: &stderr, getenv: func(string) string { return "" }}
			code := make(chan int, 1)
			go func() {
				code <- run(ctx, e, append([]string{"aws", "local", "--log", "--bootstrap", filepath.Join(dir, "bootstrap-"+arch)}, args...))
				_ = w.Close()
			}()
			said := map[string]string{}
			lines := bufio.NewScanner(r)
			for said["try"] == "" && lines.Scan() {
				line := lines.Text()
				if rest, ok := strings.CutPrefix(line, "watch it on "); ok {
					said["watch"] = rest
				}
				if rest, ok := strings.CutPrefix(line, "try: curl "); ok {
					said["try"] = rest
				}
			}
			if said["try"] == "" {
				t.Fatalf("it ends with %d: %s", <-code, &stderr)
			}
			go func() { _, _ = io.Copy(io.Discard, r) }()
			out, err := exec.CommandContext(ctx, "sh", "-c", curl+" -s "+said["try"]).CombinedOutput()
			if err != nil || !strings.Contains(string(out), `"fraud"`) {
				t.Errorf("%v %s", err, out)
			}
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, said["watch"], nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			page, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			if !strings.Contains(string(page), "REPORT RequestId") && !strings.Contains(string(page), "platform.report") {
				t.Errorf("%s", page)
			}
			http.DefaultClient.CloseIdleConnections()
			stop()
			select {
			case got := <-code:
				if got != exitDone || !strings.Contains(stderr.String(), "serving") {
					t.Errorf("%d: %s", got, &stderr)
				}
			case <-time.After(20 * time.Second):
				t.Fatal("it does not end")
			}
			if left, _ := os.ReadDir(os.Getenv("TMPDIR")); len(left) > 0 {
				t.Errorf("%s is left", left[0].Name())
			}
		})
	}
}

func TestAWSLocalIsRefused(t *testing.T) {
	for want, args := range map[string][]string{
		"no front door":            {"--front-door", "carrier", "--bootstrap", "aws_local.go"},
		"is not on loopback":       {"--listen", "0.0.0.0:80", "--bootstrap", "aws_local.go"},
		"no such file":             {"--bootstrap", "no/such"},
		"is a directory":           {"--bootstrap", "."},
		"want NAME=VALUE":          {"--env", "x"},
		"has no API keys":          {"--auth", "key", "--bootstrap", "aws_local.go"},
		"is a variable that":       {"--env", "AWS_REGION=x", "--bootstrap", "aws_local.go"},
		"no/such: no such file":    {"--bootstrap", "aws_local.go", "no/such"},
		"Lambda has 128 to 10240":  {"--memory", "1", "--bootstrap", "aws_local.go"},
		"a limit is negative":      {"--scaling-burst", "-1", "--bootstrap", "aws_local.go"},
		"reserved concurrency 9":   {"--concurrency", "2", "--reserved", "9", "--bootstrap", "aws_local.go"},
		"no such flag --consumers": {"--consumers", "2"},
	} {
		var stderr bytes.Buffer
		e := &environ{stdout: io.Discard, stderr: &stderr, getenv: func(string) string { return "" }}
		if code := run(t.Context(), e, append([]string{"aws", "local"}, args...)); code == exitDone || !strings.Contains(stderr.String(), want) {
			t.Errorf("%d %s, want %s", code, &stderr, want)
		}
	}
}
