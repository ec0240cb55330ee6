//go:build unix

package serverless

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/besra-ml/besra/internal/besratest"
	"github.com/besra-ml/besra/internal/store/valkeytest"
	"github.com/besra-ml/besra/internal/tools/lambdasim"
)

// entityKey is the key of all processes' hashes.
var entityKey = "BESRA_STATE_ENTITY_KEY=" + strings.Repeat("5a", 32)

// payments makes events of a few cards and terminals of a shop, seconds apart.
func payments(shop, n int) []string {
	rand := rand.New(rand.NewPCG(uint64(shop), 1))
	at := time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC)
	all := make([]string, n)
	for i := range all {
		at = at.Add(time.Duration(rand.IntN(7200)) * time.Second)
		all[i] = fmt.Sprintf(`{"event_id":"s%d_e%d","event":{"time":"%s","card":"s%d_c%d","terminal":"s%d_t%d","amount":%.2f}}`,
			shop, i, at.Format(time.RFC3339), shop, rand.IntN(5), shop, rand.IntN(3), 1+rand.ExpFloat64()*60)
	}
	return all
}

// serve starts the reference: a server that remembers by itself.
func serve(t *testing.T) *besratest.Process {
	t.Helper()
	p := besratest.Start(t, besratest.Program(t), "serve", "../../models/fraud/1", "--listen", "127.0.0.1:0", "--admin-listen", "",
		"--limits-concurrency", "off", "--limits-deadline", "30s")
	p.Ready()
	return p
}

func TestFunctionsAnswerWithTheBitsOfAServer(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"http-api", "rest-api", "function-url", "alb", "direct"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			settings := []string{"BESRA_VALKEY_ADDRESS=" + valkeytest.Start(t).Addr(), entityKey}
			if kind == "alb" {
				settings = append(settings, "BESRA_INSECURE=true") // a load balancer knows nobody
			}
			f, server := start(t, kind, nil, settings...), serve(t)
			all := payments(1, 300)
			for i, p := range all {
				want, got := server.Post("/v1/score", p), f.post("/v1/score", p)
				if got.Status != want.Status || got.Body != string(want.Body) {
					t.Fatalf("payment %d: got %v, a server says %v", i, got, want)
				}
			}
			batch := append(payments(2, 50), all[:10]...) // some are repeats
			body := `{"events":[` + strings.Join(batch, ",") + `]}`
			if want, got := server.Post("/v1/score/batch", body), f.post("/v1/score/batch", body); got.Status != want.Status || got.Body != string(want.Body) {
				t.Errorf("a batch: got %v, a server says %v", got, want)
			}
			for _, bad := range []string{`{"event":1}`, `{"event":{}}`, `{"row":[1]}`, `{"features":{"amount":"x"}}`} {
				want, got := server.Post("/v1/score", bad), f.post("/v1/score", bad)
				if got.Body != string(want.Body) || kind != "direct" && got.Status != want.Status {
					t.Errorf("%s: got %v, a server says %v", bad, got, want)
				}
			}
		})
	}
}

func TestHistoryAndReplayHoldAcrossEnvironmentsThatComeFreezeAndDie(t *testing.T) {
	t.Parallel()
	const shops, each = 4, 150
	f := start(t, "http-api", func(o *lambdasim.Options) {
		o.Freeze = true
		o.Limits.Idle = 200 * time.Millisecond
		o.Limits.Concurrency, o.Limits.Burst, o.Limits.Refill = 1000, 1000, 1000
	}, "BESRA_VALKEY_ADDRESS="+valkeytest.Start(t).Addr(), entityKey, "BESRA_LIMITS_DEADLINE=1s") // as long a claim outlives its holder

	// Now and then somebody kills an environment, while it serves or is frozen.
	var team, killers sync.WaitGroup
	var killed atomic.Int32
	kill := func(after time.Duration) {
		killers.Go(func() {
			time.Sleep(after)
			if pids := f.pids(); len(pids) > 0 && syscall.Kill(pids[rand.IntN(len(pids))], syscall.SIGKILL) == nil {
				killed.Add(1)
			}
		})
	}
	answers := make([][]string, shops)
	var mu sync.Mutex
	failures, cold := 0, 0
	for shop := range shops {
		team.Go(func() {
			for i, p := range payments(shop, each) {
				if i%12 == 5 {
					kill(time.Duration(rand.IntN(2000)) * time.Microsecond)
				}
				var got answer
				for try := range 100 { // as clients do whose request failed
					if got = f.post("/v1/score", p); got.Status == 200 {
						break
					}
					time.Sleep(time.Duration(min(try, 20)) * time.Millisecond)
					mu.Lock()
					failures++
					mu.Unlock()
				}
				if got.Status != 200 || strings.Contains(got.Body, "degraded") {
					t.Errorf("payment %d of shop %d: %v", i, shop, got)
				}
				mu.Lock()
				if got.Cold {
					cold++
				}
				mu.Unlock()
				answers[shop] = append(answers[shop], got.Body)
				if i%50 == 49 {
					time.Sleep(400 * time.Millisecond) // environments are taken away
				}
			}
		})
	}
	team.Wait()
	killers.Wait()
	server := serve(t)
	for shop := range shops {
		for i, p := range payments(shop, each) {
			if want := server.Post("/v1/score", p); answers[shop][i] != string(want.Body) {
				t.Errorf("payment %d of shop %d: got %s, a server says %s", i, shop, answers[shop][i], want.Body)
			}
			if got := f.post("/v1/score", p); got.Body != answers[shop][i] || got.Header["Idempotent-Replayed"] != "true" {
				t.Errorf("payment %d of shop %d again: got %v, not %s", i, shop, got, answers[shop][i])
			}
		}
	}
	if cold < 8 || killed.Load() < 20 {
		t.Errorf("there were %d cold starts and %d kills: that proves little", cold, killed.Load())
	}
	t.Logf("%d cold starts were seen, %d environments killed, %d requests failed and were repeated", cold, killed.Load(), failures)
}

func TestSeveralRequestsAtOnceInOneEnvironment(t *testing.T) {
	t.Parallel()
	const shops, each = 8, 60
	f := start(t, "http-api", func(o *lambdasim.Options) { o.Concurrency = shops }, "BESRA_VALKEY_ADDRESS="+valkeytest.Start(t).Addr(), entityKey)
	f.post("/v1/score", payments(shops, 1)[0]) // the environment is there before others are wanted
	answers := make([][]string, shops)
	var team sync.WaitGroup
	for shop := range shops {
		team.Go(func() {
			for _, p := range payments(shop, each) {
				answers[shop] = append(answers[shop], f.post("/v1/score", p).Body)
			}
		})
	}
	team.Wait()
	if s := f.Status(); s.Most != 1 {
		t.Errorf("there were %d environments: that proves little", s.Most)
	}
	server := serve(t)
	for shop := range shops {
		for i, p := range payments(shop, each) {
			if want := server.Post("/v1/score", p); answers[shop][i] != string(want.Body) {
				t.Errorf("payment %d of shop %d: got %s, a server says %s", i, shop, answers[shop][i], want.Body)
			}
		}
	}
}
