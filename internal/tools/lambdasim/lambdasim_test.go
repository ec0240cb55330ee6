//go:build unix

package lambdasim_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/besra-ml/besra/internal/tools/lambdasim"
	"github.com/besra-ml/besra/internal/tools/scaling"
)

// TestMain builds the probe, a bootstrap of aws-lambda-go that does what it is told.
func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "lambdasim-probe-")
	if err != nil {
		panic(err)
	}
	probe = filepath.Join(dir, "bootstrap")
	build := exec.CommandContext(context.Background(), "go", "build", "-tags", "lambda.norpc", "-o", probe, "./probe")
	if out, err := build.CombinedOutput(); err != nil {
		panic(fmt.Sprintf("%v\n%s", err, out))
	}
	code := m.Run()
	os.RemoveAll(dir)
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

var probe string

// start starts a function of the probe. Nothing of it may be left at the end of the test.
func start(t *testing.T, change func(*lambdasim.Options)) *lambdasim.Function {
	t.Helper()
	o := lambdasim.Options{Bootstrap: probe, TempDir: t.TempDir(), Timeout: 20 * time.Second}
	if change != nil {
		change(&o)
	}
	f, err := lambdasim.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		f.Close()
		if left, _ := os.ReadDir(o.TempDir); len(left) > 0 {
			t.Errorf("%s is left", left[0].Name())
		}
		if t.Failed() {
			for _, line := range f.Options().Logs.Tail(50) {
				t.Log(line.Text)
			}
		}
	})
	if err := f.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return f
}

func invoke(t *testing.T, f *lambdasim.Function, payload string) lambdasim.Answer {
	t.Helper()
	a, err := f.Invoke(t.Context(), lambdasim.Invocation{Payload: []byte(payload)})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// answer is what the probe says.
type answer struct {
	Echo      any      `json:"echo"`
	Count     int      `json:"count"`
	Ticks     int      `json:"ticks"`
	Deadline  int      `json:"deadline"`
	RequestID string   `json:"request_id"`
	ARN       string   `json:"arn"`
	Trace     string   `json:"trace"`
	Client    string   `json:"client"`
	Variables []string `json:"variables"`
	Directory string   `json:"directory"`
}

func read(t *testing.T, a lambdasim.Answer) (said answer) {
	t.Helper()
	if a.FunctionError != "" {
		t.Fatalf("%s", a.Payload)
	}
	if err := json.Unmarshal(a.Payload, &said); err != nil {
		t.Fatalf("%v: %s", err, a.Payload)
	}
	return said
}

// problem is what Lambda says of a failed invocation.
type problem struct {
	Type string `json:"errorType"`
	Text string `json:"errorMessage"`
}

func readProblem(t *testing.T, a lambdasim.Answer) (p problem) {
	t.Helper()
	if a.FunctionError != "Unhandled" {
		t.Fatalf("X-Amz-Function-Error is %q: %.300s", a.FunctionError, a.Payload)
	}
	if err := json.Unmarshal(a.Payload, &p); err != nil {
		t.Fatalf("%v: %s", err, a.Payload)
	}
	p.Text = strings.ReplaceAll(p.Text, a.RequestID, "ID")
	return p
}

func texts(f *lambdasim.Function) (all []string) {
	for _, line := range f.Options().Logs.Tail(1000) {
		all = append(all, line.Text)
	}
	return all
}

// gone waits until a process has ended.
func gone(t *testing.T, pid int) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); syscall.Kill(pid, 0) == nil; time.Sleep(time.Millisecond) {
		stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if _, state, _ := strings.Cut(string(stat), ") "); strings.HasPrefix(state, "Z") {
			return // whoever inherited it has not waited for it yet: it is not ours any more
		}
		if time.Now().After(end) {
			t.Fatalf("process %d runs still", pid)
		}
	}
}

