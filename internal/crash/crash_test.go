//go:build unix

package crash

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/besra-ml/besra/internal/besratest"
)

const (
	replayBytes = 1 << 30
	workers     = 4
)

var usual = []string{"--state-snapshot", "500ms", "--replay-bytes", "1GiB"} // a snapshot a second

// start starts besra serve on a state.dir, by the command that wraps it, if one is given.
func start(t *testing.T, dir string, wrap []string, flags ...string) *besratest.Process {
	t.Helper()
	command := append(slices.Clone(wrap), besratest.Program(t), "serve", "--listen", "127.0.0.1:0", "--state-dir", dir)
	return besratest.Start(t, append(command, flags...)...)
}

func rounds(t *testing.T) int {
	t.Helper()
	if text := os.Getenv("BESRA_CRASHES"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			t.Fatalf("BESRA_CRASHES=%q is no number of crashes", text)
		}
		return n
	}
	if testing.Short() {
		return 2
	}
	return 20
}

func TestWhatWasAcknowledgedSurvivesEveryCrash(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	dir := t.TempDir()
	l := newLoad(t, seed)
	for round := range rounds(t) {
		s := start(t, dir, nil, usual...)
		if round%4 == 3 { // while it starts, or recovers
			<-time.After(time.Duration(r.IntN(150)) * time.Millisecond)
			s.Crash()
			s = start(t, dir, nil, usual...)
		}
		s.Ready()
		l.relabel(s)
		l.verify(s, 1000, r)
		wait := l.run(s, nil)
		if round%2 == 1 {
			<-whileSaving(dir, s.Ended)
			<-time.After(time.Duration(r.IntN(60_000)) * time.Microsecond)
		} else {
			<-time.After(time.Duration(r.IntN(250)) * time.Millisecond)
		}
		s.Crash()
		wait()
	}
	s := start(t, dir, nil, usual...)
	s.Ready()
	l.relabel(s)
	l.verify(s, 1000, r)
	l.verifyAll(s)
	s.Stop()
	l.verifyDir(dir)
}

// whileSaving is closed when a file of a snapshot, or of outcomes, is being written, or ended is.
func whileSaving(dir string, ended <-chan struct{}) <-chan struct{} {
	saving := make(chan struct{})
	go func() {
		defer close(saving)
		tick := time.NewTicker(500 * time.Microsecond)
		defer tick.Stop()
		for {
			for _, part := range []string{"journal", "outcomes"} {
				entries, _ := os.ReadDir(filepath.Join(dir, part)) // it may not be there yet
				for _, e := range entries {
					if strings.HasSuffix(e.Name(), ".tmp") {
						return
					}
				}
			}
			select {
			case <-tick.C:
			case <-ended:
				return
			}
		}
	}()
	return saving
}
