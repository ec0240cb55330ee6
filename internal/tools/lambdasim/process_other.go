//go:build !unix

package lambdasim

import (
	"os"
	"syscall"
)

// canFreeze is whether processes can be stopped and continued here.
const canFreeze = false

func inOwnGroup() *syscall.SysProcAttr { return nil }

func (p *process) kill()      { _ = p.os.Kill() } // an error says that it has ended
func (p *process) terminate() { p.kill() }
func (p *process) freeze()    {}
func (p *process) thaw()      {}

// A pipe is what a process prints into.
type pipe struct {
	r, w  *os.File
	lines *splitter
}

func newPipe(lines *splitter) (*pipe, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	return &pipe{r, w, lines}, nil
}

func (p *pipe) close() { _ = p.r.Close() }
func (p *pipe) hurry() { hurry(p.r) }

// follow reads until nobody can write any more.
func (p *pipe) follow() {
	defer p.close()
	room := make([]byte, 32<<10)
	for {
		n, err := p.r.Read(room)
		p.lines.Write(room[:n])
		if err != nil {
			p.lines.flush()
			return
		}
	}
}

// drain cannot read without waiting here: lines may stand a little late.
func (p *pipe) drain() {}
