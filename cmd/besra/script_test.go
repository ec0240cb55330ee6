package main

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"besra": main})
}

// TestScripts runs testdata/*.txtar. There $CASES is the folder of the parity cases, $DEMO the demo's bundle, and $BOOTSTRAPS
// has a program for each architecture of Lambda's.
func TestScripts(t *testing.T) {
	cases, err := filepath.Abs(filepath.Join("..", "..", "testdata", "xgboost"))
	if err != nil {
		t.Fatal(err)
	}
	demo, err := filepath.Abs(filepath.Join("..", "..", "models", "fraud", "1"))
	if err != nil {
		t.Fatal(err)
	}
	programs := bootstraps(t)
	files, err := filepath.Glob(filepath.Join("testdata", "*.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Files: slices.DeleteFunc(files, func(file string) bool {
			// Learning weeks of payments, and packing megabytes, takes minutes under the race detector, and shows it nothing
			// that other tests do not.
			return raceDetector && (strings.HasPrefix(filepath.Base(file), "demo") || filepath.Base(file) == "aws-package.txtar")
		}),
		Deadline: time.Now().Add(4 * time.Minute), // a server that should have been refused serves on
		Setup: func(e *testscript.Env) error {
			e.Setenv("CASES", cases)
			e.Setenv("DEMO", demo)
			e.Setenv("BOOTSTRAPS", programs)
			e.Values[backgroundKey{}] = new(background)
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits": exits, "replace": replace, "start": start, "end": end, "ask": ask, "until": until, "address": adminIs,
			"pack": pack,
		},
	})
}

// exits runs a program and checks its exit code and that a failure is told in one line: exits 1 besra ….
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARGS…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	code := 0
	var exit *exec.ExitError
	switch err := ts.Exec(args[1], args[2:]...); {
	case errors.As(err, &exit):
		code = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if code != want {
		ts.Fatalf("exit code %d, want %d", code, want)
	}
	if text := ts.ReadFile("stderr"); want != 0 && strings.Count(text, "\n") != 1 {
		ts.Fatalf("want one line on stderr, not %q", text)
	}
}

// replace changes a file: replace OLD NEW FILE.
func replace(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: replace OLD NEW FILE")
	}
	text := ts.ReadFile(args[2])
	if !strings.Contains(text, args[0]) {
		ts.Fatalf("%s has no %q", args[2], args[0])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(strings.ReplaceAll(text, args[0], args[1])), 0o644))
}

// pack packs a file: pack gzip|zstd FILE OUT.
func pack(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: pack gzip|zstd FILE OUT")
	}
	var b bytes.Buffer
	var w io.WriteCloser = gzip.NewWriter(&b)
	if args[0] == "zstd" {
		z, err := zstd.NewWriter(&b)
		ts.Check(err)
		w = z
	}
	_, err := io.WriteString(w, ts.ReadFile(args[1]))
	ts.Check(errors.Join(err, w.Close()))
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), b.Bytes(), 0o644))
}

// A background is a program that start has started.
type background struct {
	cmd    *exec.Cmd
	stdout string // file that holds what it wrote
	stderr string
	ended  chan error
}

// backgroundKey is where a script's Env keeps its background program.
type backgroundKey struct{}

// patience bounds every wait of a script.
const patience = 30 * time.Second

// address is how a program tells where it serves.
var address = regexp.MustCompile(`http://[][0-9.:]+`)

// adminAddress is how it tells where operators are served.
var adminAddress = regexp.MustCompile(`"admin":"http://([][0-9.:]+)"`)

// start starts a server, sets $URL and $ADDRESS when it says where it serves, and lets it run: start besra serve ….
// Its output goes to the files stdout.log and stderr.log.
func start(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: start PROGRAM ARGS…")
	}
	b := ts.Value(backgroundKey{}).(*background)
	if b.cmd != nil {
		ts.Fatalf("there is one already")
	}
	b.stdout, b.stderr, b.ended = ts.MkAbs("stdout.log"), ts.MkAbs("stderr.log"), make(chan error, 1)
	stdout, err := os.Create(b.stdout)
	ts.Check(err)
	stderr, err := os.Create(b.stderr)
	ts.Check(err)
	b.cmd = exec.Command(args[0], args[1:]...)
	b.cmd.Dir, b.cmd.Stdout, b.cmd.Stderr = ts.MkAbs("."), stdout, stderr
	ts.Check(b.cmd.Start())
	go func() {
		b.ended <- b.cmd.Wait()
		stdout.Close()
		stderr.Close()
	}()
	ts.Defer(func() {
		if b.cmd != nil {
			_ = b.cmd.Process.Kill()
			<-b.ended
			b.cmd = nil
		}
	})
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		for _, file := range []string{b.stdout, b.stderr} {
			if text := ts.ReadFile(file); address.MatchString(text) && strings.HasSuffix(text, "\n") {
				url := address.FindString(text)
				ts.Setenv("URL", url)
				ts.Setenv("ADDRESS", strings.TrimPrefix(url, "http://"))
				return
			}
		}
		select {
		case err := <-b.ended:
			b.cmd = nil
			ts.Fatalf("it ended with %v: %s", err, ts.ReadFile(b.stderr))
		default:
		}
	}
	ts.Fatalf("it does not say where it serves")
}

// end sends the server a signal and wants that exit code: end 0 INT. Without a signal it waits for the end.
func end(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: end CODE [INT|TERM]")
	}
	b := ts.Value(backgroundKey{}).(*background)
	if len(args) == 2 {
		ts.Check(b.cmd.Process.Signal(map[string]os.Signal{"INT": os.Interrupt, "TERM": syscall.SIGTERM}[args[1]]))
	}
	select {
	case <-b.ended:
	case <-time.After(patience):
		ts.Fatalf("it does not end")
	}
	code := b.cmd.ProcessState.ExitCode()
	b.cmd = nil
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s: %s", code, args[0], ts.ReadFile(b.stderr))
	}
}

// ask sends a request to $URL and prints the answer, its status first: ask POST /v1/score row.json.
func ask(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: ask METHOD PATH [BODY]")
	}
	var body io.Reader
	if len(args) == 3 {
		body = strings.NewReader(ts.ReadFile(args[2]))
	}
	r, err := http.NewRequest(args[0], ts.Getenv("URL")+args[1], body)
	ts.Check(err)
	r.Header.Set("Content-Type", "application/json")
	r.Close = true
	answer, err := http.DefaultClient.Do(r)
	ts.Check(err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	ts.Check(err)
	fmt.Fprintf(ts.Stdout(), "%d\n%s\n", answer.StatusCode, text)
}

// until waits for a file to be there: until PATTERN; or for a text in it: until PATTERN TEXT.
func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: until PATTERN [TEXT]")
	}
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		found, err := filepath.Glob(ts.MkAbs(args[0]))
		ts.Check(err)
		if len(found) > 0 && (len(args) == 1 || strings.Contains(ts.ReadFile(found[0]), args[1])) {
			return
		}
	}
	ts.Fatalf("waited in vain for %s", strings.Join(args, " "))
}

// adminIs sets $ADMIN to the address at which the server serves operators, once it has said so: address.
func adminIs(ts *testscript.TestScript, _ bool, _ []string) {
	listens := adminAddress.FindStringSubmatch(ts.ReadFile(ts.Value(backgroundKey{}).(*background).stderr))
	if listens == nil {
		ts.Fatalf("it does not say where it serves operators")
	}
	ts.Setenv("ADMIN", listens[1])
}
