package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestRecordsComeBackInOrder(t *testing.T) {
	for _, mode := range []Sync{Interval, Always, Never} {
		t.Run("with sync "+mode.String(), func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "journal")
			j := mustOpen(t, Options{Dir: dir, Sync: mode})
			mustAppend(t, j, "one", "", "three")
			wantRecords(t, j, numbered("one", "", "three"))
			mustClose(t, j)

			j = mustOpen(t, Options{Dir: dir, Sync: mode})
			mustAppend(t, j, "four")
			wantRecords(t, j, numbered("one", "", "three", "four"))
			later, err := records(j, 4)
			if err != nil || len(later) != 1 || later[4] != "four" {
				t.Errorf("from 4: %v, %v", later, err)
			}
			if j.First() != 1 || j.Last() != 4 {
				t.Errorf("positions %d to %d, want 1 to 4", j.First(), j.Last())
			}
		})
	}
}

func TestFilesAreForTheirOwnerOnly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "journal")
	j := mustOpen(t, Options{Dir: dir})
	mustAppend(t, j, "secret")
	if err := j.Snapshot(1, func(io.Writer) error { return nil }); err != nil {
		t.Fatal(err)
	}
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		want := os.FileMode(0o600)
		if path == dir {
			want = 0o700
		}
		if err == nil && info.Mode().Perm() != want {
			t.Errorf("%s has mode %v, want %v", path, info.Mode().Perm(), want)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestADirectoryHasOneOwner(t *testing.T) {
	dir := t.TempDir()
	j := mustOpen(t, Options{Dir: dir})
	_, err := Open(Options{Dir: dir})
	if want := fmt.Sprintf("in use by process %d", os.Getpid()); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want %q", err, want)
	}
	mustClose(t, j)
	mustOpen(t, Options{Dir: dir})
}

func TestCloseWritesWhatIsQueued(t *testing.T) {
	dir := t.TempDir()
	j := mustOpen(t, Options{Dir: dir, Sync: Never})
	position, err := j.Append([]byte("queued"))
	if err != nil {
		t.Fatal(err)
	}
	mustClose(t, j)
	if err := j.Wait(t.Context(), position); err != nil {
		t.Errorf("waiting for what Close wrote: %v", err)
	}
	if _, err := j.Append(nil); !errors.Is(err, ErrClosed) {
		t.Errorf("appending after Close: %v", err)
	}
	if err := j.Close(); err != nil {
		t.Errorf("a second Close: %v", err)
	}
	wantRecords(t, mustOpen(t, Options{Dir: dir}), numbered("queued"))
}

func TestRecordsHaveALargestSize(t *testing.T) {
	j := mustOpen(t, Options{Dir: t.TempDir(), Sync: Never, Segment: 1 << 20})
	if _, err := j.Append(make([]byte, maxRecord+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("error %v, want ErrTooLarge", err)
	}
	largest := strings.Repeat("large", maxRecord)[:maxRecord]
	mustAppend(t, j, "before", largest, "after")
	wantRecords(t, j, numbered("before", largest, "after"))
}

func TestAFullQueueIsRefused(t *testing.T) {
	d := newDisk()
	j := mustOpen(t, Options{Dir: t.TempDir(), Sync: Never, OpenFile: d.OpenFile})
	record := bytes.Repeat([]byte{1}, 8<<20)
	for {
		_, err := j.Append(record)
		if errors.Is(err, ErrFull) {
			break
		}
		if err != nil || j.Last() > 8 {
			t.Fatalf("after %d records of 8 MiB: %v", j.Last(), err)
		}
	}
	if err := j.Wait(t.Context(), j.Last()); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, j, "there is room again")
}

func TestAPositionThatWasNotGivenOutIsAnError(t *testing.T) {
	j := mustOpen(t, Options{Dir: t.TempDir()})
	if err := j.Wait(t.Context(), 1); err == nil {
		t.Error("no error")
	}
}

