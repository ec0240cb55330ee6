//go:build unix

package local_test

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"go.uber.org/goleak"

	"github.com/besra-ml/besra/internal/store/valkeytest"
	"github.com/besra-ml/besra/internal/tools/lambdasim"
	"github.com/besra-ml/besra/internal/tools/lambdasim/door"
	"github.com/besra-ml/besra/internal/tools/lambdasim/local"
	"github.com/besra-ml/besra/internal/tools/scaling"
	"github.com/besra-ml/besra/models"
)

// TestMain makes what besra aws package would: the real bootstrap and the demo's bundle.
func TestMain(m *testing.M) {
	root, err := os.MkdirTemp("", "besra-local-test-")
	if err != nil {
		panic(err)
	}
	taskRoot = root
	build := exec.CommandContext(context.Background(), "go", "build", "-tags", "lambda.norpc,grpcnotrace", "-o", filepath.Join(root, "bootstrap"), "github.com/besra-ml/besra/cmd/bootstrap")
	if out, err := build.CombinedOutput(); err != nil {
		panic(fmt.Sprintf("%v\n%s", err, out))
	}
	if err := os.CopyFS(filepath.Join(root, "models", "fraud", "1"), models.Demo()); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(root)
		os.Exit(code)
	}))
}

var taskRoot string

const sample = `{"event":{"time":"2026-11-27T08:00:00Z","card":"c_17","terminal":"t_9","amount":129.9}}`

// start starts besra behind a door. Nothing of it may be left at the end of the test.
func start(t *testing.T, kind door.Kind, auth string, change func(*local.Options)) *local.Local {
	t.Helper()
	o := local.Options{
		Kind: kind, Auth: auth, Listen: "127.0.0.1:0", Watch: "127.0.0.1:0", Sample: sample,
		Function: lambdasim.Options{
			Name: "besra", Bootstrap: filepath.Join(taskRoot, "bootstrap"), Memory: 1769, Timeout: 20 * time.Second, TempDir: t.TempDir(), Traced: true,
			Variables: map[string]string{"BESRA_LAMBDA_EVENT": string(kind), "BESRA_LOG_SAMPLE": "1", "BESRA_TRACES_SAMPLE": "1"}, Limits: scaling.Defaults(),
		},
	}
	if auth == local.None {
		o.Function.Variables["BESRA_INSECURE"] = "true"
	}
	if change != nil {
		change(&o)
	}
	l, err := local.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		l.Close()
		if left, _ := fs.Glob(os.DirFS(o.Function.TempDir), "*"); len(left) > 0 {
			t.Errorf("%s is left", left)
		}
	})
	return l
}

// do asks with what was handed out, but for IAM.
func do(t *testing.T, l *local.Local, method, path, body string) (status int, said string, h http.Header) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, l.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if l.Token != "" {
		r.Header.Set("Authorization", "Bearer "+l.Token)
	}
	if l.Key.Value != "" {
		r.Header.Set("X-Api-Key", l.Key.Value)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b), resp.Header
}

// watch reads what one is shown.
func watch(t *testing.T, l *local.Local, what string, into any) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, l.WatchURL+what, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err == nil && into != nil {
		err = json.Unmarshal(b, into, json.MatchCaseInsensitiveNames(true))
	}
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %v %s", what, resp.Status, err, b)
	}
	return string(b)
}

type status struct {
	InFlight     int            `json:"in_flight"`
	Most         int            `json:"most_environments"`
	Started      map[string]int `json:"started"`
	Throttled    map[string]int `json:"throttled"`
	Environments []struct {
		State  string  `json:"state"`
		Served int     `json:"served"`
		Init   float64 `json:"init_ms"`
		PID    int     `json:"pid"`
	} `json:"environments"`
	Embedded struct {
		Seen, Broken int
		Why          []string
	} `json:"embedded_metrics"`
	Spans struct {
		Seen, Broken int
		Why          []string
	} `json:"spans"`
}

