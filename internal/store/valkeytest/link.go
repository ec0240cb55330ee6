package valkeytest

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// A link is a connection of a client and the one to the server that belongs to it.
type link struct {
	proxy  *Proxy
	client *net.TCPConn
	done   chan struct{} // closed when both connections are
	forgot atomic.Bool   // nothing comes through any more

	// Under proxy.mu.
	server *net.TCPConn // nil until it is there
	lost   bool         // bytes are missing
	over   bool
}

// A chunk is bytes as they came, or the end of them.
type chunk struct {
	bytes []byte
	at    time.Time
	err   error
}

func (l *link) run() {
	p := l.proxy
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		l.end(false)
		delete(p.links, l)
	}()
	p.mu.Lock()
	target := p.target
	p.mu.Unlock()
	conn, err := net.DialTimeout("tcp", target, time.Second) //nolint:noctx // it has a limit
	if err != nil {
		l.wait()
		p.mu.Lock()
		defer p.mu.Unlock()
		l.reset()
		return
	}
	p.mu.Lock()
	l.server = conn.(*net.TCPConn)
	if l.over { // reset meanwhile
		_ = l.server.Close()
		p.mu.Unlock()
		return
	}
	p.mu.Unlock()

	var pumps sync.WaitGroup
	for _, pump := range []pump{
		{link: l, from: l.client, to: l.server, asks: true, count: &p.asked},
		{link: l, from: l.server, to: l.client, count: &p.answered},
	} {
		queue := make(chan chunk, 64)
		pumps.Go(func() { pump.read(queue) })
		pumps.Go(func() { pump.write(queue) })
	}
	pumps.Wait()
}

// wait waits until the proxy neither holds nor freezes: until then a client cannot see that there is no server.
func (l *link) wait() {
	for {
		m := l.proxy.current()
		if m.kind != hold && m.kind != freezing || !l.sleep(m, -1) {
			return
		}
	}
}

// sleep waits for d, or, if d is negative, for another mode; it ends early with the mode m. It says whether the
// link is still there.
func (l *link) sleep(m *mode, d time.Duration) bool {
	var late <-chan time.Time
	if d >= 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		late = timer.C
	}
	select {
	case <-late:
	case <-m.ended:
	case <-l.done:
		return false
	}
	select {
	case <-l.done:
		return false
	default:
		return !l.proxy.ending()
	}
}

// ending says whether the proxy ends: then no mode follows.
func (p *Proxy) ending() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed
}

// reset closes both connections so that their other ends see a reset. The caller holds mu.
func (l *link) reset() { l.end(true) }

// close closes both connections.
func (l *link) close() {
	l.proxy.mu.Lock()
	defer l.proxy.mu.Unlock()
	l.end(false)
}

func (l *link) end(reset bool) {
	if l.over {
		return
	}
	l.over = true
	close(l.done)
	for _, conn := range []*net.TCPConn{l.client, l.server} {
		if conn == nil {
			continue
		}
		if reset {
			_ = conn.SetLinger(0)
		}
		_ = conn.Close()
	}
}

// A pump is one direction of a link.
type pump struct {
	link     *link
	from, to *net.TCPConn
	asks     bool // from the client to the server
	count    *atomic.Int64

	mode *mode // in which sent counts
	sent int64
}

// read reads until the end.
func (p *pump) read(queue chan<- chunk) {
	for {
		buf := make([]byte, 16<<10)
		n, err := p.from.Read(buf)
		select {
		case queue <- chunk{bytes: buf[:n], at: time.Now(), err: err}:
		case <-p.link.done:
			return
		}
		if err != nil {
			return
		}
	}
}

// write forwards until the end.
func (p *pump) write(queue <-chan chunk) {
	for {
		select {
		case c := <-queue:
			if !p.forward(c) {
				return
			}
		case <-p.link.done:
			return
		}
	}
}

// forward does with a chunk what the mode wants, and says whether another may follow.
func (p *pump) forward(c chunk) bool {
	l := p.link
	for {
		if l.forgot.Load() {
			return c.err == nil
		}
		m := l.proxy.current()
		if m != p.mode {
			p.mode, p.sent = m, 0
		}
		switch m.kind {
		case hold:
			if !l.sleep(m, -1) {
				return false
			}
			continue
		case freezing:
			l.proxy.mu.Lock()
			same := l.proxy.mode == m
			l.lost = l.lost || same
			l.proxy.mu.Unlock()
			if !same {
				continue
			}
			return c.err == nil
		case delay:
			if left := time.Until(c.at.Add(m.delay)); left > 0 {
				if !l.sleep(m, left) {
					return false
				}
				continue
			}
		case slow:
			if len(c.bytes) == 0 {
				break
			}
			n := min(len(c.bytes), max(1, m.rate/50))
			if !l.sleep(m, time.Duration(n)*time.Second/time.Duration(m.rate)) {
				return false
			}
			if !p.send(c.bytes[:n]) {
				return false
			}
			c.bytes = c.bytes[n:]
			if len(c.bytes) == 0 && c.err == nil {
				return true
			}
			continue
		case truncate:
			if !p.asks && len(c.bytes) > 0 {
				p.send(c.bytes[:len(c.bytes)/2])
				l.close()
				return false
			}
		case cut:
			if left := m.cut - p.sent; p.asks == m.cutAsks && int64(len(c.bytes)) >= left && len(c.bytes) > 0 {
				p.send(c.bytes[:left])
				l.close()
				return false
			}
		case garbage:
			if !p.asks {
				l.proxy.mu.Lock()
				for i := range c.bytes {
					c.bytes[i] = byte(m.rand.Uint32())
				}
				l.proxy.mu.Unlock()
			}
		default: // what drop and refuse have reset is gone
		}
		return p.send(c.bytes) && p.finish(c.err)
	}
}

// send writes to the other side, and says whether it could.
func (p *pump) send(bytes []byte) bool {
	p.count.Add(int64(len(bytes))) // at first: whoever has them may look
	n, err := p.to.Write(bytes)
	p.count.Add(int64(n - len(bytes)))
	p.sent += int64(n)
	if err != nil {
		p.link.close()
	}
	return err == nil
}

// finish hands on how one side has ended: a close is a close, anything else a reset. It says whether it has not.
func (p *pump) finish(err error) bool {
	switch {
	case err == nil:
		return true
	case errors.Is(err, io.EOF):
		_ = p.to.CloseWrite()
	default:
		p.link.proxy.mu.Lock()
		p.link.reset()
		p.link.proxy.mu.Unlock()
	}
	return false
}
