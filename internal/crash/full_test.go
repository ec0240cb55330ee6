//go:build unix

package crash

import (
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/besra-ml/besra/internal/besratest"
	"github.com/besra-ml/besra/internal/store"
)

// full starts besra so that no file of its becomes larger than 64 KiB: a disk that is full again and again, as the
// journal begins a new file once a second.
var full = []string{"sh", "-c", `ulimit -f 128 && exec "$0" "$@"`}

// until loads s until a condition holds.
func (l *load) until(s *besratest.Process, holds func() bool) {
	l.t.Helper()
	stop := make(chan struct{})
	wait := l.run(s, stop)
	late := time.After(besratest.Patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for met := false; !met; {
		select {
		case <-tick.C:
		case <-s.Ended:
			l.t.Fatal("it ended")
		case <-late:
			l.t.Fatalf("it does not happen: %v", l.seen())
		}
		met = holds()
	}
	close(stop)
	wait()
}

func (l *load) seen() map[string]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.statuses)
}

func TestAFullDiskRefusesAndLosesNothing(t *testing.T) {
	dir := t.TempDir()
	l := newLoad(t, 1)
	s := start(t, dir, full, append(usual, "--state-deadline", "2m")...)
	s.Ready()
	after := 0 // scored since the first refusals
	l.until(s, func() bool {
		seen := l.seen()
		refused := seen["score 503"] > 20 && seen["labels 503"] > 5 && seen["item 503"] > 5
		if refused && after == 0 {
			after = seen["score 200"]
		}
		return refused && seen["score 200"] > after+20
	})
	s.Crash()

	s = start(t, dir, nil, append(usual, "--state-deadline", "2m")...)
	s.Ready()
	for _, n := range slices.Sorted(maps.Keys(l.refused)) {
		if l.answered[n] != nil {
			continue // it was sent again, and taken
		}
		a := s.Post("/v1/score", n.body())
		if a.Status != http.StatusOK || a.Replayed {
			t.Fatalf("%s was refused; now it gets %v, replayed: %v", n.id(), a, a.Replayed)
		}
		l.acknowledge(n, a.Body)
	}
	l.relabel(s)
	l.verify(s, 1000, rand.New(rand.NewPCG(2, 2)))
	l.verifyAll(s)
	s.Crash()
	l.verifyDir(dir)
}

func TestAFullDiskIsNoReasonNotToAnswer(t *testing.T) {
	dir := t.TempDir()
	l := newLoad(t, 1)
	s := start(t, dir, full, append(usual, "--state-on-failure", "continue")...)
	s.Ready()
	began := time.Now()
	l.until(s, func() bool { // there are snapshots meanwhile
		metrics := s.Get("/metrics")
		return metrics.Err == nil && unsaved(metrics.Body) > 1000 && time.Since(began) > 3*time.Second
	})
	for what, n := range l.seen() {
		if what != "score 200" && what != "batch 200" && what != "labels 200" {
			t.Errorf("%s: %d", what, n)
		}
	}
	s.Crash()

	s = start(t, dir, nil, usual...) // what was not saved is gone
	s.Ready()
	l.relabel(s)
	s.Crash()
	m := opened(t, dir)
	_, records := m.records(t)
	saved := map[store.Key]record{}
	for _, data := range records {
		r, err := parse(data)
		if err != nil {
			t.Fatal(err)
		}
		if !r.label {
			saved[r.key] = r
		}
	}
	for n, answer := range l.answered {
		if r, ok := saved[m.key(t, dir, n)]; ok && !strings.HasSuffix(string(answer), r.answer+"}") {
			t.Errorf("%s is saved with another answer than it got", n.id())
		}
	}
	if n := len(saved); n == 0 || n >= len(l.answered) {
		t.Errorf("%d events of %d are saved", n, len(l.answered))
	}
}

// unsaved returns how many answers the journal could not hold.
func unsaved(metrics []byte) (n int) {
	for line := range strings.Lines(string(metrics)) {
		if rest, ok := strings.CutPrefix(line, "besra_journal_unsaved_total "); ok {
			n, _ = strconv.Atoi(strings.TrimSpace(rest))
		}
	}
	return n
}
