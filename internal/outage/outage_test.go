//go:build unix

package outage

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/besra-ml/besra/internal/besratest"
	"github.com/besra-ml/besra/internal/store/valkeytest"
)

const (
	saidDown = "the shared store is down"
	saidBack = "the shared store is back"
)

// scored is what an answer says of an event.
type scored struct {
	Score    *float64
	Decision string
	Degraded bool
}

func read(t *testing.T, a besratest.Answer) (s scored) {
	t.Helper()
	if err := json.Unmarshal(a.Body, &s); err != nil || a.Status != http.StatusOK {
		t.Fatalf("%v: %v", a, err)
	}
	return s
}

// blind is the score of an event without its history: a row in which all that is asked of it is missing.
func blind(t *testing.T, p process, amount int) float64 {
	t.Helper()
	const weekend, night = 0, 0 // 1700000000 is a Tuesday, 22:13
	row := fmt.Sprintf(`{"row":[%d.25,%d,%d%s]}`, amount, night, weekend, strings.Repeat(",null", 12))
	s := read(t, p.score(row))
	if s.Score == nil {
		t.Fatal("the row has no score")
	}
	return *s.Score
}

func TestPoliciesOfAnOutage(t *testing.T) {
	t.Parallel()
	program := valkeytest.Servers(t)[0]
	for _, state := range []string{"degrade", "refuse"} {
		for _, replay := range []string{"open", "closed"} {
			t.Run(fmt.Sprintf("state %s, replay %s", state, replay), func(t *testing.T) {
				t.Parallel()
				server := valkeytest.Start(t, valkeytest.On(program))
				p := newSetup(t, server.Addr()).start(t, "--state-on-outage", state, "--replay-on-outage", replay)
				first := p.score(event("first", "c_1", 0, 10))
				if s := read(t, first); s.Degraded || s.Score == nil {
					t.Fatal(first)
				}
				if up := p.store(); !up.Up || up.Why != "" {
					t.Fatalf("%+v", up)
				}

				server.Kill()
				// The first to ask find out. They are told in time, and by the same rules.
				for i := range 100 {
					id := ""
					if i%2 == 0 {
						id = fmt.Sprint("e", i)
					}
					begun := time.Now()
					got := p.score(event(id, "c_1", 60, 10))
					if took := time.Since(begun); took > time.Second {
						t.Errorf("it took %v", took)
					}
					if state == "refuse" || replay == "closed" && id != "" {
						if got.Status != http.StatusServiceUnavailable || got.RetryAfter == "" || !strings.Contains(string(got.Body), `"not-ready"`) {
							t.Fatalf("%q: %v, Retry-After %q", id, got, got.RetryAfter)
						}
						continue
					}
					s := read(t, got)
					if !s.Degraded || s.Score == nil || s.Decision == "" {
						t.Fatalf("%q: %v", id, got)
					}
					if want := blind(t, p, 10); *s.Score != want {
						t.Fatalf("the score is %v, and without a history it is %v", *s.Score, want)
					}
				}
				if got := p.Get("/readyz"); got.Status != http.StatusOK {
					t.Errorf("readyz: %v", got)
				}
				if got := p.Get("/livez"); got.Status != http.StatusOK {
					t.Errorf("livez: %v", got)
				}
				p.Until("the status says why", func() bool { s := p.store(); return !s.Up && s.Why != "" })
				if up := p.metric("besra_store_up", ""); up != 0 {
					t.Errorf("besra_store_up is %v", up)
				}
				time.Sleep(300 * time.Millisecond)

				server.Restart()
				p.Until("the store is back", func() bool { return p.store().Up })
				if s := read(t, p.score(event("after", "c_1", 120, 10))); s.Degraded {
					t.Errorf("%+v", s)
				}
				if s := p.store(); s.Losses != 1 {
					t.Errorf("%+v", s)
				}
				if down, back := p.Says(saidDown), p.Says(saidBack); down != 1 || back != 1 {
					t.Errorf("the log says %d times that the store is down, and %d times that it is back", down, back)
				}
				unguarded := p.metric("besra_replay_total", `result="unguarded"`)
				if (unguarded > 0) != (replay == "open") {
					t.Errorf("%v answers are not guarded", unguarded)
				}
			})
		}
	}
}

// A start without a store is an outage as any other.
func TestAStoreThatIsNotThereYet(t *testing.T) {
	t.Parallel()
	program := valkeytest.Servers(t)[0]
	server := valkeytest.Start(t, valkeytest.On(program))
	server.Kill()
	p := newSetup(t, server.Addr()).start(t)
	if s := read(t, p.score(event("", "c_1", 0, 10))); !s.Degraded {
		t.Errorf("%+v", s)
	}
	if s := p.store(); s.Up || s.Why == "" {
		t.Errorf("%+v", s)
	}
	server.Restart()
	p.Until("the store is there", func() bool { return p.store().Up })
	if s := read(t, p.score(event("", "c_1", 0, 10))); s.Degraded {
		t.Errorf("%+v", s)
	}
	if s := p.store(); s.Losses != 0 {
		t.Errorf("%+v", s)
	}
}