func TestTheLineThatIsShownWorksAtEachDoor(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("NOT RUN: there is no curl here")
	}
	for _, c := range []struct {
		kind door.Kind
		auth string
		who  string // in besra's own log
	}{
		{door.HTTPAPI, local.IAM, `"key":"iam:arn:aws:iam::123456789012:user/tester"`},
		{door.HTTPAPI, local.JWT, `"key":"`},
		{door.HTTPAPI, local.None, `"status":200`},
		{door.RESTAPI, local.IAM, `"key":"iam:arn:aws:iam::123456789012:user/tester"`},
		{door.RESTAPI, local.Key, `"key":"api-key:`},
		{door.RESTAPI, local.None, `"status":200`},
		{door.FunctionURL, local.IAM, `"key":"iam:arn:aws:iam::123456789012:user/tester"`},
		{door.FunctionURL, local.None, `"status":200`},
		{door.ALB, local.None, `"status":200`},
		{door.Direct, local.IAM, `"key":"invoke"`},
	} {
		t.Run(string(c.kind)+", "+c.auth, func(t *testing.T) {
			l := start(t, c.kind, c.auth, nil)
			out, err := exec.CommandContext(t.Context(), "sh", "-c", l.Curl()+" -s").CombinedOutput()
			if err != nil || !strings.Contains(string(out), `"decision":"approve"`) {
				t.Fatalf("%v %s", err, out)
			}
			for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
				var s status
				watch(t, l, "status", &s)
				if s.Spans.Seen > 0 && s.Embedded.Seen > 0 {
					if len(s.Environments) != 1 || s.Environments[0].Served != 1 || s.Environments[0].Init <= 0 || s.Started["cold"] != 1 || s.Spans.Broken+s.Embedded.Broken > 0 {
						t.Errorf("%+v", s)
					}
					break
				}
				if time.Now().After(end) {
					t.Fatalf("no traces or metrics come: %+v", s)
				}
			}
			if log := watch(t, l, "logs", nil); !strings.Contains(strings.ReplaceAll(log, `\"`, `"`), c.who) {
				t.Errorf("besra does not know %s:\n%s", c.who, log)
			}
			page := watch(t, l, "", nil)
			for _, want := range []string{"1 cold", "POST /v1/score", "REPORT RequestId", "AWS/Lambda", "ColdStart"} {
				if !strings.Contains(page, want) && (c.kind != door.Direct || want != "POST /v1/score") {
					t.Errorf("the page lacks %s:\n%s", want, page)
				}
			}
		})
	}
}

func TestWhoMayNotAskIsRefusedBeforeAnythingStarts(t *testing.T) {
	for _, c := range []struct {
		kind   door.Kind
		auth   string
		status int
	}{{door.HTTPAPI, local.IAM, 403}, {door.RESTAPI, local.IAM, 403}, {door.FunctionURL, local.IAM, 403}, {door.HTTPAPI, local.JWT, 401}, {door.RESTAPI, local.Key, 403}, {door.Direct, local.IAM, 403}} {
		l := start(t, c.kind, c.auth, nil)
		l.Token, l.Key.Value = "", ""
		path := "/v1/score"
		if c.kind == door.Direct {
			path = ""
		}
		got, said, _ := do(t, l, http.MethodPost, path, sample)
		var s status
		if watch(t, l, "status", &s); got != c.status || len(s.Environments) > 0 {
			t.Errorf("%s, %s: %d %s, %d environments", c.kind, c.auth, got, said, len(s.Environments))
		}
	}
}

func TestOnlyThePathsOfAStackAreLetThrough(t *testing.T) {
	l := start(t, door.HTTPAPI, local.None, nil)
	for path, want := range map[string]int{"GET /v1/models": 200, "GET /v1/models/fraud": 200, "GET /readyz": 200, "GET /v1/status": 200, "GET /metrics": 404, "GET /dashboard": 404, "GET /v1/score": 404} {
		method, path, _ := strings.Cut(path, " ")
		if got, said, _ := do(t, l, method, path, ""); got != want {
			t.Errorf("%s: %d %s", path, got, said)
		}
	}
	if got, said, h := do(t, l, http.MethodPost, "/v1/score", `{"event":{}}`); got != 422 || h.Get("Content-Type") != "application/problem+json" {
		t.Errorf("%d %s", got, said)
	}
}

