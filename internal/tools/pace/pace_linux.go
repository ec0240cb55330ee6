package pace

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// A Pacer sleeps on a timerfd, which wakes within some 50 µs where the runtime's own timers take up to a
// millisecond; that would be the larger part of a quick server's latency.
type Pacer struct {
	fd    int
	file  *os.File // of fd, so that reading waits in the runtime's poller and holds no thread
	count [8]byte
}

// New returns a pacer, for one goroutine.
func New() (*Pacer, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make a timer: %w", err)
	}
	return &Pacer{fd: fd, file: os.NewFile(uintptr(fd), "timerfd")}, nil
}

func (p *Pacer) sleep(d time.Duration) {
	once := unix.ItimerSpec{Value: unix.NsecToTimespec(d.Nanoseconds())}
	if err := unix.TimerfdSettime(p.fd, 0, &once, nil); err == nil {
		if _, err = p.file.Read(p.count[:]); err == nil {
			return
		}
	}
	time.Sleep(d)
}

// Close gives the timer back.
func (p *Pacer) Close() { _ = p.file.Close() }
