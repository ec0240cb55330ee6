package app

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// idleClientEnv holds the address that the test's client process connects to, and how often.
const idleClientEnv = "BESRA_TEST_IDLE_CLIENT"

// TestTenThousandIdleConnections opens them from another process, so that each process has its own files
// and the memory that is measured is the server's alone. Half of them have asked something before.
func TestTenThousandIdleConnections(t *testing.T) {
	want := 10_000
	if testing.Short() {
		want = 1_000 // the race detector makes each cost more
	}
	const others = 200 // files that the process has open beside them
	if have := openFiles(t, want+others) - others; have < want {
		t.Logf("NOT THE WHOLE TEST: too few files may be open here, so that there are %d connections in place of %d", have, want)
		want = have
	}
	s := start(t, nil)
	s.scores()
	before := used()

	hold, stdin := io.Pipe()
	cmd := exec.CommandContext(t.Context(), os.Args[0]) //nolint:gosec // the test itself
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d", idleClientEnv, s.addr, want))
	cmd.Stdin, cmd.Stderr = hold, os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if line != "open\n" {
		t.Fatalf("the client says %q, %v", line, err)
	}

	each := (used() - before) / int64(want)
	t.Logf("%d idle connections take %d bytes each", want, each)
	if each > 40<<10 {
		t.Errorf("an idle connection takes %d bytes", each)
	}
	var slowest time.Duration
	for range 200 {
		begun := time.Now()
		s.scores()
		slowest = max(slowest, time.Since(begun))
	}
	t.Logf("beside them, the slowest of 200 requests took %v", slowest)
	if slowest > time.Second {
		t.Errorf("beside idle connections, a request took %v", slowest)
	}

	stdin.Close()
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	s.cancel()
	if err := s.ended(); err != nil {
		t.Error(err)
	}
}

// idleClient opens connections, asks something on every other one, says that they are open, and holds them
// until its stdin ends.
func idleClient(task string) {
	addr, count, _ := strings.Cut(task, " ")
	var n int
	_, scan := fmt.Sscan(count, &n)
	conns := make([]net.Conn, n)
	var workers sync.WaitGroup
	failed := make(chan error, n+1)
	failed <- scan
	for first := range 8 {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for i := first; i < n; i += 8 {
				c, err := openIdle(addr, i%2 == 0)
				if err != nil {
					failed <- err
					return
				}
				conns[i] = c
			}
		}()
	}
	workers.Wait()
	close(failed)
	for err := range failed {
		if err != nil {
			fmt.Fprintln(os.Stderr, "idle client:", err)
			os.Exit(1)
		}
	}
	fmt.Println("open")
	_, _ = io.Copy(io.Discard, os.Stdin)
	runtime.KeepAlive(conns)
}

func openIdle(addr string, ask bool) (net.Conn, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	// Closing it leaves nothing behind that would keep the port from being used again.
	if err := c.(*net.TCPConn).SetLinger(0); err != nil || !ask {
		return c, err
	}
	request := scoreRequest("/v1/score", len(demoRow)) + demoRow
	if _, err := io.WriteString(c, request); err != nil {
		return nil, err
	}
	answer := make([]byte, 4096)
	n, err := c.Read(answer)
	if err == nil && !strings.HasPrefix(string(answer[:n]), "HTTP/1.1 200 ") {
		err = fmt.Errorf("answer %q", answer[:n])
	}
	return c, err
}

// used returns the bytes of heap and stacks in use.
func used() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}