func TestAnInvocationIsWhatLambdaWouldMakeOfIt(t *testing.T) {
	t.Setenv("DEVELOPER_SECRET", "leaks")
	f := start(t, func(o *lambdasim.Options) {
		o.Name, o.Version, o.Alias, o.Memory, o.Timeout = "fraud", "3", "live", 1024, 5*time.Second
		o.Variables = map[string]string{"BESRA_LOG_LEVEL": "warn", "TZ": "Europe/Paris"}
	})
	a, err := f.Invoke(t.Context(), lambdasim.Invocation{
		Payload: []byte(`{"echo":[1]}`), ClientContext: `{"client":{"app_title":"till"}}`, Tail: true,
		TraceHeader: "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1",
	})
	if err != nil {
		t.Fatal(err)
	}
	said := read(t, a)
	if a.Kind != scaling.Cold || a.Init <= 0 || a.Version != "3" {
		t.Errorf("%+v", a)
	}
	if said.RequestID != a.RequestID || said.ARN != "arn:aws:lambda:us-east-1:123456789012:function:fraud:live" || said.Client != "till" {
		t.Errorf("%+v", said)
	}
	if said.Deadline < 4000 || said.Deadline > 5000 {
		t.Errorf("%d ms are left of 5 s", said.Deadline)
	}
	if said.Trace != "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1" {
		t.Errorf("trace header %s", said.Trace)
	}
	if said.Directory != filepath.Dir(probe) {
		t.Errorf("it runs in %s", said.Directory)
	}
	got := map[string]string{}
	for _, v := range said.Variables {
		name, value, _ := strings.Cut(v, "=")
		got[name] = value
	}
	stream := regexp.MustCompile(`^\d{4}/\d\d/\d\d/\[3\][0-9a-f]{32}$`)
	if !stream.MatchString(got["AWS_LAMBDA_LOG_STREAM_NAME"]) {
		t.Errorf("log stream %s", got["AWS_LAMBDA_LOG_STREAM_NAME"])
	}
	if !strings.HasPrefix(got["AWS_LAMBDA_RUNTIME_API"], "127.0.0.1:") || !strings.HasPrefix(got["TMPDIR"], f.Options().TempDir) {
		t.Errorf("%v", got)
	}
	for _, name := range []string{"AWS_LAMBDA_LOG_STREAM_NAME", "AWS_LAMBDA_RUNTIME_API", "TMPDIR", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ACCESS_KEY_ID", "LD_LIBRARY_PATH", "_X_AMZN_TRACE_ID"} {
		if got[name] == "" {
			t.Errorf("no %s", name)
		}
		delete(got, name)
	}
	want := map[string]string{
		"_HANDLER": "bootstrap", "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1", "AWS_LAMBDA_FUNCTION_NAME": "fraud",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024", "AWS_LAMBDA_FUNCTION_VERSION": "3", "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
		"AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/fraud", "AWS_LAMBDA_LOG_FORMAT": "Text", "LAMBDA_TASK_ROOT": filepath.Dir(probe),
		"LAMBDA_RUNTIME_DIR": "/var/runtime", "LANG": "en_US.UTF-8", "PATH": "/usr/local/bin:/usr/bin/:/bin:/opt/bin", "TZ": "Europe/Paris",
		"BESRA_LOG_LEVEL": "warn",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("variables (- want, + got):\n%s", diff)
	}
	log := strings.Split(strings.TrimSpace(string(a.Log)), "\n")
	for i, want := range []string{
		`^INIT_START Runtime Version: provided:al2023`,
		`^START RequestId: ` + a.RequestID + ` Version: 3$`,
		`^END RequestId: ` + a.RequestID + `$`,
		`^REPORT RequestId: ` + a.RequestID + "\tDuration: \\d+\\.\\d\\d ms\tBilled Duration: \\d+ ms\tMemory Size: 1024 MB\tMax Memory Used: [1-9]\\d* MB\tInit Duration: \\d+\\.\\d\\d ms\t$",
		`^XRAY TraceId: 1-5bef4de7-ad49b0e87f6ef6c87fc2e700`,
	} {
		if i >= len(log) || !regexp.MustCompile(want).MatchString(log[i]) {
			t.Errorf("line %d of the log is no %s:\n%s", i, want, a.Log)
		}
	}
	for i := 2; i < 6; i++ { // one after another they have one environment, however busy the machine
		a := invoke(t, f, `{"print":["hello","world"],"echo":"x"}`)
		if said := read(t, a); said.Count != i || said.Echo != "x" || a.Kind != scaling.Warm || a.Init != 0 {
			t.Errorf("%d: %+v", i, said)
		}
	}
	end := texts(f)
	end = end[len(end)-5:]
	if end[1] != "hello" || end[2] != "world" || !strings.HasPrefix(end[3], "END") || strings.Contains(end[4], "Init") {
		t.Errorf("%q", end)
	}
	s := f.Status()
	if len(s.Environments) != 1 || s.Environments[0].Served != 5 || s.Environments[0].State != "idle" || s.InFlight != 0 {
		t.Errorf("%+v", s)
	}
}

