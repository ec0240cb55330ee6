package journal

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A clock is set by its test.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

var errSick = errors.New("input/output error")

func TestAFailedWriteIsRefusedAndDoesNotReappear(t *testing.T) {
	for name, fault := range map[string]func(*faultyDisk){
		"no space":                        func(d *faultyDisk) { d.room = 13 },
		"a short write":                   func(d *faultyDisk) { d.room, d.short = 13, true },
		"no space, and no truncation":     func(d *faultyDisk) { d.room, d.truncate = 13, errSick },
		"a failing fsync":                 func(d *faultyDisk) { d.sync = errSick },
		"a failing fsync, no truncation":  func(d *faultyDisk) { d.sync, d.truncate = errSick, errSick },
		"no space, and no files opened":   func(d *faultyDisk) { d.room, d.open = 13, errSick },
		"whole records before it is full": func(d *faultyDisk) { d.room, d.truncate = 30, errSick },
	} {
		t.Run(name, func(t *testing.T) {
			d, c, dir := newDisk(), &clock{}, t.TempDir()
			failures := 0
			o := Options{
				Dir: dir, Sync: Always, OpenFile: d.OpenFile, Now: c.Now,
				OnFailure: func(error) { failures++ },
			}
			j := mustOpen(t, o)
			mustAppend(t, j, "acknowledged")

			d.set(fault)
			for range 3 {
				if _, err := j.Append([]byte("refused")); err != nil {
					t.Fatal(err)
				}
			}
			for position := uint64(2); position <= 4; position++ {
				err := j.Wait(t.Context(), position)
				if !errors.Is(err, ErrFailed) || !errors.Is(err, errNoSpace) && !errors.Is(err, errSick) && name != "a short write" {
					t.Errorf("waiting for %d: %v", position, err)
				}
			}
			if s := j.Stats(); !s.Failed || s.LastError == nil || failures != 1 {
				t.Errorf("%+v after %d failures", s, failures)
			}
			if _, err := j.Append([]byte("too early")); !errors.Is(err, ErrFailed) {
				t.Errorf("appending at once: %v", err)
			}
			c.pass(time.Second)
			if _, err := put(j, "too ill"); !errors.Is(err, ErrFailed) {
				t.Errorf("appending after a second: %v", err)
			}
			if err := j.Snapshot(1, nil); !errors.Is(err, ErrFailed) {
				t.Errorf("a snapshot: %v", err)
			}

			d.set(func(d *faultyDisk) { d.room, d.short, d.sync, d.truncate, d.open = -1, false, nil, nil, nil })
			c.pass(time.Second)
			position, err := put(j, "works again")
			if err != nil {
				t.Fatal(err)
			}
			if s := j.Stats(); s.Failed || position != 6 {
				t.Errorf("%+v at %d", s, position)
			}
			if err := j.Wait(t.Context(), 3); !errors.Is(err, ErrFailed) {
				t.Errorf("waiting late for what was refused: %v", err)
			}
			mustAppend(t, j, "goes on")
			want := map[uint64]string{1: "acknowledged", 6: "works again", 7: "goes on"}
			wantRecords(t, j, want)
			mustClose(t, j)
			j = mustOpen(t, Options{Dir: dir})
			wantRecords(t, j, want)
			mustAppend(t, j, "after restart")
			want[8] = "after restart"
			wantRecords(t, j, want)
		})
	}
}

