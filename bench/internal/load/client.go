//go:build linux

// Package load starts servers as processes of their own, asks them, and reads what they used.
package load

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// A Client talks HTTP/1.1 over a fixed number of connections, on one thread and with little more than the
// system calls that it needs: it shares the cores with the server, and what it takes, the server lacks.
type Client struct {
	epoll, timer int
	conns        []*conn
	requests     Requests
	events       []unix.EpollEvent

	Tick time.Duration // how often Offer looks for requests that are due, besides whenever an answer arrives; 0: 250 µs
}

// A conn carries one request at a time.
type conn struct {
	fd  int
	due time.Duration // of the request in flight, after the start of the loop
	buf []byte        // what has arrived of the answer
}

// NewClient connects to a server.
func NewClient(address string, connections int, requests Requests) (c *Client, err error) {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, err
	}
	c = &Client{epoll: -1, timer: -1, requests: requests, events: make([]unix.EpollEvent, connections+1)}
	defer func() {
		if err != nil {
			c.Close()
		}
	}()
	if c.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return c, err
	}
	for i := range connections {
		fd, err := dial(to)
		if err != nil {
			return c, err
		}
		c.conns = append(c.conns, &conn{fd: fd, buf: make([]byte, 0, 16<<10)})
		if err := c.watch(fd, i); err != nil {
			return c, err
		}
	}
	if c.timer, err = unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC); err != nil {
		return c, err
	}
	return c, c.watch(c.timer, timerEvent)
}

const timerEvent = -1

func (c *Client) watch(fd, number int) error {
	return unix.EpollCtl(c.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(number)})
}

func dial(to netip.AddrPort) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	err = errors.Join(
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1),
		unix.Connect(fd, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}),
	)
	if err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("connect to %v: %w", to, err)
	}
	return fd, nil
}

// Close ends all connections.
func (c *Client) Close() {
	for _, conn := range c.conns {
		unix.Close(conn.fd)
	}
	for _, fd := range []int{c.epoll, c.timer} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}

// send sends the next request over a connection that is free.
func (c *Client) send(conn *conn, due time.Duration) error {
	conn.due = due
	return conn.write(c.requests.Next())
}

// room makes room for more of an answer.
func (conn *conn) room() error {
	const most = 4 << 20
	if len(conn.buf) < cap(conn.buf) {
		return nil
	}
	if len(conn.buf) > most {
		return errors.New("the answer is too long")
	}
	conn.buf = slices.Grow(conn.buf, len(conn.buf))
	return nil
}

// receive reads what has arrived. It returns the answer's body once the answer is whole.
func (conn *conn) receive() (body []byte, whole bool, err error) {
	if err := conn.room(); err != nil {
		return nil, false, err
	}
	n, err := unix.Read(conn.fd, conn.buf[len(conn.buf):cap(conn.buf)])
	switch {
	case errors.Is(err, unix.EINTR):
		return nil, false, nil
	case err != nil:
		return nil, false, fmt.Errorf("receive: %w", err)
	case n == 0:
		return nil, false, errors.New("the server closed the connection")
	}
	conn.buf = conn.buf[:len(conn.buf)+n]
	end := bytes.Index(conn.buf, []byte("\r\n\r\n"))
	if end < 0 {
		return nil, false, nil
	}
	head, body := conn.buf[:end+2], conn.buf[end+4:]
	length, err := contentLength(head)
	if err != nil || len(body) < length {
		return nil, false, err
	}
	if bytes.HasPrefix(head, []byte("HTTP/1.1 503 ")) {
		return nil, false, fmt.Errorf("%w: %s", errUnavailable, conn.buf)
	}
	if !bytes.HasPrefix(head, []byte("HTTP/1.1 200 ")) {
		return nil, false, fmt.Errorf("not 200: %s", conn.buf)
	}
	return body, true, nil
}

var errUnavailable = errors.New("unavailable")

func contentLength(head []byte) (int, error) {
	const name = "\r\nContent-Length: "
	i := bytes.Index(head, []byte(name))
	if i < 0 {
		return 0, fmt.Errorf("no Content-Length in %q", head)
	}
	digits, _, _ := bytes.Cut(head[i+len(name):], []byte("\r\n"))
	return strconv.Atoi(string(digits))
}

