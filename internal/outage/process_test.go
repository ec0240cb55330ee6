//go:build unix

package outage

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/besra-ml/besra/internal/besratest"
)

// A process is one of besra serve.
type process struct {
	*besratest.Process
	t *testing.T
}

// A setup is what processes have in common: a store, and the key of entities' hashes.
type setup struct {
	store string // its address; "": each remembers by itself
	key   string // file
}

func newSetup(t *testing.T, store string) setup {
	t.Helper()
	key := filepath.Join(t.TempDir(), "entity.key")
	if err := os.WriteFile(key, []byte(strings.Repeat("5a", 32)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return setup{store, key}
}

// start starts a process with the demo's model, and waits until it is ready.
func (u setup) start(t *testing.T, flags ...string) process {
	t.Helper()
	command := []string{
		besratest.Program(t), "serve", "--listen", "127.0.0.1:0", "--admin-listen", "", "--state-entity-key-file", u.key,
		"--limits-deadline", "10s", "--limits-concurrency", "off", "--valkey-deadline", "100ms", "--log-level", "info",
	}
	if u.store != "" {
		command = append(command, "--valkey-address", u.store)
	}
	p := process{besratest.Start(t, append(command, flags...)...), t}
	p.Ready()
	return p
}

func (p process) score(body string) besratest.Answer { return p.Post("/v1/score", body) }

// metric returns what a metric says, the sum of its series whose labels contain a text.
func (p process) metric(name, labels string) (sum float64) {
	p.t.Helper()
	got := p.Get("/metrics")
	if got.Status != http.StatusOK {
		p.t.Fatal(got)
	}
	for line := range strings.Lines(string(got.Body)) {
		series, value, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok || series != name && !strings.HasPrefix(series, name+"{") || !strings.Contains(series, labels) {
			continue
		}
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			p.t.Fatal(err)
		}
		sum += n
	}
	return sum
}

// A store is what /v1/status says of it.
type store struct {
	Up     bool
	Why    string
	Losses int
}

func (p process) store() store {
	p.t.Helper()
	var status struct{ Store store }
	got := p.Get("/v1/status")
	if err := json.Unmarshal(got.Body, &status); err != nil || got.Status != http.StatusOK {
		p.t.Fatalf("%v: %v", got, err)
	}
	return status.Store
}

// event returns a payment's body; without an id if that is empty. at is seconds from some moment.
func event(id, card string, at, amount int) string {
	when := time.Unix(1_700_000_000+int64(at), 0).UTC().Format(time.RFC3339)
	e := fmt.Sprintf(`{"time":%q,"card":%q,"terminal":"t_1","amount":%d.25}`, when, card, amount)
	if id == "" {
		return fmt.Sprintf(`{"event":%s}`, e)
	}
	return fmt.Sprintf(`{"event_id":%q,"event":%s}`, id, e)
}
