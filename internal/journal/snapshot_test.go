package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// text writes a snapshot's content, piece by piece.
func text(s string) func(io.Writer) error {
	return func(w io.Writer) error {
		for len(s) > 0 {
			n := min(len(s), 7777)
			if _, err := io.WriteString(w, s[:n]); err != nil {
				return err
			}
			s = s[n:]
		}
		return nil
	}
}

func mustSnapshot(t testing.TB, j *Journal, position uint64, s string) {
	t.Helper()
	if err := j.Snapshot(position, text(s)); err != nil {
		t.Fatal(err)
	}
}

func TestTheLatestSnapshotComesBack(t *testing.T) {
	for _, size := range []int{0, 1, blockSize - 1, blockSize, blockSize + 1, 3*blockSize + 5} {
		t.Run(fmt.Sprintf("of %d bytes", size), func(t *testing.T) {
			dir := t.TempDir()
			j := mustOpen(t, Options{Dir: dir, OpenFile: newDisk().OpenFile})
			if position, s := readAll(t, j); position != 0 || s != "" {
				t.Errorf("a snapshot of %d in a new journal", position)
			}
			mustAppend(t, j, "one", "two")
			mustSnapshot(t, j, 1, "old")
			want := strings.Repeat("state", size)[:size]
			mustSnapshot(t, j, 2, want)
			for range 2 {
				if position, s := readAll(t, j); position != 2 || s != want {
					t.Errorf("a snapshot of %d with %d bytes, want 2 with %d", position, len(s), size)
				}
				if at := j.Stats().SnapshotAt; at != 2 {
					t.Errorf("SnapshotAt is %d, want 2", at)
				}
				mustClose(t, j)
				j = mustOpen(t, Options{Dir: dir, OpenFile: newDisk().OpenFile})
			}
		})
	}
}

