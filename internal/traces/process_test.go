package traces

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/besra-ml/besra/internal/besratest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(dir)
		os.Exit(code)
	}))
}

// dir is where the program is, once it is built: in its own module, which is not this one.
var dir string

var build = sync.OnceValues(func() (path string, err error) {
	if dir, err = os.MkdirTemp("", "besra-traces-"); err != nil {
		return "", err
	}
	build := exec.Command("go", "build", "-o", dir, "./cmd/besra")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		return "", errors.Join(err, errors.New(string(out)))
	}
	return filepath.Join(dir, "besra"), nil
})

func program(t testing.TB) string {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// A server is a process of besra serve with the demo's model.
type server struct{ *besratest.Process }

// serve starts one that tells a collector, and waits until it is ready.
func serve(t *testing.T, endpoint, store string, flags ...string) *server {
	t.Helper()
	dir := t.TempDir()
	key := filepath.Join(dir, "entity.key")
	if err := os.WriteFile(key, []byte(strings.Repeat("5a", 32)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	command := []string{
		program(t), "serve", "--listen", "127.0.0.1:0", "--admin-listen", "", "--state-entity-key-file", key,
		"--limits-deadline", "10s", "--limits-concurrency", "off", "--valkey-deadline", "1s",
		"--traces-endpoint", endpoint, "--log-sample", "1", "--log-rate", "1000000",
	}
	if store != "" {
		command = append(command, "--valkey-address", store)
	}
	s := &server{besratest.Start(t, append(command, flags...)...)}
	s.Ready()
	return s
}

// payment is a body of one event.
func payment(n int) []byte {
	return fmt.Appendf(nil, `{"event_id":"evt_%d","event":{"time":"2026-11-27T08:00:%02dZ","card":"c_%d","terminal":"t_9","amount":129.9}}`, n, n%60, n)
}

// batch is a body of several.
func batch(from, n int) []byte {
	events := make([][]byte, n)
	for i := range events {
		events[i] = payment(from + i)
	}
	return append(append([]byte(`{"events":[`), bytes.Join(events, []byte(","))...), "]}"...)
}