func TestWithoutATracingDecisionLambdaMakesOneIfTold(t *testing.T) {
	for name, c := range map[string]struct {
		active     bool
		came, want string
	}{
		"passing through": {false, "", `^Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0$`},
		"active":          {true, "", `^Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=1$`},
		"not sampled":     {true, "Root=1-67891233-abcdef012345678912345678;Sampled=0", `^Root=1-67891233-abcdef012345678912345678;Parent=[0-9a-f]{16};Sampled=0$`},
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, func(o *lambdasim.Options) { o.Traced = c.active })
			a, err := f.Invoke(t.Context(), lambdasim.Invocation{TraceHeader: c.came})
			if err != nil {
				t.Fatal(err)
			}
			if got := read(t, a).Trace; !regexp.MustCompile(c.want).MatchString(got) {
				t.Errorf("%s", got)
			}
		})
	}
}

func TestWhatAFunctionDoesWrong(t *testing.T) {
	for name, c := range map[string]struct {
		payload string
		want    problem
		log     string // a line
		count   int    // what the next request is to the environment
	}{
		"it fails":              {`{"fail":"no such model"}`, problem{"errorString", "no such model"}, "", 3},
		"it panics":             {`{"panic":"at the disco"}`, problem{"string", "at the disco"}, "", 1},
		"it ends":               {`{"exit":3}`, problem{"Runtime.ExitError", "RequestId: ID Error: Runtime exited with error: exit status 3"}, "Runtime.ExitError", 1},
		"it ends well":          {`{"exit":0}`, problem{"Runtime.ExitError", "RequestId: ID Error: Runtime exited without providing a reason"}, "Runtime.ExitError", 1},
		"it takes too long":     {`{"sleep":"1m"}`, problem{"Sandbox.Timedout", "RequestId: ID Error: Task timed out after 1.00 seconds"}, " Task timed out after 1.00 seconds", 1},
		"it answers too much":   {`{"bytes":7000000}`, problem{"Function.ResponseSizeTooLarge", "Response payload size exceeded maximum allowed payload size (6291556 bytes)."}, "", 1},
		"it cannot read events": {`[]`, problem{"UnmarshalTypeError", "json: cannot unmarshal array into Go value of type main.order"}, "", 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := start(t, func(o *lambdasim.Options) { o.Timeout = time.Second })
			invoke(t, f, `{}`)
			pid := f.Status().Environments[0].PID
			a := invoke(t, f, c.payload)
			if diff := cmp.Diff(c.want, readProblem(t, a)); diff != "" {
				t.Error(diff)
			}
			if !strings.Contains(strings.Join(texts(f), "\n"), c.log) {
				t.Errorf("no %q in the log", c.log)
			}
			if c.count == 1 {
				gone(t, pid)
			}
			if next := invoke(t, f, `{}`); read(t, next).Count != c.count || (next.Kind == scaling.Cold) != (c.count == 1) {
				t.Errorf("the next has a %v environment, and is its request %d", next.Kind, read(t, next).Count)
			}
		})
	}
}

func TestAnswersOfSixMegabytesPass(t *testing.T) {
	f := start(t, nil)
	for _, n := range []int{6 << 20, lambdasim.MaxAnswer} {
		if a := invoke(t, f, fmt.Sprintf(`{"bytes":%d}`, n)); a.FunctionError != "" || len(a.Payload) != n {
			t.Errorf("%d bytes: %s, %d", n, a.FunctionError, len(a.Payload))
		}
	}
	request := `{"other":"` + strings.Repeat("x", 6<<20-len(`{"other":""}`)) + `"}`
	if a := invoke(t, f, request); a.FunctionError != "" {
		t.Errorf("%.300s", a.Payload)
	}
	_, err := f.Invoke(t.Context(), lambdasim.Invocation{Payload: []byte(request + " ")})
	if !errors.Is(err, lambdasim.ErrRequestTooLarge) {
		t.Errorf("a request of more: %v", err)
	}
	if _, err := f.Invoke(t.Context(), lambdasim.Invocation{Payload: []byte("{")}); !errors.Is(err, lambdasim.ErrNotJSON) {
		t.Errorf("no JSON: %v", err)
	}
}