func TestCloseDeclaresVoidWhatCouldNotBeCut(t *testing.T) {
	d, dir := newDisk(), t.TempDir()
	j := mustOpen(t, Options{Dir: dir, Sync: Never, OpenFile: d.OpenFile})
	mustAppend(t, j, "acknowledged")
	d.set(func(d *faultyDisk) { d.room, d.truncate = 20, errSick })
	for range 3 {
		if _, err := j.Append([]byte("refused")); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Wait(t.Context(), 2); !errors.Is(err, errNoSpace) {
		t.Fatal(err)
	}
	d.set(func(d *faultyDisk) { d.room = -1 })
	mustClose(t, j)
	j = mustOpen(t, Options{Dir: dir})
	wantRecords(t, j, numbered("acknowledged"))
	if position, err := put(j, "next"); err != nil || position < 5 {
		t.Errorf("the position of a refused record is given out again: %d, %v", position, err)
	}
}

func TestWhatAFailedFsyncLeftInDoubtIsWrittenAgain(t *testing.T) {
	for _, withBefore := range []bool{true, false} {
		t.Run(fmt.Sprintf("with durable records before it: %v", withBefore), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, dir := newDisk(), t.TempDir()
				j := mustOpen(t, Options{Dir: dir, OpenFile: d.OpenFile})
				want := map[uint64]string{}
				if withBefore {
					mustAppend(t, j, "durable")
					want[1] = "durable"
					time.Sleep(101 * time.Millisecond)
					synctest.Wait()
				}
				d.set(func(d *faultyDisk) { d.sync = errSick })
				position, err := put(j, "in doubt")
				if err != nil {
					t.Fatal(err)
				}
				want[position] = "in doubt"
				time.Sleep(101 * time.Millisecond)
				synctest.Wait()
				if s := j.Stats(); !s.Failed || s.Durable != position-1 {
					t.Errorf("%+v after a failed fsync", s)
				}
				d.set(func(d *faultyDisk) { d.sync = nil })
				time.Sleep(2 * time.Second)
				synctest.Wait()
				if s := j.Stats(); s.Failed || s.Durable != position {
					t.Errorf("%+v: the interval has not got the journal out of its failure", s)
				}
				position, err = put(j, "next")
				if err != nil {
					t.Fatal(err)
				}
				want[position] = "next"
				wantRecords(t, j, want)
				mustClose(t, j)

				// What the failed fsync was for may be anything now: nobody may look at it.
				for _, path := range segmentFiles(t, dir)[:1] {
					if !withBefore {
						break
					}
					b, err := os.ReadFile(path)
					if err != nil {
						t.Fatal(err)
					}
					b = append(b[:headerSize+headSize+len("durable")], "not what was written"...)
					if err := os.WriteFile(path, b, 0o600); err != nil {
						t.Fatal(err)
					}
				}
				j = mustOpen(t, Options{Dir: dir})
				wantRecords(t, j, want)
				mustClose(t, j)
			})
		})
	}
}

func TestWhatCannotBeReadBackAfterAFailedFsyncDoesNotStopTheJournal(t *testing.T) {
	d, c, dir := newDisk(), &clock{}, t.TempDir()
	j := mustOpen(t, Options{Dir: dir, Sync: Never, OpenFile: d.OpenFile, Now: c.Now})
	mustAppend(t, j, "will be lost")
	d.set(func(d *faultyDisk) { d.sync, d.readback = errSick, errSick })
	if err := j.Snapshot(1, func(io.Writer) error { return nil }); !errors.Is(err, errSick) {
		t.Fatal(err)
	}
	d.set(func(d *faultyDisk) { d.sync = nil })
	c.pass(time.Second)
	if err := j.Retry(); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, j, "goes on")
	mustClose(t, j)
	wantRecords(t, mustOpen(t, Options{Dir: dir}), map[uint64]string{2: "goes on"})
}

func TestAFileWhoseFsyncFailedIsNotWrittenAgain(t *testing.T) {
	d, c, dir := newDisk(), &clock{}, t.TempDir()
	j := mustOpen(t, Options{Dir: dir, Sync: Never, OpenFile: d.OpenFile, Now: c.Now})
	mustAppend(t, j, "in doubt")
	d.set(func(d *faultyDisk) { d.sync = errSick })
	if err := j.Snapshot(1, text("state")); !errors.Is(err, errSick) {
		t.Fatal(err)
	}
	d.set(func(d *faultyDisk) { d.sync = nil })
	c.pass(time.Second)
	mustAppend(t, j, "next")
	if s := j.Stats(); s.Durable != 1 {
		t.Errorf("durable up to %d, want 1", s.Durable)
	}
	wantRecords(t, j, numbered("in doubt", "next"))
	mustClose(t, j)
	wantRecords(t, mustOpen(t, Options{Dir: dir}), numbered("in doubt", "next"))
}

