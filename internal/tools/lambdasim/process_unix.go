//go:build unix

package lambdasim

import (
	"errors"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// canFreeze is whether processes can be stopped and continued here.
const canFreeze = true

func inOwnGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func (p *process) kill()      { p.signal(syscall.SIGKILL) }
func (p *process) terminate() { p.signal(syscall.SIGTERM) }
func (p *process) freeze()    { p.signal(syscall.SIGSTOP) }
func (p *process) thaw()      { p.signal(syscall.SIGCONT) }

// signal tells the whole group. An error says that nobody is left of it.
func (p *process) signal(s syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.gone {
		_ = syscall.Kill(-p.os.Pid, s)
	}
}

// A pipe is what a process prints into. Whatever it has printed before it said something elsewhere can be read at once
// (drain), so that its lines stand where they belong.
type pipe struct {
	r, w  *os.File
	lines *splitter

	mu   sync.Mutex
	room []byte
}

func newPipe(lines *splitter) (*pipe, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	return &pipe{r: r, w: w, lines: lines, room: make([]byte, 32<<10)}, nil
}

func (p *pipe) close() { _ = p.r.Close() }
func (p *pipe) hurry() { hurry(p.r) }

// follow reads until nobody can write any more.
func (p *pipe) follow() {
	defer p.close()
	conn, err := p.r.SyscallConn()
	if err == nil {
		_ = conn.Read(p.read) // ends with the pipe
	}
	p.mu.Lock()
	p.lines.flush()
	p.mu.Unlock()
}

// drain reads what is there. Once follow has ended there is nothing.
func (p *pipe) drain() {
	if conn, err := p.r.SyscallConn(); err == nil {
		_ = conn.Control(func(fd uintptr) { p.read(fd) }) // fails when the pipe was closed
	}
}

// read reads what is there, and reports whether it was the end.
func (p *pipe) read(fd uintptr) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		n, err := unix.Read(int(fd), p.room)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN):
			return false
		case n <= 0:
			return true
		default:
			p.lines.Write(p.room[:n])
		}
	}
}