func TestInit(t *testing.T) {
	with := func(mode string, limit time.Duration) func(*lambdasim.Options) {
		return func(o *lambdasim.Options) {
			o.Variables, o.InitLimit, o.Timeout = map[string]string{"PROBE_INIT": mode}, limit, time.Second
		}
	}
	t.Run("is measured", func(t *testing.T) {
		f := start(t, with("sleep 200ms", 0))
		if a := invoke(t, f, `{}`); a.Init < 200*time.Millisecond {
			t.Errorf("%v", a.Init)
		}
	})
	t.Run("waits for a place first, which is no part of it", func(t *testing.T) {
		f := start(t, func(o *lambdasim.Options) { o.Placement = 300 * time.Millisecond })
		begun := time.Now()
		if a := invoke(t, f, `{}`); time.Since(begun)-a.Init < 300*time.Millisecond {
			t.Errorf("%v of %v", a.Init, time.Since(begun))
		}
	})
	t.Run("that fails is tried again", func(t *testing.T) {
		f := start(t, with("once", 0))
		a := invoke(t, f, `{}`)
		if read(t, a).Count != 1 || a.Init != 0 {
			t.Errorf("%+v", a)
		}
		if got := strings.Join(texts(f), "\n"); !regexp.MustCompile(`INIT_REPORT Init Duration: [0-9.]+ ms\tPhase: init\tStatus: error\tError Type: Runtime.ExitError`).MatchString(got) {
			t.Errorf("%s", got)
		}
		if again := invoke(t, f, `{}`); again.Kind != scaling.Warm {
			t.Errorf("%v", again.Kind)
		}
	})
	t.Run("comes again when the process has ended by itself in between", func(t *testing.T) {
		f := start(t, nil)
		invoke(t, f, `{"leave":"100ms"}`)
		pid := f.Status().Environments[0].PID
		gone(t, pid)
		time.Sleep(50 * time.Millisecond) // until that is noticed
		if a := invoke(t, f, `{}`); read(t, a).Count != 1 || a.Kind != scaling.Warm {
			t.Errorf("%+v", a)
		}
	})
	t.Run("that always fails is the function's error", func(t *testing.T) {
		f := start(t, with("exit", 0))
		a := invoke(t, f, `{}`)
		if diff := cmp.Diff(problem{"Runtime.ExitError", "RequestId: ID Error: Runtime exited with error: exit status 7"}, readProblem(t, a)); diff != "" {
			t.Error(diff)
		}
		if got := strings.Join(texts(f), "\n"); strings.Count(got, "cannot start") != 2 || strings.Count(got, "INIT_REPORT") != 2 || !strings.Contains(got, "Phase: invoke") {
			t.Errorf("%s", got)
		}
		if again := invoke(t, f, `{}`); again.Kind != scaling.Cold {
			t.Errorf("%v", again.Kind)
		}
	})
	t.Run("says why it fails", func(t *testing.T) {
		f := start(t, with("refuse", 0))
		if diff := cmp.Diff(problem{"Bundle.Missing", "no model"}, readProblem(t, invoke(t, f, `{}`))); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("has its limit, and the function's timeout after that", func(t *testing.T) {
		f := start(t, with("hang", 300*time.Millisecond))
		begun := time.Now()
		if diff := cmp.Diff(problem{"Sandbox.Timedout", "RequestId: ID Error: Task timed out after 1.00 seconds"}, readProblem(t, invoke(t, f, `{}`))); diff != "" {
			t.Error(diff)
		}
		if took := time.Since(begun); took < 1300*time.Millisecond {
			t.Errorf("%v", took)
		}
		if got := strings.Join(texts(f), "\n"); !strings.Contains(got, "Phase: init\tStatus: timeout") {
			t.Errorf("%s", got)
		}
	})
	t.Run("of what is no program", func(t *testing.T) {
		root := t.TempDir()
		if err := os.WriteFile(root+"/bootstrap", []byte("no program"), 0o600); err != nil {
			t.Fatal(err)
		}
		f := start(t, func(o *lambdasim.Options) { o.Bootstrap = root + "/bootstrap" })
		if p := readProblem(t, invoke(t, f, `{}`)); p.Type != "Runtime.InvalidEntrypoint" {
			t.Errorf("%+v", p)
		}
	})
	t.Run("of provisioned environments fails the start", func(t *testing.T) {
		o := lambdasim.Options{Bootstrap: probe, TempDir: t.TempDir(), Variables: map[string]string{"PROBE_INIT": "exit"}, Limits: scaling.Limits{Provisioned: 2}}
		f, err := lambdasim.New(o)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := f.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "exit status 7") {
			t.Errorf("%v", err)
		}
	})
}

func TestTheEndOfAnEnvironment(t *testing.T) {
	for name, c := range map[string]struct {
		sigterm     string
		said        bool
		least, most time.Duration
	}{
		"comes at once":                               {"", false, 0, 400 * time.Millisecond},
		"is announced to who has asked for it":        {"say", true, 0, 400 * time.Millisecond},
		"comes after half a second to who ignores it": {"ignore", true, 500 * time.Millisecond, 3 * time.Second},
	} {
		for _, freeze := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, frozen %v", name, freeze), func(t *testing.T) {
				f := start(t, func(o *lambdasim.Options) {
					o.Variables, o.Freeze = map[string]string{"PROBE_SIGTERM": c.sigterm}, freeze
				})
				invoke(t, f, `{}`)
				pid := f.Status().Environments[0].PID
				begun := time.Now()
				f.Close()
				if took := time.Since(begun); took < c.least || took > c.most {
					t.Errorf("it took %v", took)
				}
				gone(t, pid)
				if got := strings.Contains(strings.Join(texts(f), "\n"), "SIGTERM came"); got != c.said {
					t.Errorf("SIGTERM came: %v", got)
				}
			})
		}
	}
	t.Run("is the end of its children", func(t *testing.T) {
		f := start(t, nil)
		var child struct {
			PID int `json:"pid"`
		}
		if err := json.Unmarshal(invoke(t, f, `{"spawn":true}`).Payload, &child); err != nil || child.PID == 0 {
			t.Fatal(err)
		}
		f.Close()
		gone(t, child.PID)
	})
	t.Run("comes when it was idle for long", func(t *testing.T) {
		f := start(t, func(o *lambdasim.Options) {
			o.Limits = scaling.Defaults()
			o.Limits.Idle = 200 * time.Millisecond
		})
		invoke(t, f, `{}`)
		pid := f.Status().Environments[0].PID
		gone(t, pid)
		if a := invoke(t, f, `{}`); a.Kind != scaling.Cold {
			t.Errorf("%v", a.Kind)
		}
	})
	t.Run("comes to what it serves, too", func(t *testing.T) {
		f := start(t, nil)
		invoke(t, f, `{}`)
		answers := make(chan lambdasim.Answer, 1)
		go func() {
			a, _ := f.Invoke(context.Background(), lambdasim.Invocation{Payload: []byte(`{"sleep":"1m"}`)})
			answers <- a
		}()
		for f.Status().InFlight == 0 {
			time.Sleep(time.Millisecond)
		}
		f.Close()
		if a := <-answers; a.FunctionError == "" {
			t.Errorf("%s", a.Payload)
		}
		if _, err := f.Invoke(t.Context(), lambdasim.Invocation{}); !errors.Is(err, lambdasim.ErrClosed) {
			t.Errorf("%v", err)
		}
	})
}

