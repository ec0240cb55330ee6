package main

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/besra-ml/besra/internal/tools/lambdazip"
)

// bootstraps returns a folder with bootstrap-<arch>, the real one, for each architecture of Lambda's.
func bootstraps(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for arch, goarch := range map[string]string{"arm64": "arm64", "x86_64": "amd64"} {
		build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-tags", "lambda.norpc,grpcnotrace", "-ldflags", "-s -w",
			"-o", filepath.Join(dir, "bootstrap-"+arch), "../bootstrap")
		build.Env = append(os.Environ(), "GOOS=linux", "GOARCH="+goarch, "CGO_ENABLED=0", "GOFLAGS=")
		if text, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
	}
	return dir
}

// TestThePackageIsAFunction has the bootstrap of a package start in what it was unpacked to, and ask the platform for events.
func TestThePackageIsAFunction(t *testing.T) {
	if raceDetector {
		t.Skip("packing takes a minute under the race detector, and shows it nothing that other tests do not")
	}
	arch := map[string]string{"amd64": "x86_64", "arm64": "arm64"}[runtime.GOARCH]
	if runtime.GOOS != "linux" || arch == "" {
		t.Skip("a function runs on Linux")
	}
	dir := t.TempDir()
	out, root := filepath.Join(dir, "function.zip"), filepath.Join(dir, "task")
	config := filepath.Join(dir, "besra.yaml")
	if err := os.WriteFile(config, []byte("lambda: {event: direct}\nservice: payments\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	e := &environ{stdout: &stdout, stderr: &stderr, getenv: func(string) string { return "" }}
	code := run(t.Context(), e, []string{"aws", "package", "-o", out, "--config", config, "--bootstrap", filepath.Join(bootstraps(t), "bootstrap-"+arch)})
	if code != exitDone {
		t.Fatalf("%d: %s", code, &stderr)
	}
	unzip(t, out, root)

	asked := make(chan string, 1)
	platform := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/2020-01-01/extension") { // by which it asks for SIGTERM
			w.Header().Set("Lambda-Extension-Identifier", "besra")
			if strings.HasSuffix(r.URL.Path, "/register") {
				return
			}
			<-r.Context().Done()
			return
		}
		select {
		case asked <- r.URL.Path:
		default:
		}
		<-r.Context().Done() // no event comes
	}))
	defer platform.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var log bytes.Buffer
	function := exec.CommandContext(ctx, filepath.Join(root, lambdazip.Bootstrap))
	function.Dir, function.Stderr = "/", &log
	function.Env = []string{"LAMBDA_TASK_ROOT=" + root, "AWS_LAMBDA_RUNTIME_API=" + strings.TrimPrefix(platform.URL, "http://"), "AWS_LAMBDA_FUNCTION_NAME=score"}
	if err := function.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = function.Wait() }()
	select {
	case path := <-asked:
		if path != "/2018-06-01/runtime/invocation/next" {
			t.Error(path)
		}
	case <-ended:
		t.Error("it has ended")
	}
	cancel()
	<-ended
	if said := log.String(); !strings.Contains(said, `"serving"`) || !strings.Contains(said, `"model":"fraud"`) || !strings.Contains(said, `"proven":true`) {
		t.Errorf("its log: %s", said)
	}
}

// unzip unpacks a zip as Lambda does.
func unzip(t *testing.T, file, root string) {
	t.Helper()
	z, err := zip.OpenReader(file)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	for _, f := range z.File {
		to := filepath.Join(root, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, text, f.Mode()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFindBootstrap(t *testing.T) {
	program := []byte("as it was embedded")
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write(program); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	release := fstest.MapFS{"bootstrap-arm64.gz": {Data: packed.Bytes()}, "bootstrap-x86_64.gz": {Data: packed.Bytes()[:20]}}
	beside := t.TempDir()
	put := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(beside, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("bootstrap-x86_64", "#!/bin/sh")
	for name, c := range map[string]struct {
		embedded   fs.FS
		arch, want string // what it says
	}{
		"a release has its own":                {release, "arm64", "besra "},
		"one that is damaged is told":          {release, "x86_64", "bootstrap-x86_64: unexpected EOF"},
		"a file beside the program is checked": {embeddedBootstraps(), "x86_64", "bootstrap-x86_64: is no executable of Linux"},
		"without any it is told how to get it": {embeddedBootstraps(), "arm64", "run make bootstrap"},
		"there is nothing for other machines":  {release, "riscv64", `"riscv64" is no architecture of Lambda's`},
	} {
		t.Run(name, func(t *testing.T) {
			got, from, err := findBootstrapIn(c.embedded, beside, c.arch)
			if err != nil {
				from = err.Error()
			}
			if !strings.Contains(from, c.want) || (err == nil) != bytes.Equal(got, program) {
				t.Errorf("%q, from %q, %v", got, from, err)
			}
		})
	}
}