func TestRetryGetsAnIdleJournalOutOfItsFailure(t *testing.T) {
	d, c := newDisk(), &clock{}
	j := mustOpen(t, Options{Dir: t.TempDir(), Sync: Always, OpenFile: d.OpenFile, Now: c.Now})
	if err := j.Retry(); err != nil {
		t.Errorf("retrying what works: %v", err)
	}
	d.set(func(d *faultyDisk) { d.room = 0 })
	if _, err := put(j, "refused"); err == nil {
		t.Fatal("no failure")
	}
	d.set(func(d *faultyDisk) { d.room = -1 })
	if err := j.Retry(); !errors.Is(err, errNoSpace) {
		t.Errorf("retrying at once: %v", err)
	}
	c.pass(time.Second)
	if err := j.Retry(); err != nil {
		t.Errorf("retrying after a second: %v", err)
	}
	mustAppend(t, j, "next")
	wantRecords(t, j, map[uint64]string{2: "next"})
}

// Whatever a disk does, what was acknowledged is there after a crash, and what was refused is not.
func TestNothingAcknowledgedIsLostAndNothingRefusedReappears(t *testing.T) {
	for seed := range uint64(60) {
		random := rand.New(rand.NewPCG(seed, 1))
		d, c, dir := newDisk(), &clock{}, t.TempDir()
		o := Options{
			Dir: dir, Sync: Sync(random.IntN(3)), Interval: time.Hour, Segment: 400,
			OpenFile: d.OpenFile, Now: c.Now,
		}
		want := map[uint64]string{}
		j := mustOpen(t, o)
		for step := range 60 {
			switch random.IntN(10) {
			case 0:
				d.set(func(d *faultyDisk) { d.room, d.short = random.Int64N(200), random.IntN(2) == 0 })
			case 1:
				d.set(func(d *faultyDisk) { d.sync = errSick })
			case 2:
				d.set(func(d *faultyDisk) { d.open = errSick })
			case 3:
				d.set(func(d *faultyDisk) { d.room, d.sync, d.open = -1, nil, nil })
				c.pass(time.Second)
			case 4:
				_ = j.sync()
			case 5: // a crash: another journal finds the files as they are
				files, at := content(t, dir), t.TempDir()
				restore(t, at, files)
				other, err := Open(Options{Dir: at, OpenFile: newDisk().OpenFile})
				if err != nil {
					t.Fatalf("seed %d, step %d: %v", seed, step, err)
				}
				wantRecords(t, other, want)
				mustClose(t, other)
			default:
				var positions []uint64
				records := map[uint64]string{}
				for i := range 1 + random.IntN(4) {
					record := fmt.Sprintf("record %d of step %d", i, step)
					if position, err := j.Append([]byte(record)); err == nil {
						positions = append(positions, position)
						records[position] = record
					}
				}
				for _, position := range positions {
					if j.Wait(t.Context(), position) == nil {
						want[position] = records[position]
					}
				}
			}
		}
		d.set(func(d *faultyDisk) { d.room, d.sync, d.open = -1, nil, nil })
		c.pass(time.Second)
		if err := j.Retry(); err != nil {
			c.pass(time.Second) // the first try found that an fsync had failed
			if err := j.Retry(); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
		}
		wantRecords(t, j, want)
		mustClose(t, j)
		j = mustOpen(t, Options{Dir: dir, OpenFile: newDisk().OpenFile})
		wantRecords(t, j, want)
		mustClose(t, j)
		if leftovers, _ := filepath.Glob(filepath.Join(dir, "*"+unfinishedEnd)); len(leftovers) > 0 {
			t.Errorf("seed %d: left behind: %v", seed, leftovers)
		}
	}
}