func TestAFrozenEnvironmentDoesNothing(t *testing.T) {
	ticks := func(freeze bool) int {
		f := start(t, func(o *lambdasim.Options) { o.Freeze = freeze })
		before := read(t, invoke(t, f, `{}`)).Ticks
		if got := f.Status().Environments[0].Frozen; got != freeze {
			t.Errorf("frozen: %v", got)
		}
		time.Sleep(500 * time.Millisecond)
		return read(t, invoke(t, f, `{}`)).Ticks - before
	}
	if running, frozen := ticks(false), ticks(true); running < 50 || frozen > running/3 {
		t.Errorf("in half a second the one that runs does %d, the frozen one %d", running, frozen)
	}
}

func TestPlacement(t *testing.T) {
	t.Run("a request in flight has its environment alone", func(t *testing.T) {
		f := start(t, nil)
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() { invoke(t, f, `{"sleep":"700ms"}`) })
		}
		all.Wait()
		s := f.Status()
		if len(s.Environments) != 4 || s.Started[scaling.Cold] != 4 || s.Most != 4 {
			t.Errorf("%+v", s)
		}
		for _, e := range s.Environments {
			if e.Served != 1 {
				t.Errorf("%+v", e)
			}
		}
	})
	t.Run("what is beyond the quota is throttled", func(t *testing.T) {
		f := start(t, func(o *lambdasim.Options) { o.Limits = scaling.Limits{Concurrency: 2} })
		var all sync.WaitGroup
		errs := make(chan error, 5)
		for range 5 {
			all.Go(func() {
				_, err := f.Invoke(t.Context(), lambdasim.Invocation{Payload: []byte(`{"sleep":"1s"}`)})
				errs <- err
			})
		}
		all.Wait()
		close(errs)
		throttled := 0
		for err := range errs {
			if errors.Is(err, scaling.OverConcurrency) {
				throttled++
			} else if err != nil {
				t.Error(err)
			}
		}
		if throttled != 3 || f.Status().Throttled[scaling.OverConcurrency] != 3 {
			t.Errorf("%d are throttled", throttled)
		}
		if s, _ := f.Options().Metrics.Get("AWS/Lambda", "Throttles", lambdasim.Dimension{Name: "FunctionName", Value: "besra"}); s.Sum != 3 {
			t.Errorf("%+v", s)
		}
	})
	t.Run("provisioned environments are ready, and replaced when they break", func(t *testing.T) {
		f := start(t, func(o *lambdasim.Options) { o.Limits = scaling.Limits{Provisioned: 1} })
		a := invoke(t, f, `{}`)
		if a.Kind != scaling.Provisioned || a.Init != 0 || a.Version != "1" {
			t.Errorf("%+v", a)
		}
		if said := strings.Join(read(t, a).Variables, " "); !strings.Contains(said, "AWS_LAMBDA_INITIALIZATION_TYPE=provisioned-concurrency") {
			t.Errorf("%s", said)
		}
		invoke(t, f, `{"exit":1}`)
		for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
			if s := f.Status(); len(s.Environments) == 1 && s.Environments[0].State == "idle" {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("%+v", f.Status())
			}
		}
		time.Sleep(10 * time.Millisecond)
		if a := invoke(t, f, `{}`); a.Kind != scaling.Provisioned || read(t, a).Count != 1 {
			t.Errorf("%+v", a)
		}
	})
	t.Run("an environment may serve several at once", func(t *testing.T) {
		f := start(t, func(o *lambdasim.Options) { o.Concurrency = 4 })
		if said := read(t, invoke(t, f, `{}`)); !strings.Contains(strings.Join(said.Variables, " "), "AWS_LAMBDA_MAX_CONCURRENCY=4") {
			t.Errorf("%v", said.Variables)
		}
		var all sync.WaitGroup
		begun := time.Now()
		for range 4 {
			all.Go(func() { invoke(t, f, `{"sleep":"500ms"}`) })
		}
		all.Wait()
		if took := time.Since(begun); took > 1500*time.Millisecond || len(f.Status().Environments) != 1 {
			t.Errorf("%v, %d environments", took, len(f.Status().Environments))
		}
	})
}