func TestADamagedSnapshotIsPassedOver(t *testing.T) {
	dir := t.TempDir()
	j := mustOpen(t, Options{Dir: dir, OpenFile: newDisk().OpenFile})
	mustAppend(t, j, "one", "two", "three")
	mustSnapshot(t, j, 1, "old")
	mustSnapshot(t, j, 2, "new")
	path := snapshotPath(dir, 2)
	sound, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for bit := range len(sound) * 8 {
		damaged := bytes.Clone(sound)
		damaged[bit/8] ^= 1 << (bit % 8)
		os.Remove(path)
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		if position, s := readAll(t, j); position != 1 || s != "old" {
			t.Fatalf("with bit %d flipped: a snapshot of %d: %q", bit, position, s)
		}
	}
	for size := range sound {
		os.Remove(path)
		if err := os.WriteFile(path, sound[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		if position, s := readAll(t, j); position != 1 || s != "old" {
			t.Fatalf("cut at %d: a snapshot of %d: %q", size, position, s)
		}
	}
	mustClose(t, j)
	j = mustOpen(t, Options{Dir: dir, OpenFile: newDisk().OpenFile})
	if position, s := readAll(t, j); position != 1 || s != "old" {
		t.Errorf("after a restart: a snapshot of %d: %q", position, s)
	}
	if err := os.WriteFile(snapshotPath(dir, 1), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if position, _ := readAll(t, j); position != 0 {
		t.Errorf("without a sound snapshot, but with all records: a snapshot of %d", position)
	}
	wantRecords(t, j, numbered("one", "two", "three"))
}

func TestSnapshotsLetOldRecordsGo(t *testing.T) {
	dir := t.TempDir()
	o := Options{Dir: dir, Segment: 60, Keep: -1, OpenFile: newDisk().OpenFile}
	j := mustOpen(t, o)
	for i := range 20 {
		mustAppend(t, j, fmt.Sprintf("record %d", i+1))
	}
	mustSnapshot(t, j, 5, "first")
	if j.First() != 1 {
		t.Errorf("after one snapshot, the first record is %d, want 1", j.First())
	}
	mustSnapshot(t, j, 10, "second")
	if first := j.First(); first < 4 || first > 6 {
		t.Errorf("after snapshots of 5 and 10, the first record is %d, want about 5", first)
	}
	mustSnapshot(t, j, 15, "third")
	mustSnapshot(t, j, 20, "fourth")
	if first := j.First(); first < 14 || first > 16 {
		t.Errorf("after snapshots of 15 and 20, the first record is %d, want about 15", first)
	}
	files, _ := filepath.Glob(filepath.Join(dir, "snapshot-*"))
	if diff := cmp.Diff([]string{snapshotPath(dir, 15), snapshotPath(dir, 20)}, files); diff != "" {
		t.Errorf("snapshots (-want +got):\n%s", diff)
	}
	var size int64
	for _, b := range content(t, dir) {
		size += int64(len(b))
	}
	if s := j.Stats(); s.Bytes != size || s.Segments != len(segmentFiles(t, dir)) {
		t.Errorf("%+v, want %d bytes in %d segments", s, size, len(segmentFiles(t, dir)))
	}
	mustClose(t, j)

	j = mustOpen(t, o)
	got, err := records(j, 16)
	if err != nil || len(got) != 5 {
		t.Errorf("after a restart: %v, %v", got, err)
	}
	mustClose(t, j)
	for _, path := range files {
		if err := os.WriteFile(path, []byte("damaged"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	j = mustOpen(t, o)
	var damaged *DamagedError
	if _, _, err := j.Latest(); !errors.As(err, &damaged) || damaged.File != files[1] {
		t.Errorf("error %v, want a DamagedError of %s", err, files[1])
	}
	mustClose(t, j)
	os.Remove(files[0])
	os.Remove(files[1])
	j = mustOpen(t, o)
	if _, _, err := j.Latest(); !errors.As(err, &damaged) {
		t.Errorf("without snapshots: error %v, want a DamagedError", err)
	}
}

func TestKeepHoldsOldSegmentsBack(t *testing.T) {
	j := mustOpen(t, Options{Dir: t.TempDir(), Segment: 60, Keep: 130, OpenFile: newDisk().OpenFile})
	for i := range 20 {
		mustAppend(t, j, fmt.Sprintf("record %d", i+1))
	}
	mustSnapshot(t, j, 19, "first")
	mustSnapshot(t, j, 20, "second")
	if first := j.First(); first != 18 {
		t.Errorf("the first record is %d, want 18: two segments of 49 bytes before the one of record 20", first)
	}
}

func TestAFailedSnapshotLeavesTheOldOne(t *testing.T) {
	d, c, dir := newDisk(), &clock{}, t.TempDir()
	j := mustOpen(t, Options{Dir: dir, OpenFile: d.OpenFile, Now: c.Now, Interval: time.Hour})
	mustAppend(t, j, "one", "two")
	mustSnapshot(t, j, 1, "old")
	if err := j.Snapshot(2, func(io.Writer) error { return errSick }); !errors.Is(err, errSick) {
		t.Errorf("error %v, want the writer's", err)
	}
	d.set(func(d *faultyDisk) { d.room = 50 })
	if err := j.Snapshot(2, text("no room for this")); !errors.Is(err, errNoSpace) {
		t.Errorf("error %v, want the disk's", err)
	}
	d.set(func(d *faultyDisk) { d.room = -1 })
	err := j.Snapshot(2, func(io.Writer) error {
		d.set(func(d *faultyDisk) { d.room = 0 })
		_, err := put(j, "shown by the snapshot, and refused")
		if !errors.Is(err, ErrFailed) {
			t.Errorf("error %v, want ErrFailed", err)
		}
		d.set(func(d *faultyDisk) { d.room = -1 })
		c.pass(time.Second)
		return j.Retry() // that all is well again does not help
	})
	if !errors.Is(err, ErrFailed) {
		t.Errorf("a snapshot during a failure: %v", err)
	}
	if position, s := readAll(t, j); position != 1 || s != "old" {
		t.Errorf("a snapshot of %d: %q", position, s)
	}
	if names, _ := filepath.Glob(filepath.Join(dir, "*"+unfinishedEnd)); len(names) > 0 {
		t.Errorf("left behind: %v", names)
	}
}

func TestASnapshotHasItsPlace(t *testing.T) {
	j := mustOpen(t, Options{Dir: t.TempDir(), OpenFile: newDisk().OpenFile})
	mustAppend(t, j, "one", "two")
	mustSnapshot(t, j, 2, "two")
	for _, position := range []uint64{1, 3} {
		if err := j.Snapshot(position, text("")); err == nil {
			t.Errorf("a snapshot of %d is taken", position)
		}
	}
	mustSnapshot(t, j, 2, "two again")
	if position, s := readAll(t, j); position != 2 || s != "two again" {
		t.Errorf("a snapshot of %d: %q", position, s)
	}
}

// A snapshot may know of records that the loss of power takes. Their positions must not name others.
func TestPositionsThatASnapshotKnowsAreNotGivenOutAgain(t *testing.T) {
	dir := t.TempDir()
	o := Options{Dir: dir, OpenFile: newDisk().OpenFile}
	j := mustOpen(t, o)
	mustAppend(t, j, "one")
	err := j.Snapshot(1, func(io.Writer) error {
		mustAppend(t, j, "two", "three")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	mustClose(t, j)
	if err := os.Truncate(segmentFiles(t, dir)[0], headerSize+headSize+3); err != nil {
		t.Fatal(err)
	}
	want := map[uint64]string{1: "one", 4: "four"}
	j = mustOpen(t, o)
	mustAppend(t, j, "four")
	wantRecords(t, j, want)
	mustClose(t, j)
	wantRecords(t, mustOpen(t, o), want)
}

func TestUnfinishedFilesAreRemoved(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{snapshotPath(dir, 3) + unfinishedEnd, segmentPath(dir, 4) + unfinishedEnd} {
		if err := os.WriteFile(path, []byte("unfinished"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	other := filepath.Join(dir, "notes"+unfinishedEnd)
	if err := os.WriteFile(other, []byte("not ours"), 0o600); err != nil {
		t.Fatal(err)
	}
	mustOpen(t, Options{Dir: dir})
	if names, _ := filepath.Glob(filepath.Join(dir, "*"+unfinishedEnd)); len(names) != 1 || names[0] != other {
		t.Errorf("left: %v, want only %s", names, other)
	}
}

func TestSnapshotsWithoutSegmentsAreDamage(t *testing.T) {
	dir := t.TempDir()
	j := mustOpen(t, Options{Dir: dir})
	mustAppend(t, j, "one")
	mustSnapshot(t, j, 1, "state")
	mustClose(t, j)
	os.Remove(segmentFiles(t, dir)[0])
	var damaged *DamagedError
	if _, err := Open(Options{Dir: dir}); !errors.As(err, &damaged) {
		t.Errorf("error %v, want a DamagedError", err)
	}
}

func TestRewriteErases(t *testing.T) {
	dir := t.TempDir()
	o := Options{Dir: dir, Segment: 80, OpenFile: newDisk().OpenFile, Interval: time.Hour}
	j := mustOpen(t, o)
	for i := range 12 {
		mustAppend(t, j, fmt.Sprintf("of customer %d", i%3))
	}
	if _, err := j.Append([]byte("of customer 1")); err != nil {
		t.Fatal(err)
	}
	err := j.Rewrite(func(position uint64, record []byte) ([]byte, bool) {
		switch {
		case string(record) == "of customer 1":
			return nil, false
		case position == 1:
			return []byte("a longer replacement of what was there"), true
		}
		return record, true
	})
	if err != nil {
		t.Fatal(err)
	}
	mustAppend(t, j, "after")
	want := map[uint64]string{1: "a longer replacement of what was there", 13: "", 14: "after"}
	for i := 1; i < 12; i++ {
		want[uint64(i+1)] = fmt.Sprintf("of customer %d", i%3)
		if i%3 == 1 {
			want[uint64(i+1)] = ""
		}
	}
	wantRecords(t, j, want)
	size := int64(0)
	for name, b := range content(t, dir) {
		size += int64(len(b))
		if strings.Contains(b, "of customer 1") {
			t.Errorf("%s still has what was erased", name)
		}
	}
	if s := j.Stats(); s.Bytes != size {
		t.Errorf("%d bytes, want %d", s.Bytes, size)
	}
	mustClose(t, j)
	wantRecords(t, mustOpen(t, o), want)
}

func TestARewriteThatFailsLosesNothing(t *testing.T) {
	for room := int64(0); room < 700; room += 23 {
		d, dir := newDisk(), t.TempDir()
		j := mustOpen(t, Options{Dir: dir, Segment: 80, OpenFile: d.OpenFile})
		want := map[uint64]string{}
		for i := range 10 {
			want[uint64(i+1)] = fmt.Sprintf("record %d", i)
			mustAppend(t, j, want[uint64(i+1)])
		}
		d.set(func(d *faultyDisk) { d.room = room })
		err := j.Rewrite(func(_ uint64, record []byte) ([]byte, bool) { return record, true })
		if err != nil && !errors.Is(err, errNoSpace) {
			t.Fatal(err)
		}
		d.set(func(d *faultyDisk) { d.room = -1 })
		wantRecords(t, j, want)
		if err := j.Close(); err != nil && !errors.Is(err, ErrFailed) {
			t.Fatal(err)
		}
		wantRecords(t, mustOpen(t, Options{Dir: dir, OpenFile: newDisk().OpenFile}), want)
	}
}

func FuzzLatest(f *testing.F) {
	dir := f.TempDir()
	j := mustOpen(f, Options{Dir: dir, OpenFile: newDisk().OpenFile})
	mustAppend(f, j, "one")
	for _, size := range []int{0, 5, blockSize + 1} {
		mustSnapshot(f, j, 1, strings.Repeat("s", size))
		b, err := os.ReadFile(snapshotPath(dir, 1))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(b[:len(b)-1])
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		dir := t.TempDir()
		o := Options{Dir: dir, OpenFile: newDisk().OpenFile}
		mustClose(t, mustOpen(t, o))
		if err := os.WriteFile(snapshotPath(dir, 1), file, 0o600); err != nil {
			t.Fatal(err)
		}
		j := mustOpen(t, o)
		position, content := readAll(t, j)
		if position == 0 {
			return // passed over
		}
		mustSnapshot(t, j, j.Last(), content) // what is sound can be written again, and is then the same but for its end
		if _, again := readAll(t, j); again != content {
			t.Error("the content is another when written again")
		}
	})
}
