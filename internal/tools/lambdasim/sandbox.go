package lambdasim

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"
)

// A sandbox is a process of the bootstrap and the Runtime API that it talks to, which nobody else does. It is over when
// the process has ended.
type sandbox struct {
	process *process
	server  *http.Server
	served  chan struct{} // closed when the server has ended
	slots   int

	calls   chan *call    // to whoever asks for the next
	ready   chan struct{} // closed when INIT is over
	refused chan struct{} // closed when the function says that INIT has failed

	mu         sync.Mutex
	waiting    int // of the runtime: it asks for the next
	initialed  bool
	initError  *failure
	flight     map[string]*call // not over
	extensions map[string]*extension
}

// A call is an invocation inside a sandbox.
type call struct {
	id         string
	invocation *Invocation
	trace      string
	arn        string
	deadline   time.Time

	answered chan struct{} // closed when there is payload or failure
	over     chan struct{} // closed when the function is ready for the next
	payload  []byte
	failure  *failure
	said     bool // answered is closed
}

func newCall(id string, in *Invocation) *call {
	return &call{id: id, invocation: in, answered: make(chan struct{}), over: make(chan struct{})}
}

// startSandbox starts a process. The variables are asked for once the address of the API is known.
func startSandbox(e *environment) (*sandbox, error) {
	o := &e.function.options
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &sandbox{
		served: make(chan struct{}), slots: o.slots(), calls: make(chan *call), ready: make(chan struct{}), refused: make(chan struct{}),
		flight: map[string]*call{}, extensions: map[string]*extension{},
	}
	s.server = &http.Server{Handler: s.routes(), ErrorLog: log.New(io.Discard, "", 0)}
	go func() {
		defer close(s.served)
		_ = s.server.Serve(l) // ends with stop
	}()
	s.process, err = startProcess(o.Bootstrap, o.TaskRoot, e.variables(l.Addr().String()), e.line)
	if err != nil {
		s.closeAPI()
		return nil, fmt.Errorf("start the bootstrap: %w", err)
	}
	return s, nil
}

func (s *sandbox) closeAPI() {
	_ = s.server.Close()
	<-s.served
}

// What Lambda leaves an environment to end by itself (runtimes-extensions-api.html, shutdown phase). External extensions,
// for which it is 2 s, are not simulated.
const shutdownInternal = 500 * time.Millisecond

// stop ends the process: at once, unless it has registered an extension, which asks for SIGTERM and a moment.
func (s *sandbox) stop() {
	s.mu.Lock()
	polite := len(s.extensions) > 0
	s.mu.Unlock()
	s.process.thaw()
	if polite {
		s.process.terminate()
		late := time.NewTimer(shutdownInternal)
		defer late.Stop()
		select {
		case <-s.process.exited:
		case <-late.C:
		}
	}
	s.process.kill()
	<-s.process.exited
	s.closeAPI()
}

// settle notes that the runtime or an extension waits: when all do, INIT is over, and so is each call that was answered.
// The lock is held.
func (s *sandbox) settle() {
	if s.waiting == 0 {
		return
	}
	for _, x := range s.extensions {
		if !x.waiting {
			return
		}
	}
	if !s.initialed {
		s.initialed = true
		close(s.ready)
	}
	for _, c := range s.flight {
		if c.said {
			s.finish(c)
		}
	}
}

func (s *sandbox) finish(c *call) {
	delete(s.flight, c.id)
	close(c.over)
}

// enter hands a call to the runtime; false: the process ended, or the time came, before it asked.
func (s *sandbox) enter(ctx context.Context, c *call, late <-chan time.Time) bool {
	if s.ended() {
		return false
	}
	s.mu.Lock()
	s.flight[c.id] = c
	s.mu.Unlock()
	select {
	case s.calls <- c:
		return true
	case <-s.process.exited:
	case <-late:
	case <-ctx.Done():
	}
	return s.settled(c)
}

// settled reports whether c was answered. If it was not it is forgotten: it comes to nothing from now on.
func (s *sandbox) settled(c *call) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !c.said {
		delete(s.flight, c.id)
	}
	return c.said
}

// answer settles what a call comes to; false: it was settled before, or is not known.
func (s *sandbox) answer(id string, payload []byte, f *failure) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.flight[id]
	if c == nil || c.said {
		return false
	}
	c.payload, c.failure, c.said = payload, f, true
	close(c.answered)
	if s.slots > 1 { // which of its threads asks for the next cannot be told
		s.finish(c)
	}
	return true
}
