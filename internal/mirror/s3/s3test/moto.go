package s3test

import (
	"bufio"
	"context"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// A Moto is a server of its own.
type Moto struct {
	URL string
	t   testing.TB
}

// Python returns the interpreter beside which .ci/moto has put moto and botocore. Without it the test is skipped; with
// BESRA_REQUIRE=1 it fails.
func Python(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		python := filepath.Join(dir, ".cache", "venv-moto", "bin", "python")
		if _, err := os.Stat(python); err == nil {
			return python
		}
	}
	const what = "there is no moto here: .ci/moto makes it"
	if os.Getenv("BESRA_REQUIRE") != "" {
		t.Fatal(what)
	}
	t.Skip("NOT RUN: " + what)
	return ""
}

var running = regexp.MustCompile(`Running on (http://127\.0\.0\.1:\d+)`)

// StartMoto starts a moto, which ends with the test.
func StartMoto(t testing.TB) *Moto {
	t.Helper()
	server := filepath.Join(filepath.Dir(Python(t)), "moto_server")
	cmd := exec.CommandContext(context.Background(), server, "-H", "127.0.0.1", "-p", "0")
	said, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	at, ended := make(chan string, 1), make(chan struct{})
	go func() {
		defer close(ended)
		for lines := bufio.NewScanner(said); lines.Scan(); {
			if found := running.FindStringSubmatch(lines.Text()); found != nil {
				at <- found[1]
			}
		}
		_ = cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // an error says that it has ended
		<-ended
	})
	select {
	case url := <-at:
		return &Moto{url, t}
	case <-ended:
		t.Fatal("moto ended instead of listening")
	case <-time.After(2 * time.Minute):
		t.Fatal("moto does not listen")
	}
	return nil
}

// Bucket makes a bucket.
func (m *Moto) Bucket(name string) { m.t.Helper(); m.do(http.MethodPut, name, "") }

// Put puts an object, of bucket/key.
func (m *Moto) Put(at, content string) { m.t.Helper(); m.do(http.MethodPut, at, content) }

// Delete deletes an object.
func (m *Moto) Delete(at string) { m.t.Helper(); m.do(http.MethodDelete, at, "") }

// PutFiles puts all files of a folder below bucket/prefix.
func (m *Moto) PutFiles(at, folder string) {
	m.t.Helper()
	for name, content := range Files(m.t, folder) {
		m.Put(at+"/"+name, content)
	}
}

// Files returns the files of a folder, by their path in it.
func Files(t testing.TB, folder string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(folder, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		rel, _ := filepath.Rel(folder, path)
		all[filepath.ToSlash(rel)] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func (m *Moto) do(method, at, content string) {
	m.t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, m.URL, strings.NewReader(content))
	if err != nil {
		m.t.Fatal(err)
	}
	r.URL.Path = "/" + at
	r.URL.RawPath = "/" + strings.ReplaceAll(url.PathEscape(at), "%2F", "/")
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261126/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0") // which nobody checks
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(r)
	if err != nil {
		m.t.Error(err)
		return
	}
	answer.Body.Close()
	if answer.StatusCode/100 != 2 {
		m.t.Errorf("%s %s: moto answers %s", method, at, answer.Status)
	}
}