func TestABurstIsServedByAsManyEnvironmentsAsAreAllowed(t *testing.T) {
	t.Run("all of it, frozen in between", func(t *testing.T) {
		l := start(t, door.HTTPAPI, local.None, func(o *local.Options) { o.Function.Freeze = true })
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for range 20 {
					if got, said, _ := do(t, l, http.MethodPost, "/v1/score", sample); got != 200 {
						t.Errorf("%d %s", got, said)
					}
				}
			})
		}
		all.Wait()
		var s status
		watch(t, l, "status", &s)
		if s.Most > 8 || s.Started["cold"] != len(s.Environments) || s.Started["cold"]+s.Started["warm"] != 160 || s.Embedded.Broken > 0 {
			t.Errorf("%+v", s)
		}
	})
	t.Run("what is beyond the quota is an error of API Gateway", func(t *testing.T) {
		l := start(t, door.HTTPAPI, local.None, func(o *local.Options) {
			o.Function.Limits = scaling.Limits{Concurrency: 1}
			o.Function.Placement = time.Second
		})
		var all sync.WaitGroup
		codes := make(chan string, 4)
		for range 4 {
			all.Go(func() {
				got, said, _ := do(t, l, http.MethodPost, "/v1/score", sample)
				if got == 200 {
					said = ""
				}
				codes <- fmt.Sprint(got, said)
			})
		}
		all.Wait()
		close(codes)
		count := map[string]int{}
		for c := range codes {
			count[c]++
		}
		var s status
		watch(t, l, "status", &s)
		if count["200"] != 1 || count[`500{"message":"Internal Server Error"}`] != 3 || s.Throttled["ConcurrentInvocationLimitExceeded"] != 3 {
			t.Errorf("%v, %+v", count, s)
		}
	})
	t.Run("provisioned environments start no request cold", func(t *testing.T) {
		l := start(t, door.RESTAPI, local.Key, func(o *local.Options) { o.Function.Limits.Provisioned = 2 })
		for range 5 {
			if got, said, _ := do(t, l, http.MethodPost, "/v1/score", sample); got != 200 {
				t.Fatalf("%d %s", got, said)
			}
		}
		var s status
		if watch(t, l, "status", &s); s.Started["provisioned"] != 5 || s.Started["cold"] != 0 || len(s.Environments) != 2 {
			t.Errorf("%+v", s)
		}
	})
	t.Run("API Gateway throttles by itself", func(t *testing.T) {
		l := start(t, door.RESTAPI, local.Key, func(o *local.Options) { o.Throttle = door.Rate{PerSecond: 0.001, Burst: 2} })
		for i, want := range []int{200, 200, 429} {
			if got, said, _ := do(t, l, http.MethodPost, "/v1/score", sample); got != want {
				t.Errorf("request %d: %d %s", i, got, said)
			}
		}
	})
}

func TestEnvironmentsShareWhatIsRemembered(t *testing.T) {
	server := valkeytest.Start(t)
	l := start(t, door.HTTPAPI, local.None, func(o *local.Options) {
		o.Function.Variables["BESRA_VALKEY_ADDRESS"] = server.Addr()
		o.Function.Variables["BESRA_STATE_ENTITY_KEY"] = strings.Repeat("5a", 32)
		o.Function.Variables["BESRA_VALKEY_DEADLINE"] = "2s"
		o.Function.Variables["BESRA_LIMITS_DEADLINE"] = "5s"
		o.Function.Freeze = true
	})
	body := strings.Replace(sample, `{"event"`, `{"event_id":"evt_7","event"`, 1)
	_, first, h := do(t, l, http.MethodPost, "/v1/score", body)
	if h.Get("Idempotent-Replayed") != "" || strings.Contains(first, "degraded") {
		t.Fatalf("%s %v", first, h)
	}
	var s status
	watch(t, l, "status", &s)
	other := start(t, door.HTTPAPI, local.None, func(o *local.Options) { // another environment, of another function even
		o.Function.Variables["BESRA_VALKEY_ADDRESS"] = server.Addr()
		o.Function.Variables["BESRA_STATE_ENTITY_KEY"] = strings.Repeat("5a", 32)
		o.Function.Variables["BESRA_VALKEY_DEADLINE"] = "2s"
		o.Function.Variables["BESRA_LIMITS_DEADLINE"] = "5s"
	})
	for _, l := range []*local.Local{l, other} {
		if _, again, h := do(t, l, http.MethodPost, "/v1/score", body); again != first || h.Get("Idempotent-Replayed") != "true" {
			t.Errorf("%s instead of %s", again, first)
		}
	}
}

func TestWhatCannotBeIsRefused(t *testing.T) {
	for want, change := range map[string]func(*local.Options){
		"is not on loopback":        func(o *local.Options) { o.Listen = "0.0.0.0:0" },
		"auth \"basic\"":            func(o *local.Options) { o.Auth = "basic" },
		"http-api has no API keys":  func(o *local.Options) { o.Auth = local.Key },
		"alb has no JWT":            func(o *local.Options) { o.Kind, o.Auth = door.ALB, local.JWT },
		"a load balancer does not":  func(o *local.Options) { o.Kind, o.Auth = door.ALB, local.IAM },
		"no front door \"carrier\"": func(o *local.Options) { o.Kind = "carrier" },
		"provisioned environment 0:": func(o *local.Options) {
			o.Function.Variables["BESRA_LAMBDA_EVENT"] = "x"
			o.Function.Limits.Provisioned = 1
		},
	} {
		o := local.Options{
			Kind: door.HTTPAPI, Listen: "127.0.0.1:0", Watch: "127.0.0.1:0",
			Function: lambdasim.Options{Bootstrap: filepath.Join(taskRoot, "bootstrap"), TempDir: t.TempDir(), Variables: map[string]string{}, Limits: scaling.Defaults()},
		}
		change(&o)
		if l, err := local.Start(t.Context(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
			if l != nil {
				l.Close()
			}
		}
	}
}