// Whichever process twins meet, one of them is scored, and all get its answer.
func TestTwins(t *testing.T) {
	t.Parallel()
	valkeytest.Each(t, func(t *testing.T, program valkeytest.Program) {
		t.Parallel()
		server := valkeytest.Start(t, valkeytest.On(program))
		u := newSetup(t, server.Addr())
		all := []process{u.start(t, "--valkey-deadline", "1s"), u.start(t, "--valkey-deadline", "1s")}
		const twins, rounds = 1000, 2
		for round := range rounds {
			body := event(fmt.Sprint("twin", round), "c_1", round, 10)
			var team sync.WaitGroup
			begin := make(chan struct{})
			answers := make([]besratest.Answer, twins)
			for i := range answers {
				team.Go(func() {
					<-begin
					answers[i] = all[i%2].score(body)
				})
			}
			close(begin)
			team.Wait()
			first := 0
			for _, a := range answers {
				if a.Status != http.StatusOK || string(a.Body) != string(answers[0].Body) {
					t.Fatalf("%v, and another %v", a, answers[0])
				}
				if !a.Replayed {
					first++
				}
			}
			if first != 1 {
				t.Errorf("%d answers are not told to be repeated", first)
			}
		}
		sum := func(name, labels string) (n float64) {
			for _, p := range all {
				n += p.metric(name, labels)
			}
			return n
		}
		if n := sum("besra_replay_total", `result="miss"`); n != rounds {
			t.Errorf("%v were scored", n)
		}
		if n := sum("besra_replay_total", `result="hit"`) + sum("besra_replay_total", `result="joined"`); n != rounds*(twins-1) {
			t.Errorf("%v were answered again", n)
		}
		if n := sum("besra_replay_total", `result="unguarded"`) + sum("besra_replay_total", `result="overtaken"`); n != 0 {
			t.Errorf("%v were not guarded, or overtaken", n)
		}
	})
}

// A process that dies in the middle of events leaves nothing that counts twice, or that is never answered.
func TestAProcessThatDies(t *testing.T) {
	t.Parallel()
	valkeytest.Each(t, func(t *testing.T, program valkeytest.Program) {
		t.Parallel()
		const events, cards = 300, 10
		body := func(i int) string { return event(fmt.Sprint("e", i), fmt.Sprint("c_", i%cards), i, 10+i%7) }
		last := func(card int) string { return event("", fmt.Sprint("c_", card), events+60, 33) }

		// What a single process would say, which remembers by itself.
		alone := newSetup(t, "").start(t)
		for i := range events {
			read(t, alone.score(body(i)))
		}
		var want []float64
		for card := range cards {
			want = append(want, *read(t, alone.score(last(card))).Score)
		}

		server := valkeytest.Start(t, valkeytest.On(program))
		proxy := valkeytest.NewProxy(t, server.Addr())
		u := newSetup(t, server.Addr())
		survivor := u.start(t, "--valkey-deadline", "1s")
		u.store = proxy.Addr()
		victim := u.start(t, "--valkey-deadline", "1s", "--limits-deadline", "1s")
		proxy.Delay(10 * time.Millisecond) // so that it dies with claims that it holds
		given := make([]string, events)
		var answered atomic.Int32
		var team sync.WaitGroup
		for w := range 16 {
			team.Go(func() {
				for i := w; i < events; i += 16 {
					if a := victim.score(body(i)); a.Status == http.StatusOK {
						given[i] = string(a.Body)
						answered.Add(1)
					} else if a.Status != 0 {
						t.Errorf("%v", a)
					}
				}
			})
		}
		victim.Until("it is in the middle of events", func() bool { return answered.Load() > events/2 })
		victim.Crash()
		team.Wait()

		var pending int
		begun := time.Now()
		for i := range events {
			before := time.Now()
			a := survivor.score(body(i))
			s := read(t, a)
			if s.Degraded || given[i] != "" && string(a.Body) != given[i] {
				t.Fatalf("event %d was %s, and is %v", i, given[i], a)
			}
			if given[i] != "" && !a.Replayed {
				t.Errorf("event %d was answered, and is answered anew", i)
			}
			if time.Since(before) > 100*time.Millisecond {
				pending++
			}
		}
		t.Logf("%d events waited for a claim to expire; all of them took %v", pending, time.Since(begun))
		var got []float64
		for card := range cards {
			got = append(got, *read(t, survivor.score(last(card))).Score)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("the histories are others than without the crash (-want +got):\n%s", diff)
		}
	})
}
