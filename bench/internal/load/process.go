//go:build linux

package load

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A Process is a server that was started here.
type Process struct {
	cmd     *exec.Cmd
	Address string // where it listens
	log     bytes.Buffer
	begun   time.Time
}

// Start runs a server; command makes its arguments of the address to listen on.
func Start(program string, command func(address string) []string) (*Process, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Process{Address: l.Addr().String()}
	if err := l.Close(); err != nil {
		return nil, err
	}
	p.cmd = exec.Command(program, command(p.Address)...)
	p.cmd.Stdout, p.cmd.Stderr = &p.log, &p.log
	p.begun = time.Now()
	return p, p.cmd.Start()
}

// Path returns which program runs.
func (p *Process) Path() string { return p.cmd.Path }

// Answered waits for the first 200 to a request, and returns how long that took from the start.
func (p *Process) Answered(request []byte) (time.Duration, error) {
	const most = 10 * time.Second
	for {
		c, err := NewClient(p.Address, 1, Cycle(request))
		if err == nil {
			_, err = c.Ask()
			c.Close()
		}
		elapsed := time.Since(p.begun)
		switch {
		case err == nil:
			return elapsed, nil
		case !errors.Is(err, syscall.ECONNREFUSED) && !errors.Is(err, errUnavailable), elapsed > most:
			return 0, fmt.Errorf("%s: %w\n%s", p.cmd, err, p.log.Bytes())
		}
		time.Sleep(50 * time.Microsecond)
	}
}

// Stop asks the server to end, and insists when it does not.
func (p *Process) Stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	insist := time.AfterFunc(3*time.Second, func() { _ = p.cmd.Process.Kill() })
	_ = p.cmd.Wait() // how it ends is not what is measured
	insist.Stop()
}

// CPU returns the processor time that the server has used, user and system.
func (p *Process) CPU() (time.Duration, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	const ticks = 100 // a second, on every Linux that Go runs on
	_, rest, _ := strings.Cut(string(data), ") ")
	f := strings.Fields(rest)
	if len(f) < 13 {
		return 0, fmt.Errorf("%q is not what /proc/PID/stat says", data)
	}
	user, userErr := strconv.ParseInt(f[11], 10, 64)
	system, systemErr := strconv.ParseInt(f[12], 10, 64)
	return time.Duration(user+system) * time.Second / ticks, errors.Join(userErr, systemErr)
}

// Memory returns a field of a file in /proc/PID, in MiB.
func (p *Process) Memory(file, field string) (float64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", p.cmd.Process.Pid, file))
	if err != nil {
		return 0, err
	}
	for s := bufio.NewScanner(bytes.NewReader(data)); s.Scan(); {
		if f := strings.Fields(s.Text()); len(f) >= 2 && f[0] == field+":" {
			kib, err := strconv.ParseFloat(f[1], 64)
			return kib / 1024, err
		}
	}
	return 0, fmt.Errorf("%s has no %s", file, field)
}

// Spend sends a process n requests, and returns the µs of its processor time that each has taken.
func (p *Process) Spend(connections int, requests Requests, n int) (float64, error) {
	before, err := p.CPU()
	if err != nil {
		return 0, err
	}
	if err := Send(p.Address, connections, requests, n); err != nil {
		return 0, err
	}
	after, err := p.CPU()
	return (after - before).Seconds() * 1e6 / float64(n), err
}
