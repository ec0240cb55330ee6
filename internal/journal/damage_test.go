package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// small makes a journal of three segments with twelve records, and returns its files.
func small(t testing.TB) (dir string, files map[string]string, want map[uint64]string) {
	t.Helper()
	dir = t.TempDir()
	j := mustOpen(t, Options{Dir: dir, Segment: 100, OpenFile: newDisk().OpenFile})
	want = map[uint64]string{}
	for i := range 12 {
		record := strings.Repeat(fmt.Sprint(i), i*7%11)
		mustAppend(t, j, record)
		want[uint64(i+1)] = record
	}
	mustClose(t, j)
	if n := len(segmentFiles(t, dir)); n != 3 {
		t.Fatalf("the small journal has %d segments, want 3", n)
	}
	return dir, content(t, dir), want
}

// isPrefix tells whether got is the first len(got) records of want.
func isPrefix(got, want map[uint64]string) bool {
	for i := range got {
		if i > uint64(len(got)) || got[i] != want[i] {
			return false
		}
	}
	return true
}

func TestAJournalCutAnywhereOpensWithAPrefix(t *testing.T) {
	dir, files, want := small(t)
	last := segmentFiles(t, dir)[2]
	name := filepath.Base(last)
	least := len(want)
	for n := len(files[name]); n >= 0; n-- {
		restore(t, dir, files)
		if err := os.Truncate(last, int64(n)); err != nil {
			t.Fatal(err)
		}
		j, err := Open(Options{Dir: dir, OpenFile: newDisk().OpenFile})
		if err != nil {
			t.Fatalf("cut at %d: %v", n, err)
		}
		got, err := records(j, 0)
		if err != nil || !isPrefix(got, want) || len(got) > least {
			t.Fatalf("cut at %d: %v, %v", n, got, err)
		}
		least = len(got)
		position, err := put(j, "next")
		if err != nil || position != uint64(len(got)+1) {
			t.Fatalf("cut at %d: record %d follows %d, %v", n, position, len(got), err)
		}
		mustClose(t, j)
		want := maps.Clone(got)
		want[position] = "next"
		j = mustOpen(t, Options{Dir: dir, OpenFile: newDisk().OpenFile})
		wantRecords(t, j, want)
		mustClose(t, j)
	}
	if first, _ := parseName(name, "journal-", segmentEnd); uint64(least) != first-1 {
		t.Errorf("without the last segment, %d records are left, want all before %d", least, first)
	}
}

func TestAFlippedBitIsCutOrRefused(t *testing.T) {
	dir, files, want := small(t)
	names := segmentFiles(t, dir)
	refused, cut := 0, 0
	for i, path := range names {
		name := filepath.Base(path)
		for bit := range len(files[name]) * 8 {
			flipped := []byte(files[name])
			flipped[bit/8] ^= 1 << (bit % 8)
			damaged := maps.Clone(files)
			damaged[name] = string(flipped)
			restore(t, dir, damaged)
			j, err := Open(Options{Dir: dir, OpenFile: newDisk().OpenFile})
			if err != nil {
				var e *DamagedError
				if !errors.As(err, &e) || e.File != path && i < 2 {
					t.Fatalf("%s, bit %d: %v", name, bit, err)
				}
				if diff := cmp.Diff(damaged, content(t, dir)); diff != "" {
					t.Fatalf("%s, bit %d: the refused journal was changed:\n%s", name, bit, diff)
				}
				refused++
				continue
			}
			got, err := records(j, 0)
			if err != nil || i < 2 || !isPrefix(got, want) || len(got) != len(want)-1 {
				t.Fatalf("%s, bit %d: %d records, %v", name, bit, len(got), err)
			}
			cut++
			mustClose(t, j)
		}
	}
	if refused == 0 || cut == 0 {
		t.Errorf("%d flips were refused, %d cut", refused, cut)
	}
}

func TestAMissingSegmentIsDamage(t *testing.T) {
	dir, _, _ := small(t)
	if err := os.Remove(segmentFiles(t, dir)[1]); err != nil {
		t.Fatal(err)
	}
	before := content(t, dir)
	_, err := Open(Options{Dir: dir})
	var damaged *DamagedError
	if !errors.As(err, &damaged) || damaged.Offset == 0 {
		t.Errorf("error %v, want a DamagedError with a place", err)
	}
	if diff := cmp.Diff(before, content(t, dir)); diff != "" {
		t.Errorf("files changed:\n%s", diff)
	}
}

func TestAShortenedMiddleIsDamage(t *testing.T) {
	dir, files, _ := small(t)
	path := segmentFiles(t, dir)[1]
	for n := range len(files[filepath.Base(path)]) {
		restore(t, dir, files)
		if err := os.Truncate(path, int64(n)); err != nil {
			t.Fatal(err)
		}
		_, err := Open(Options{Dir: dir})
		var damaged *DamagedError
		if !errors.As(err, &damaged) || damaged.File != path {
			t.Errorf("cut at %d: error %v, want a DamagedError of %s", n, err, path)
		}
	}
}

