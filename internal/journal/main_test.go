package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

// TestMain runs the tests, or plays the process that TestAKilledProcessLosesNothingAcknowledged kills.
func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDirEnv); dir != "" {
		os.Exit(appendUntilKilled(dir, os.Getenv(crashSyncEnv)))
	}
	goleak.VerifyTestMain(m)
}

// A faultyDisk opens real files, and fails as told.
type faultyDisk struct {
	mu        sync.Mutex
	room      int64 // bytes that can still be written; negative: no bound
	short     bool  // what does not fit is dropped without an error
	open      error
	sync      error
	truncate  error
	readback  error
	syncs     int
	onSync    func() // outside of mu
	slowWrite func() // outside of mu
}

var errNoSpace = errors.New("no space left on this disk")

func newDisk() *faultyDisk { return &faultyDisk{room: -1} }

func (d *faultyDisk) set(change func(*faultyDisk)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change(d)
}

func (d *faultyDisk) OpenFile(name string, flag int, perm os.FileMode) (File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.open != nil {
		return nil, d.open
	}
	f, err := os.OpenFile(name, flag, perm)
	return &diskFile{f, d}, err
}

type diskFile struct {
	*os.File
	disk *faultyDisk
}

func (f *diskFile) WriteAt(b []byte, at int64) (int, error) {
	if f.disk.slowWrite != nil {
		f.disk.slowWrite()
	}
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	n := int64(len(b))
	if f.disk.room < 0 || n <= f.disk.room {
		if f.disk.room >= 0 {
			f.disk.room -= n
		}
		return f.File.WriteAt(b, at)
	}
	n, f.disk.room = f.disk.room, 0
	wrote, err := f.File.WriteAt(b[:n], at)
	if err == nil && !f.disk.short {
		err = errNoSpace
	}
	return wrote, err
}

func (f *diskFile) ReadAt(b []byte, at int64) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if f.disk.readback != nil {
		return 0, f.disk.readback
	}
	return f.File.ReadAt(b, at)
}

// Sync does not bother the real disk.
func (f *diskFile) Sync() error {
	if f.disk.onSync != nil {
		f.disk.onSync()
	}
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	f.disk.syncs++
	return f.disk.sync
}

func (f *diskFile) Truncate(size int64) error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if f.disk.truncate != nil {
		return f.disk.truncate
	}
	return f.File.Truncate(size)
}

func mustOpen(t testing.TB, o Options) *Journal {
	t.Helper()
	j, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

func mustAppend(t testing.TB, j *Journal, records ...string) {
	t.Helper()
	for _, record := range records {
		if _, err := put(j, record); err != nil {
			t.Fatal(err)
		}
	}
}

// put appends a record and waits for it.
func put(j *Journal, record string) (uint64, error) {
	position, err := j.Append([]byte(record))
	if err != nil {
		return 0, err
	}
	return position, j.Wait(context.Background(), position)
}

func mustClose(t testing.TB, j *Journal) {
	t.Helper()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

// records reads everything that is kept.
func records(j *Journal, from uint64) (map[uint64]string, error) {
	all := map[uint64]string{}
	last := uint64(0)
	err := j.Read(from, func(position uint64, record []byte) error {
		if position <= last {
			return fmt.Errorf("record %d comes after %d", position, last)
		}
		last = position
		all[position] = string(record)
		return nil
	})
	return all, err
}

func wantRecords(t testing.TB, j *Journal, want map[uint64]string) {
	t.Helper()
	got, err := records(j, 0)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("records (-want +got):\n%s", diff)
	}
}

// numbered gives records the positions from 1.
func numbered(records ...string) map[uint64]string {
	m := map[uint64]string{}
	for i, r := range records {
		m[uint64(i+1)] = r
	}
	return m
}

// segmentFiles are the names of segments in dir, ascending.
func segmentFiles(t testing.TB, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "journal-*"+segmentEnd))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	return names
}

// content is what a directory's files hold, but for the lock.
func content(t testing.TB, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() == "lock" {
			continue
		}
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[e.Name()] = string(b)
	}
	return files
}

// restore makes dir hold exactly these files.
func restore(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	old := content(t, dir)
	for name := range old {
		if old[name] != files[name] || files[name] == "" {
			os.Remove(filepath.Join(dir, name)) // overwriting would have some file systems fsync
		}
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if was, ok := old[name]; ok && was != "" && was == files[name] {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(files[name]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func readAll(t testing.TB, j *Journal) (uint64, string) {
	t.Helper()
	position, r, err := j.Latest()
	if err != nil {
		t.Fatal(err)
	}
	if r == nil {
		return position, ""
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return position, string(b)
}
