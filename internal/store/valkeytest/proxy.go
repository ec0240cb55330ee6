package valkeytest

import (
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A Proxy stands between clients and a server and does to their bytes what a network may. It begins with Pass.
// Its methods may be called from any goroutine; a mode holds for the connections there are and for new ones.
type Proxy struct {
	t    testing.TB
	port int

	accepted        atomic.Int64
	asked, answered atomic.Int64
	running         sync.WaitGroup

	mu       sync.Mutex
	target   string
	listener net.Listener // nil while it refuses
	mode     *mode
	links    map[*link]bool
	closed   bool
}

// A mode is what happens to bytes. Its end is when another is set.
type mode struct {
	kind    kind
	delay   time.Duration
	rate    int        // bytes a second
	cut     int64      // bytes
	cutAsks bool       // cut what clients say, not what the server says
	rand    *rand.Rand // used under Proxy.mu
	ended   chan struct{}
}

type kind int

const (
	pass kind = iota
	delay
	hold
	freezing
	drop
	refuse
	garbage
	truncate
	slow
	cut
)

// NewProxy starts a proxy in front of target. It ends with the test.
func NewProxy(t testing.TB, target string) *Proxy {
	t.Helper()
	p := &Proxy{t: t, target: target, mode: &mode{ended: make(chan struct{})}, links: map[*link]bool{}}
	t.Cleanup(p.close)
	p.mu.Lock()
	defer p.mu.Unlock()
	var err error
	for range 10 {
		p.port = freePort(t)
		if err = p.listen(); err == nil {
			return p
		}
	}
	t.Fatal(err)
	return nil
}

// Addr is where the proxy listens.
func (p *Proxy) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(p.port)) }

// Port is where the proxy listens.
func (p *Proxy) Port() int { return p.port }

// Accepted is how many connections have been accepted, those that Drop reset included.
func (p *Proxy) Accepted() int { return int(p.accepted.Load()) }

// Open is how many connections there are.
func (p *Proxy) Open() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.links)
}

// Asked is how many bytes of clients have reached the server.
func (p *Proxy) Asked() int64 { return p.asked.Load() }

// Answered is how many bytes have reached clients.
func (p *Proxy) Answered() int64 { return p.answered.Load() }

// Target has new connections go to another server.
func (p *Proxy) Target(addr string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = addr
}

// Pass lets everything through.
func (p *Proxy) Pass() { p.set(mode{kind: pass}) }

// Delay has each direction take d longer, in order.
func (p *Proxy) Delay(d time.Duration) { p.set(mode{kind: delay, delay: d}) }

// Hold keeps everything back. Another mode lets it go on, late and in order, as a network does that has healed.
func (p *Proxy) Hold() { p.set(mode{kind: hold}) }

// Freeze accepts connections and bytes, and forwards nothing. What it swallowed is lost: with another mode, those
// connections are reset.
func (p *Proxy) Freeze() { p.set(mode{kind: freezing}) }

// Forget lets nothing through on the connections that there are, and tells nobody, as a firewall or a balancer does after a
// while without traffic. New ones are as the mode wants them.
func (p *Proxy) Forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.forgot.Store(true)
	}
}

// Drop resets all connections, and new ones once they are accepted.
func (p *Proxy) Drop() { p.set(mode{kind: drop}) }

// Refuse resets all connections and listens no more, so that new ones are refused.
func (p *Proxy) Refuse() { p.set(mode{kind: refuse}) }

// Garbage replaces answers by as many random bytes.
func (p *Proxy) Garbage(seed uint64) {
	p.set(mode{kind: garbage, rand: rand.New(rand.NewPCG(seed, 0))})
}

// Truncate sends half of each connection's next answer, and closes.
func (p *Proxy) Truncate() { p.set(mode{kind: truncate}) }

// Slow lets so many bytes a second through, on each connection and in each direction.
func (p *Proxy) Slow(rate int) { p.set(mode{kind: slow, rate: max(1, rate)}) }

// Cut closes each connection after n more bytes of answers. Cut(0) has the server do what was asked, and nobody
// know.
func (p *Proxy) Cut(n int) { p.set(mode{kind: cut, cut: int64(n)}) }

// CutAsks closes each connection after n more bytes from the client.
func (p *Proxy) CutAsks(n int) { p.set(mode{kind: cut, cut: int64(n), cutAsks: true}) }

func (p *Proxy) set(m mode) {
	p.t.Helper()
	m.ended = make(chan struct{})
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	close(p.mode.ended)
	p.mode = &m
	for l := range p.links {
		switch {
		case m.kind == drop, m.kind == refuse, l.lost && m.kind != freezing:
			l.reset()
		}
	}
	switch {
	case m.kind == refuse && p.listener != nil:
		_ = p.listener.Close()
		p.listener = nil
	case m.kind != refuse && p.listener == nil:
		var err error
		for range 100 {
			if err = p.listen(); err == nil {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		p.t.Error(err) // Fatal is for the test's goroutine alone
	}
}

// listen starts to accept. The caller holds mu.
func (p *Proxy) listen() error {
	l, err := net.Listen("tcp", p.Addr()) //nolint:noctx // listening does not wait
	if err != nil {
		return err
	}
	p.listener = l
	p.running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			p.accept(conn.(*net.TCPConn))
		}
	})
	return nil
}

func (p *Proxy) accept(client *net.TCPConn) {
	p.accepted.Add(1)
	p.mu.Lock()
	defer p.mu.Unlock()
	l := &link{proxy: p, client: client, done: make(chan struct{})}
	if p.closed || p.mode.kind == drop || p.mode.kind == refuse {
		l.reset()
		return
	}
	p.links[l] = true
	p.running.Go(l.run)
}

// close ends everything with the test.
func (p *Proxy) close() {
	p.mu.Lock()
	p.closed = true
	close(p.mode.ended)
	if p.listener != nil {
		_ = p.listener.Close()
	}
	for l := range p.links {
		l.reset()
	}
	p.mu.Unlock()
	p.running.Wait()
}

func (p *Proxy) current() *mode {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mode
}