func TestZerosAreTheEnd(t *testing.T) {
	dir, files, want := small(t)
	path := segmentFiles(t, dir)[2]
	files[filepath.Base(path)] += strings.Repeat("\x00", 5000)
	restore(t, dir, files)
	j := mustOpen(t, Options{Dir: dir})
	wantRecords(t, j, want)
	mustAppend(t, j, "next")
	want[13] = "next"
	wantRecords(t, j, want)
}

func TestARecordElsewhereIsNoRecord(t *testing.T) {
	dir := t.TempDir()
	j := mustOpen(t, Options{Dir: dir})
	mustAppend(t, j, "first", "other")
	mustClose(t, j)
	path := segmentFiles(t, dir)[0]
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	again := append(b, b[headerSize:headerSize+headSize+5]...) // as a page that the disk has put twice
	if err := os.WriteFile(path, again, 0o600); err != nil {
		t.Fatal(err)
	}
	wantRecords(t, mustOpen(t, Options{Dir: dir}), numbered("first", "other"))
}

func TestASoundRecordIsFoundBehindABadOne(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	noise := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		return b
	}
	record := func(position uint64, payload []byte) []byte {
		return appendRecord(nil, payload, payloadSum(payload), position)
	}
	for round := range 300 {
		position := uint64(1)<<(round%60) - uint64(round%2) + 1
		garbage := noise(8 + random.IntN(3000))
		if soundAfter(garbage, position) {
			t.Fatalf("round %d: noise is taken for a record", round)
		}
		later := position + 1 + uint64(random.IntN(len(garbage)/8))
		data := append(garbage, record(later, noise(random.IntN(5000)))...)
		data = append(data, noise(random.IntN(100))...)
		if !soundAfter(data, position) {
			t.Fatalf("round %d: record %d is not found after a bad %d", round, later, position)
		}
	}
	far := noise(3 << 20)
	if soundAfter(far, 7) {
		t.Error("much noise is taken for a record")
	}
	far = append(far, record(9, noise(2000))...)
	if !soundAfter(far, 7) {
		t.Error("a record is not found at the end of much noise")
	}
	torn := record(7, noise(maxRecord))
	if soundAfter(torn[:len(torn)-1], 7) {
		t.Error("a large torn record is taken for damage")
	}
}

func TestAPartsSumComesFromPrefixes(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	data := make([]byte, 1<<20)
	for i := range data {
		data[i] = byte(random.Uint32())
	}
	p := newPrefixes(data)
	for range 2000 {
		at := random.IntN(len(data))
		length := random.IntN(len(data) - at)
		if got, want := p.sum(at, length), payloadSum(data[at:at+length]); got != want {
			t.Fatalf("%d bytes at %d: %x, want %x", length, at, got, want)
		}
	}
}

// mend gives a segment a sound header, and the records that it has by their lengths sound checksums, so that fuzzing
// gets behind them.
func mend(b []byte) []byte {
	b = append(header{first: 1}.append(nil, segmentMagic), b[min(headerSize, len(b)):]...)
	for at, position := headerSize, uint64(1); at+headSize <= len(b); position++ {
		length := int(binary.LittleEndian.Uint32(b[at:]))
		if length > len(b)-headSize-at {
			break
		}
		sum := recordSum(payloadSum(b[at+headSize:at+headSize+length]), position)
		binary.LittleEndian.PutUint32(b[at+4:], sum)
		at += headSize + length
	}
	return b
}

func FuzzOpen(f *testing.F) {
	dir, files, _ := small(f)
	for _, path := range segmentFiles(f, dir) {
		f.Add([]byte(files[filepath.Base(path)]), false)
		f.Add([]byte(files[filepath.Base(path)]), true)
	}
	first := []byte(files[filepath.Base(segmentFiles(f, dir)[0])])
	f.Add(first[:len(first)-3], false)
	f.Add(append(first, make([]byte, 40)...), true)
	f.Add([]byte{}, false)
	f.Fuzz(func(t *testing.T, segment []byte, mended bool) {
		if mended {
			segment = mend(segment)
		}
		dir := t.TempDir()
		path := segmentPath(dir, 1)
		if err := os.WriteFile(path, segment, 0o600); err != nil {
			t.Fatal(err)
		}
		j, err := Open(Options{Dir: dir, OpenFile: newDisk().OpenFile})
		if err != nil {
			var damaged *DamagedError
			if !errors.As(err, &damaged) {
				t.Fatal(err)
			}
			if content(t, dir)[filepath.Base(path)] != string(segment) {
				t.Fatal("the refused segment was changed")
			}
			return
		}
		want, err := records(j, 0)
		if err != nil {
			t.Fatal(err)
		}
		position, err := put(j, "next")
		if err != nil {
			t.Fatal(err)
		}
		want[position] = "next"
		mustClose(t, j)
		j = mustOpen(t, Options{Dir: dir, OpenFile: newDisk().OpenFile})
		wantRecords(t, j, want)
		mustClose(t, j)
	})
}