func TestUnderLoadEverythingIsAnsweredOnce(t *testing.T) {
	f := start(t, func(o *lambdasim.Options) { o.Freeze = true })
	var all sync.WaitGroup
	const clients, each = 8, 100
	for c := range clients {
		all.Go(func() {
			for i := range each {
				want := fmt.Sprintf("%d/%d", c, i)
				if got := read(t, invoke(t, f, fmt.Sprintf(`{"echo":%q,"print":[%q]}`, want, want))); got.Echo != want {
					t.Errorf("%v instead of %s", got.Echo, want)
				}
			}
		})
	}
	all.Wait()
	s := f.Status()
	served := 0
	for _, e := range s.Environments {
		served += e.Served
	}
	if served != clients*each || s.Most > clients || s.InFlight != 0 {
		t.Errorf("%d served by %d environments, %d in flight", served, s.Most, s.InFlight)
	}
	var open string // between START and END of a stream stands only what that request printed
	streams := map[string][]string{}
	for _, line := range f.Options().Logs.Tail(100_000) {
		streams[line.Stream] = append(streams[line.Stream], line.Text)
	}
	for _, lines := range streams {
		for _, text := range lines {
			switch word, _, _ := strings.Cut(text, " "); {
			case word == "START", word == "END":
				if (word == "START") != (open == "") && open != "printed" {
					t.Fatalf("%s after %q", text, open)
				}
				open = map[string]string{"START": "start", "END": ""}[word]
			case regexp.MustCompile(`^\d+/\d+$`).MatchString(text):
				if open != "start" {
					t.Fatalf("%s stands outside of its request", text)
				}
				open = "printed"
			}
		}
	}
}

