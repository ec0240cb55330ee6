//go:build linux

package load

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// A Shot is a request that is due at a time after the start.
type Shot struct {
	Due     time.Duration
	Request []byte
	Kind    int // for the caller
}

// A Fate is what became of a shot.
type Fate struct {
	Shot
	Status  int           // of the answer; 0: it was never sent
	Latency time.Duration // from when it was due, whenever it could be sent
}

// Offer sends requests when they are due, in the order of shots, and returns what became of each. A request
// whose turn comes while all connections are busy waits, and the wait counts. Every status is an answer.
func (c *Client) Offer(shots []Shot) ([]Fate, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	every := unix.NsecToTimespec(cmp.Or(c.Tick, tick).Nanoseconds())
	if err := unix.TimerfdSettime(c.timer, 0, &unix.ItimerSpec{Interval: every, Value: every}, nil); err != nil {
		return nil, err
	}
	defer unix.TimerfdSettime(c.timer, 0, &unix.ItimerSpec{}, nil) //nolint:errcheck // it was set above
	var (
		fates = make([]Fate, len(shots))
		of    = make([]int, len(c.conns)) // which shot a connection carries
		free  = make([]int, len(c.conns))
		sent  int
		late  time.Duration
		start = time.Now()
	)
	for i := range free {
		free[i] = i
	}
	for i, s := range shots {
		fates[i].Shot = s
	}
	for len(free) < len(c.conns) || sent < len(shots) && late < hopeless {
		now := time.Since(start)
		for sent < len(shots) && len(free) > 0 && late < hopeless && shots[sent].Due <= now {
			late = now - shots[sent].Due
			n := free[0]
			free = slices.Delete(free, 0, 1)
			of[n] = sent
			if err := c.conns[n].write(shots[sent].Request); err != nil {
				return fates, err
			}
			sent++
		}
		err := c.answers(func(n, status int) {
			f := &fates[of[n]]
			f.Status, f.Latency = status, time.Since(start)-f.Due
			free = append(free, n)
		})
		if err != nil {
			return fates, err
		}
	}
	return fates, nil
}

// write sends a whole request over a connection that is free.
func (conn *conn) write(r []byte) error {
	conn.buf = conn.buf[:0]
	for len(r) > 0 {
		n, err := unix.Write(conn.fd, r)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("send: %w", err)
		}
		r = r[max(n, 0):]
	}
	return nil
}

// answers waits until something happens, and calls arrived for each connection whose answer is whole.
func (c *Client) answers(arrived func(n, status int)) error {
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
		status, err := c.conns[e.Fd].status()
		if err != nil {
			return err
		}
		if status != 0 {
			arrived(int(e.Fd), status)
		}
	}
	return nil
}

// status reads what has arrived. It returns the answer's status once the answer is whole, else 0.
func (conn *conn) status() (int, error) {
	if err := conn.room(); err != nil {
		return 0, err
	}
	n, err := unix.Read(conn.fd, conn.buf[len(conn.buf):cap(conn.buf)])
	switch {
	case errors.Is(err, unix.EINTR):
		return 0, nil
	case err != nil:
		return 0, fmt.Errorf("receive: %w", err)
	case n == 0:
		return 0, errors.New("the server closed the connection")
	}
	conn.buf = conn.buf[:len(conn.buf)+n]
	head, body, whole := bytes.Cut(conn.buf, []byte("\r\n\r\n"))
	if !whole {
		return 0, nil
	}
	length, err := contentLength(append(head[:len(head):len(head)], "\r\n"...))
	if err != nil || len(body) < length {
		return 0, err
	}
	_, after, ok := bytes.Cut(head, []byte("HTTP/1.1 "))
	if !ok || len(after) < 3 {
		return 0, fmt.Errorf("no answer of HTTP/1.1: %q", head)
	}
	return strconv.Atoi(string(after[:3]))
}
