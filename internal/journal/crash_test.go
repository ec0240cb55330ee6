package journal

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

const (
	crashDirEnv  = "JOURNAL_TEST_CRASH_DIR"
	crashSyncEnv = "JOURNAL_TEST_CRASH_SYNC"
)

// appendUntilKilled appends from several goroutines, and prints the positions that were acknowledged.
func appendUntilKilled(dir, mode string) int {
	sync, err := ParseSync(mode)
	if err != nil {
		return 2
	}
	j, err := Open(Options{Dir: dir, Sync: sync, Segment: 20_000})
	if err != nil {
		fmt.Println("open:", err)
		return 1
	}
	fmt.Println("ready")
	failed := make(chan struct{}, 4)
	for range 4 {
		go func() {
			defer func() { failed <- struct{}{} }()
			for {
				record := crashRecord(j.Last())
				position, err := j.Append(record)
				if err == nil {
					err = j.Wait(context.Background(), position)
				}
				if err != nil {
					fmt.Println("append:", err)
					return
				}
				fmt.Println(position, len(record))
			}
		}()
	}
	<-failed
	return 1
}

// crashRecord is a record of some length, which says how long it is.
func crashRecord(seed uint64) []byte {
	n := 20 + int(seed*2654435761%700)
	return []byte(fmt.Sprintf("%d|%s", n, strings.Repeat("x", n)))
}

func TestAKilledProcessLosesNothingAcknowledged(t *testing.T) {
	for _, mode := range []Sync{Interval, Always, Never} {
		t.Run("with sync "+mode.String(), func(t *testing.T) {
			dir := t.TempDir()
			acknowledged := map[uint64]int{}
			for range 7 {
				appendAndKill(t, dir, mode, acknowledged)
				j := mustOpen(t, Options{Dir: dir, Sync: mode, Segment: 20_000})
				got, err := records(j, 0)
				if err != nil {
					t.Fatal(err)
				}
				for position, length := range acknowledged {
					if len(got[position]) != length {
						t.Fatalf("record %d was acknowledged with %d bytes and has %d", position, length, len(got[position]))
					}
				}
				if j.Last() < uint64(len(acknowledged)) {
					t.Fatalf("the last position is %d after %d records", j.Last(), len(acknowledged))
				}
				mustClose(t, j)
			}
			if len(acknowledged) == 0 {
				t.Error("nothing was acknowledged")
			}
			t.Logf("%d records were acknowledged", len(acknowledged))
		})
	}
}

// appendAndKill has a process append for a while, kills it, and adds what it acknowledged.
func appendAndKill(t *testing.T, dir string, mode Sync, acknowledged map[uint64]int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), crashDirEnv+"="+dir, crashSyncEnv+"="+mode.String())
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var kill sync.Once
	lines := bufio.NewScanner(out)
	for n, limit := 0, 1+rand.IntN(500); lines.Scan(); n++ {
		if n == 0 {
			if lines.Text() != "ready" {
				t.Error(lines.Text())
			}
			continue
		}
		if n == limit {
			kill.Do(func() { cmd.Process.Kill() })
		}
		var position uint64
		var length int
		if got, _ := fmt.Sscanf(lines.Text(), "%d %d", &position, &length); got == 2 {
			acknowledged[position] = length
		} else if strings.HasPrefix(lines.Text(), "append:") {
			t.Error(lines.Text())
		}
	}
	kill.Do(func() { cmd.Process.Kill() })
	cmd.Wait()
}