func TestACallerWhoLeavesDoesNotEndWhatRuns(t *testing.T) {
	f := start(t, nil)
	invoke(t, f, `{}`)
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan error)
	go func() {
		_, err := f.Invoke(ctx, lambdasim.Invocation{Payload: []byte(`{"sleep":"300ms"}`)})
		left <- err
	}()
	for f.Status().InFlight == 0 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	for f.Status().InFlight > 0 {
		time.Sleep(time.Millisecond)
	}
	if got := read(t, invoke(t, f, `{}`)).Count; got != 3 {
		t.Errorf("the environment has served %d", got)
	}
}

func TestJSONLogs(t *testing.T) {
	f := start(t, func(o *lambdasim.Options) { o.JSONLogs = true })
	invoke(t, f, `{"print":["{\"level\":\"INFO\"}"]}`)
	var kinds []string
	for _, text := range texts(f) {
		var line struct {
			Time, Type, Level string
			Record            struct {
				RequestID string `json:"requestId"`
				Status    string
				Metrics   map[string]float64
			}
		}
		if err := json.Unmarshal([]byte(text), &line, json.MatchCaseInsensitiveNames(true)); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		if kinds = append(kinds, line.Type+line.Level); line.Type == "platform.report" && (line.Record.Status != "success" || line.Record.Metrics["initDurationMs"] <= 0 || line.Record.Metrics["billedDurationMs"] <= 0) {
			t.Errorf("%s", text)
		}
	}
	if diff := cmp.Diff([]string{"platform.initStart", "platform.start", "INFO", "platform.report"}, kinds); diff != "" {
		t.Error(diff)
	}
}

func TestWrongOptionsAreRefused(t *testing.T) {
	for want, change := range map[string]func(*lambdasim.Options){
		"AWS_REGION is a variable that Lambda sets": func(o *lambdasim.Options) { o.Variables = map[string]string{"AWS_REGION": "x"} },
		"not for $LATEST":         func(o *lambdasim.Options) { o.Version, o.Limits = "$LATEST", scaling.Limits{Provisioned: 1} },
		"Lambda has 128 to 10240": func(o *lambdasim.Options) { o.Memory = 64 },
		"Lambda has up to 15m0s":  func(o *lambdasim.Options) { o.Timeout = time.Hour },
		"never frozen":            func(o *lambdasim.Options) { o.Freeze, o.Concurrency = true, 2 },
		"Lambda takes 4096":       func(o *lambdasim.Options) { o.Variables = map[string]string{"A": strings.Repeat("a", 4096)} },
		"no bootstrap":            func(o *lambdasim.Options) { o.Bootstrap = "" },
		"is no directory":         func(o *lambdasim.Options) { o.TaskRoot = "/no/such" },
		"is above the":            func(o *lambdasim.Options) { o.Limits = scaling.Limits{Concurrency: 1, Provisioned: 2} },
	} {
		o := lambdasim.Options{Bootstrap: probe}
		change(&o)
		if f, err := lambdasim.New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
			if f != nil {
				f.Close()
			}
		}
	}
}
