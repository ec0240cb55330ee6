package lambdasim

import (
	"bytes"
	"os"
	"sync"
	"time"
)

// A process is one of the bootstrap, in a process group of its own.
type process struct {
	os     *os.Process
	output []*pipe
	exited chan struct{} // closed when it has ended and what it printed was read
	end    string        // how it ended, as systems say; "": well. Set before exited is closed

	mu   sync.Mutex
	gone bool // waited for: its number may be another's
}

// startProcess starts a bootstrap. Its lines go to line, one at a time and without their ends.
func startProcess(path, dir string, env []string, line func([]byte)) (*process, error) {
	nothing, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	defer nothing.Close()
	p := &process{exited: make(chan struct{})}
	files := []*os.File{nothing}
	line = oneAtATime(line)
	for range 2 { // stdout, stderr
		out, err := newPipe(&splitter{line: line})
		if err != nil {
			p.closeOutput()
			return nil, err
		}
		p.output, files = append(p.output, out), append(files, out.w)
	}
	p.os, err = os.StartProcess(path, []string{path}, &os.ProcAttr{Dir: dir, Env: env, Files: files, Sys: inOwnGroup()})
	if err != nil {
		p.closeOutput()
		return nil, err
	}
	for _, out := range p.output {
		_ = out.w.Close() // the process has its own
	}
	go p.wait()
	return p, nil
}

func (p *process) closeOutput() {
	for _, out := range p.output {
		_ = out.w.Close()
		out.close()
	}
}

// wait ends what is left of the group with its first process: nothing of an environment outlives its runtime.
func (p *process) wait() {
	defer close(p.exited)
	var read sync.WaitGroup
	for _, out := range p.output {
		read.Go(out.follow)
	}
	state, err := p.os.Wait()
	switch {
	case err != nil:
		p.end = err.Error()
	case !state.Success():
		p.end = state.String()
	}
	p.kill()
	p.mu.Lock()
	p.gone = true
	p.mu.Unlock()
	for _, out := range p.output {
		out.hurry() // who has left the group may still hold the other end
	}
	read.Wait()
}

// lastWords is how long a pipe is read after the end of its process.
const lastWords = time.Second

func hurry(f *os.File) { _ = f.SetReadDeadline(time.Now().Add(lastWords)) } // where that cannot be, pipes end by themselves

// drain reads what the process has printed so far.
func (p *process) drain() {
	for _, out := range p.output {
		out.drain()
	}
}

// how tells how it ended, in Lambda's words.
func (p *process) how() string {
	if p.end == "" {
		return "Runtime exited without providing a reason"
	}
	return "Runtime exited with error: " + p.end
}

func oneAtATime(line func([]byte)) func([]byte) {
	var mu sync.Mutex
	return func(b []byte) {
		mu.Lock()
		defer mu.Unlock()
		line(b)
	}
}

// maxLine is the most bytes of a line: what CloudWatch Logs takes as one event. What is longer becomes several.
const maxLine = 1 << 20

// A splitter makes lines of what is written to it.
type splitter struct {
	line func([]byte)
	rest []byte
}

func (s *splitter) Write(b []byte) {
	for len(b) > 0 {
		end := bytes.IndexByte(b, '\n')
		whole := end >= 0
		if !whole {
			end = len(b)
		}
		s.rest = append(s.rest, b[:end]...)
		for len(s.rest) > maxLine {
			s.line(s.rest[:maxLine])
			s.rest = append(s.rest[:0], s.rest[maxLine:]...)
		}
		if !whole {
			return
		}
		s.flush()
		b = b[end+1:]
	}
}

// flush ends the line that has no end yet.
func (s *splitter) flush() {
	if line := bytes.TrimSuffix(s.rest, []byte("\r")); len(line) > 0 {
		s.line(line)
	}
	s.rest = s.rest[:0]
}
