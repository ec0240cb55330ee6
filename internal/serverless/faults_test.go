//go:build unix

package serverless

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/besra-ml/besra/internal/store/valkeytest"
	"github.com/besra-ml/besra/internal/tools/lambdasim"
)

// refused has a function start, which is to fail with a text.
func refused(t *testing.T, f function, want string) {
	t.Helper()
	got := f.post("/v1/score", payments(1, 1)[0])
	var failed struct{ ErrorType, ErrorMessage string }
	if err := json.Unmarshal([]byte(got.Failed), &failed); err != nil {
		t.Fatalf("%v: %v", got, err)
	}
	if failed.ErrorType != "besra.InitError" || !strings.Contains(failed.ErrorMessage, want) {
		t.Errorf("got %s, not %q", got.Failed, want)
	}
}

func TestAFunctionThatCannotStartSaysWhy(t *testing.T) {
	t.Parallel()
	model := filepath.Join("models", "fraud", "1", "model.ubj")
	golden := filepath.Join("models", "fraud", "1", "golden", "margin.csv")
	for want, spoil := range map[string]func(t *testing.T, root string){
		"model.ubj is not the file that bundle.yaml lists": func(t *testing.T, root string) {
			edit(t, filepath.Join(root, model), func(b string) string { return b[:len(b)/2] })
		},
		"margin.csv is not the file that bundle.yaml lists": func(t *testing.T, root string) {
			edit(t, filepath.Join(root, golden), func(b string) string { return strings.Replace(b, "-", "", 1) })
		},
		"does not reproduce its golden rows: golden/margin.csv:2: column 1": func(t *testing.T, root string) {
			edit(t, filepath.Join(root, golden), func(b string) string { return strings.Replace(b, "-", "", 1) })
			edit(t, filepath.Join(root, "models", "fraud", "1", "bundle.yaml"), func(b string) string { // nobody says what it should be
				return regexp.MustCompile(`(?m)^  golden/margin\.csv: .*\n`).ReplaceAllString(b, "")
			})
		},
		"there are no models: besra aws package puts bundles under models/": func(t *testing.T, root string) {
			if err := os.RemoveAll(filepath.Join(root, "models")); err != nil {
				t.Fatal(err)
			}
		},
		"no models: want <name>/<version>/bundle.yaml below it": func(t *testing.T, root string) {
			if err := os.RemoveAll(filepath.Join(root, "models", "fraud")); err != nil {
				t.Fatal(err)
			}
		},
		`besra.yaml:1: unknown member "lamda", did you mean "lambda"?`: func(t *testing.T, root string) {
			if err := os.WriteFile(filepath.Join(root, "besra.yaml"), []byte("lamda: {event: http-api}\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"state.dir: a function's disk goes with it": func(t *testing.T, root string) {
			if err := os.WriteFile(filepath.Join(root, "besra.yaml"), []byte("state: {dir: state}\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			root := taskRoot(t)
			spoil(t, root)
			refused(t, start(t, "http-api", func(o *lambdasim.Options) { o.TaskRoot = root }), want)
		})
	}
	t.Run("a setting of the environment", func(t *testing.T) {
		t.Parallel()
		refused(t, start(t, "http-api", nil, "BESRA_LIMITS_DEADLINE=soon"), "BESRA_LIMITS_DEADLINE")
	})
	t.Run("a store that cannot be shared without a key", func(t *testing.T) {
		t.Parallel()
		refused(t, start(t, "http-api", nil, "BESRA_VALKEY_ADDRESS=127.0.0.1:1"), "BESRA_STATE_ENTITY_KEY")
	})
}

func edit(t *testing.T, file string, change func(string) string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	after := change(string(b))
	if after == string(b) {
		t.Fatal("nothing is changed")
	}
	if err := os.WriteFile(file, []byte(after), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestAnEventOfAnotherKindIsRefused(t *testing.T) {
	t.Parallel()
	f := start(t, "http-api", nil)
	forged := function{f.Function, t, "function-url"}
	if got := forged.post("/v1/score", payments(1, 1)[0]); !strings.Contains(got.Failed, "lambda.event is http-api, and this is none") {
		t.Errorf("got %v", got)
	}
	if got := f.post("/v1/score", payments(1, 1)[0]); got.Status != 200 {
		t.Errorf("afterwards: %v", got)
	}
}

func TestFunctionsWhileTheStoreIsGone(t *testing.T) {
	t.Parallel()
	server := valkeytest.Start(t, valkeytest.Config("appendonly yes", "appendfsync always"))
	f := start(t, "http-api", func(o *lambdasim.Options) { o.Freeze = true }, "BESRA_VALKEY_ADDRESS="+server.Addr(), entityKey)
	all := payments(1, 40)
	reference := serve(t)
	ask := func(i int) (got answer, want string) {
		return f.post("/v1/score", all[i]), string(reference.Post("/v1/score", all[i]).Body)
	}
	for i := range 20 {
		if got, want := ask(i); got.Body != want {
			t.Fatalf("payment %d: %v, not %s", i, got, want)
		}
	}
	server.Kill()
	for range 10 {
		got := f.post("/v1/score", all[20])
		if got.Status != 200 || !strings.Contains(got.Body, `"degraded":true`) {
			t.Errorf("while it is gone: %v", got)
		}
	}
	server.Restart()
	until := time.Now().Add(20 * time.Second)
	for { // as soon as it is seen to be back nothing is missing
		got := f.post("/v1/score", all[20])
		if !strings.Contains(got.Body, "degraded") {
			if want := string(reference.Post("/v1/score", all[20]).Body); got.Body != want {
				t.Errorf("when it is back: %v, not %s", got, want)
			}
			break
		}
		if time.Now().After(until) {
			t.Fatalf("it is back, and nobody sees it: %v", got)
		}
		time.Sleep(20 * time.Millisecond)
	}
	for i := 21; i < 40; i++ {
		if got, want := ask(i); got.Body != want {
			t.Errorf("payment %d: %v, not %s", i, got, want)
		}
	}
}

func TestAFunctionThatWasFrozenForLongMissesNothing(t *testing.T) {
	t.Parallel()
	server := valkeytest.Start(t)
	server.Must("CONFIG", "SET", "timeout", "1") // an idle connection is closed after a second
	f := start(t, "http-api", func(o *lambdasim.Options) { o.Freeze = true }, "BESRA_VALKEY_ADDRESS="+server.Addr(), entityKey)
	reference := serve(t)
	for i, p := range payments(1, 3) {
		if i > 0 {
			time.Sleep(6 * time.Second)
			if n := strings.Count(server.Must("CLIENT", "LIST"), "lib-name=valkey"); n != 0 {
				t.Errorf("%d connections are still there: that proves nothing", n)
			}
		}
		if got, want := f.post("/v1/score", p), string(reference.Post("/v1/score", p).Body); got.Body != want {
			t.Errorf("payment %d: %v, not %s", i, got, want)
		}
	}
	if n := len(f.Status().Environments); n != 1 {
		t.Errorf("there are %d environments: another one than was frozen has answered", n)
	}
}

func TestAnAnswerThatIsTooLarge(t *testing.T) {
	t.Parallel()
	f := start(t, "http-api", nil, "BESRA_VALKEY_ADDRESS="+valkeytest.Start(t).Addr(), entityKey)
	const n = 8000
	batch := func(from, to int) string {
		var b strings.Builder
		b.WriteString(`{"events":[`)
		for i := from; i < to; i++ {
			if i > from {
				b.WriteByte(',')
			}
			// Each feature is out of its bounds, and so in the warnings.
			fmt.Fprintf(&b, `{"event_id":"e%d","row":[-1%s]}`, i, strings.Repeat(",-1", 14))
		}
		b.WriteString(`]}`)
		return b.String()
	}
	got := f.post("/v1/score/batch", batch(0, n))
	if got.Status != 413 || !strings.Contains(got.Body, "urn:besra:problem:too-large") || !strings.Contains(got.Body, "ask for fewer events at once") {
		t.Fatalf("%d %.300s%.300s", got.Status, got.Body, got.Failed)
	}
	got = f.post("/v1/score/batch", batch(0, 100)) // of which nothing is lost
	if got.Status != 200 || strings.Count(got.Body, `"replayed":true`) != 100 {
		t.Errorf("%d %.300s%.300s", got.Status, got.Body, got.Failed)
	}
}

// What stands between may forget a connection without a word, and a frost may be longer than the time from one look at the
// store to the next: looking at a connection that is dead must not keep an event from another.
func TestAFunctionWhoseConnectionWasForgottenInTheFrostMissesNothing(t *testing.T) {
	t.Parallel()
	proxy := valkeytest.NewProxy(t, valkeytest.Start(t).Addr())
	f := start(t, "http-api", func(o *lambdasim.Options) { o.Freeze = true }, "BESRA_VALKEY_ADDRESS="+proxy.Addr(), entityKey)
	reference := serve(t)
	for i, p := range payments(1, 3) {
		if i > 0 {
			proxy.Forget()
			time.Sleep(11 * time.Second)
		}
		if got, want := f.post("/v1/score", p), string(reference.Post("/v1/score", p).Body); got.Body != want {
			t.Errorf("payment %d: %v, not %s", i, got, want)
		}
	}
}

// An environment has half a second to end, whatever the store does then, and what happened since the last line of metrics is not
// lost with it.
func TestAFunctionEndsInTimeWhileTheStoreHangs(t *testing.T) {
	t.Parallel()
	proxy := valkeytest.NewProxy(t, valkeytest.Start(t).Addr())
	logs := lambdasim.NewLogs(0)
	f := start(t, "http-api", func(o *lambdasim.Options) { o.Logs = logs }, "BESRA_VALKEY_ADDRESS="+proxy.Addr(), entityKey)
	for _, p := range payments(1, 3) {
		f.post("/v1/score", p)
	}
	proxy.Hold()
	f.post("/v1/score", payments(1, 4)[3])
	began := time.Now()
	f.Close()
	took := time.Since(began)
	counted := 0
	for _, l := range logs.Tail(100) {
		var metrics struct{ Requests int }
		if json.Unmarshal([]byte(l.Text), &metrics) == nil {
			counted += metrics.Requests
		}
	}
	if took > 480*time.Millisecond || counted != 4 {
		t.Errorf("it ends after %v, and has told of %d requests of 4", took, counted)
	}
}

// As in a network without a way to the collector: nothing refuses, nothing answers.
func TestACollectorThatHangsKeepsNoAnswerBack(t *testing.T) {
	t.Parallel()
	var of net.ListenConfig
	l, err := of.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	f := start(t, "http-api", func(o *lambdasim.Options) { o.Traced = true }, "BESRA_TRACES_ENDPOINT=http://"+l.Addr().String(), "BESRA_TRACES_SAMPLE=1")
	for i, p := range payments(1, 4) {
		began := time.Now()
		if got := f.post("/v1/score", p); got.Status != 200 {
			t.Errorf("%v", got)
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("answer %d comes after %v", i, took)
		}
	}
}