func TestManyAppendAtOnce(t *testing.T) {
	for _, mode := range []Sync{Interval, Always} {
		t.Run("with sync "+mode.String(), func(t *testing.T) {
			dir, want := t.TempDir(), sync.Map{}
			j := mustOpen(t, Options{Dir: dir, Sync: mode, Segment: 10_000, Interval: time.Millisecond, OpenFile: newDisk().OpenFile})
			var all sync.WaitGroup
			for g := range 16 {
				all.Go(func() {
					for i := range 200 {
						record := fmt.Sprintf("%d of goroutine %d", i, g)
						position, err := put(j, record)
						if err != nil {
							t.Error(err)
						}
						want.Store(position, record)
					}
				})
			}
			all.Wait()
			mustClose(t, j)
			j = mustOpen(t, Options{Dir: dir, Sync: mode})
			got, err := records(j, 1)
			if err != nil || len(got) != 3200 {
				t.Fatalf("%d records, %v", len(got), err)
			}
			for position, record := range got {
				if r, _ := want.Load(position); r != record {
					t.Errorf("record %d is %q, want %q", position, record, r)
				}
			}
		})
	}
}

func TestACancelledWaitLeavesTheRecordOnItsWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, blocked, resume := newDisk(), make(chan struct{}), make(chan struct{})
		j := mustOpen(t, Options{Dir: t.TempDir(), Sync: Never, OpenFile: d.OpenFile})
		var once sync.Once
		d.slowWrite = func() { once.Do(func() { close(blocked); <-resume }) }
		var leader sync.WaitGroup
		leader.Go(func() { mustAppend(t, j, "first") })
		<-blocked

		ctx, cancel := context.WithCancelCause(t.Context())
		gone := errors.New("the client is gone")
		position, err := j.Append([]byte("second"))
		if err != nil {
			t.Fatal(err)
		}
		var waiter sync.WaitGroup
		waiter.Go(func() {
			if err := j.Wait(ctx, position); !errors.Is(err, gone) {
				t.Errorf("error %v, want %v", err, gone)
			}
		})
		synctest.Wait()
		cancel(gone)
		waiter.Wait()
		close(resume)
		leader.Wait()
		wantRecords(t, j, numbered("first", "second"))
		mustClose(t, j)
	})
}

func TestWhoWaitsWhileAnotherWritesIsWrittenInOneGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, blocked, resume := newDisk(), make(chan struct{}), make(chan struct{})
		writes := 0
		j := mustOpen(t, Options{Dir: t.TempDir(), Sync: Always, OpenFile: d.OpenFile, OnWrite: func(int, time.Duration) { writes++ }})
		var once sync.Once
		d.slowWrite = func() { once.Do(func() { close(blocked); <-resume }) }
		var all sync.WaitGroup
		all.Go(func() { mustAppend(t, j, "first") })
		<-blocked
		for range 20 {
			all.Go(func() { mustAppend(t, j, "later") })
		}
		synctest.Wait()
		close(resume)
		all.Wait()
		if writes != 2 {
			t.Errorf("%d writes, want 2", writes)
		}
		mustClose(t, j)
	})
}

func TestTheIntervalFsyncs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := mustOpen(t, Options{Dir: t.TempDir(), OpenFile: newDisk().OpenFile})
		mustAppend(t, j, "one", "two")
		if s := j.Stats(); s.Durable != 0 {
			t.Errorf("durable up to %d before the interval has passed", s.Durable)
		}
		if _, err := j.Append([]byte("nobody waits for it")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(101 * time.Millisecond)
		synctest.Wait()
		if s := j.Stats(); s.Durable != 3 {
			t.Errorf("durable up to %d after the interval, want 3", s.Durable)
		}
		mustClose(t, j)
	})
}

func TestSyncIsReadAndShown(t *testing.T) {
	for _, want := range []string{"always", "interval", "never"} {
		if s, err := ParseSync(want); err != nil || s.String() != want {
			t.Errorf("%s is read as %v, %v", want, s, err)
		}
	}
	if _, err := ParseSync("sometimes"); err == nil {
		t.Error("sometimes is read")
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for name, o := range map[string]Options{
		"no directory":       {},
		"unknown sync":       {Dir: t.TempDir(), Sync: 9},
		"negative interval":  {Dir: t.TempDir(), Interval: -1},
		"segments too large": {Dir: t.TempDir(), Segment: maxSegment + 1},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Open(o); err == nil {
				t.Error("no error")
			}
		})
	}
}
