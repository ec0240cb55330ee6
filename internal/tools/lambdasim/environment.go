package lambdasim

import (
	"bytes"
	"context"
	"os"
	"sync"
	"time"
)

// An environment is where requests run: a place for /tmp, a log stream, and a sandbox. It is used by whoever the
// function has given it to.
type environment struct {
	function    *Function
	number      int
	provisioned bool
	stream      string
	tmp         string
	made        time.Time

	sandbox *sandbox // nil: INIT has not begun, or has failed

	requests int  // that it serves; the function's lock is held
	open     bool // it takes more, where environments serve several at once; likewise
	broken   bool // it takes no more; likewise

	mu     sync.Mutex // of what follows
	served int
	used   int64         // bytes of memory, at most
	frozen bool          // the process is stopped
	since  time.Time     // it serves nothing
	tail   *bytes.Buffer // what the current invocation has printed, if somebody asks
	state  string        // initialising, busy, idle, ended
	pid    int           // 0: nothing runs
	took   time.Duration // INIT
}

func newEnvironment(f *Function, number int, provisioned bool) (*environment, error) {
	tmp, err := os.MkdirTemp(f.options.TempDir, "besra-lambda-")
	if err != nil {
		return nil, err
	}
	now := time.Now()
	return &environment{
		function: f, number: number, provisioned: provisioned, tmp: tmp, made: now, since: now, state: "initialising",
		stream: now.UTC().Format("2006/01/02/") + "[" + f.options.Version + "]" + newHex(16),
	}, nil
}

// line takes a line that the process has printed.
func (e *environment) line(text []byte) {
	e.function.options.Metrics.read(text, time.Now())
	e.write(Line{time.Now(), e.stream, string(text)})
}

func (e *environment) write(line Line) {
	e.function.options.Logs.add(line)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.tail != nil {
		e.tail.WriteString(line.Text)
		e.tail.WriteByte('\n')
	}
}

func (e *environment) platform() platform {
	return platform{json: e.function.options.JSONLogs, write: func(text string) { e.write(Line{time.Now(), e.stream, text}) }}
}

// kind is how it was initialised, in Lambda's words.
func (e *environment) kind() string {
	if e.provisioned {
		return "provisioned-concurrency"
	}
	return "on-demand"
}

// initialise runs INIT, which has so much time. When it fails nothing of it runs any more. phase is init, or invoke if it
// is repeated while a request is served.
func (e *environment) initialise(ctx context.Context, phase string, limit time.Duration) *failure {
	log := e.platform()
	log.initStart(phase, e.kind())
	begun := time.Now()
	s, err := startSandbox(e)
	if err != nil {
		f := &failure{kind: "Runtime.InvalidEntrypoint", text: err.Error()}
		log.initFailed(phase, e.kind(), "error", f.kind, time.Since(begun))
		return f
	}
	late := time.NewTimer(limit)
	defer late.Stop()
	var f *failure
	status := "error"
	select {
	case <-s.ready:
		e.initialised(s, time.Since(begun))
		return nil
	case <-s.refused:
		f = s.initError
	case <-s.process.exited:
		if f = crashed(s.process); s.isRefused() { // by a process that ends at once
			f = s.initError
		}
	case <-late.C:
		f, status = outOfTime(limit), "timeout"
	case <-ctx.Done():
		f = &failure{kind: exitError, text: ErrClosed.Error()}
	}
	s.stop()
	kind := f.kind
	if status == "timeout" {
		kind = ""
	}
	log.initFailed(phase, e.kind(), status, kind, time.Since(begun))
	return f
}

func (e *environment) initialised(s *sandbox, took time.Duration) {
	e.sandbox = s
	e.mu.Lock()
	defer e.mu.Unlock()
	e.pid, e.took = s.process.os.Pid, took
}

// ended reports whether the process has ended.
func (s *sandbox) ended() bool {
	select {
	case <-s.process.exited:
		return true
	default:
		return false
	}
}

func (s *sandbox) isRefused() bool {
	select {
	case <-s.refused:
		return true
	default:
		return false
	}
}

// end ends what runs, and takes /tmp away.
func (e *environment) end() error {
	if e.sandbox != nil {
		e.sandbox.stop()
	}
	e.mu.Lock()
	e.state, e.pid = "ended", 0
	e.mu.Unlock()
	return os.RemoveAll(e.tmp)
}

func (e *environment) set(state string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.state, e.since = state, time.Now()
}

// thaw lets the process run; rest stops it, where environments are frozen.
func (e *environment) thaw() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.frozen {
		e.sandbox.process.thaw()
	}
	e.frozen = false
}

func (e *environment) rest() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.state, e.since = "idle", time.Now()
	if e.function.options.Freeze && !e.frozen {
		e.sandbox.process.freeze()
		e.frozen = true
	}
}