// Ask sends the next request and returns the body of the answer, which the next one overwrites.
func (c *Client) Ask() ([]byte, error) {
	conn := c.conns[0]
	if err := c.send(conn, 0); err != nil {
		return nil, err
	}
	for {
		if body, whole, err := conn.receive(); whole || err != nil {
			return body, err
		}
	}
}

// wait calls arrived for each connection whose answer is whole, once something happens.
func (c *Client) wait(arrived func(*conn) error) error {
	n, err := unix.EpollWait(c.epoll, c.events, 5000)
	switch {
	case errors.Is(err, unix.EINTR):
		return nil
	case err != nil:
		return err
	case n == 0:
		return errors.New("no answer within five seconds")
	}
	for _, e := range c.events[:n] {
		if e.Fd == timerEvent {
			var count [8]byte
			_, _ = unix.Read(c.timer, count[:]) // wakes the loop, no more
			continue
		}
		conn := c.conns[e.Fd]
		_, whole, err := conn.receive()
		if err == nil && whole {
			err = arrived(conn)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// ClosedLoop keeps every connection busy for d, and returns the number of answers and the time they took.
func (c *Client) ClosedLoop(d time.Duration) (answers int, elapsed time.Duration, err error) {
	start := time.Now()
	ending := false
	err = c.keepBusy(func() bool {
		if ending {
			return false
		}
		elapsed = time.Since(start)
		ending = elapsed >= d
		answers++
		return true
	})
	return answers, elapsed, err
}

// Send sends n requests, at least one on every connection, and returns when all are answered.
func (c *Client) Send(n int) error {
	sent := len(c.conns)
	return c.keepBusy(func() bool {
		sent++
		return sent <= n
	})
}

// Send connects to a server, sends it n requests, at least one on every connection, and returns when all are answered.
func Send(address string, connections int, requests Requests, n int) error {
	c, err := NewClient(address, connections, requests)
	if err != nil {
		return err
	}
	defer c.Close()
	return c.Send(n)
}

// keepBusy sends a request on every connection, and the next where an answer has arrived as long as more says so.
func (c *Client) keepBusy(more func() bool) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for _, conn := range c.conns {
		if err := c.send(conn, 0); err != nil {
			return err
		}
	}
	for busy := len(c.conns); busy > 0; {
		err := c.wait(func(conn *conn) error {
			if more() {
				return c.send(conn, 0)
			}
			busy--
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// tick is how often an open loop looks for requests that are due, besides whenever an answer arrives.
const tick = 250 * time.Microsecond

// hopeless is how late a request may be sent before a rate is given up.
const hopeless = time.Second

// OpenLoop sends requests at a rate for d and returns the 99th percentile of the latencies. A request's
// latency counts from when it was due, whenever it could be sent; those of the first tenth do not count.
// A rate that cannot be kept up has the latency with which it was given up.
func (c *Client) OpenLoop(rate float64, d time.Duration) (p99 time.Duration, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	every := unix.NsecToTimespec(tick.Nanoseconds())
	if err := unix.TimerfdSettime(c.timer, 0, &unix.ItimerSpec{Interval: every, Value: every}, nil); err != nil {
		return 0, err
	}
	defer unix.TimerfdSettime(c.timer, 0, &unix.ItimerSpec{}, nil) //nolint:errcheck // it was set above
	var (
		total     = int(rate * d.Seconds())
		latencies = make([]time.Duration, 0, total)
		free      = slices.Clone(c.conns)
		sent      int
		start     = time.Now()
		late      time.Duration
	)
	for len(free) < len(c.conns) || sent < total && late < hopeless {
		now := time.Since(start)
		for sent < total && len(free) > 0 && late < hopeless {
			due := time.Duration(float64(sent) / rate * 1e9)
			if due > now {
				break
			}
			late = now - due
			if err := c.send(free[len(free)-1], due); err != nil {
				return 0, err
			}
			free = free[:len(free)-1]
			sent++
		}
		err := c.wait(func(conn *conn) error {
			if conn.due >= d/10 {
				latencies = append(latencies, time.Since(start)-conn.due)
			}
			free = append(free, conn)
			return nil
		})
		if err != nil {
			return 0, err
		}
	}
	if late >= hopeless || len(latencies) == 0 {
		return max(late, hopeless), nil
	}
	slices.Sort(latencies)
	return latencies[len(latencies)*99/100], nil
}
