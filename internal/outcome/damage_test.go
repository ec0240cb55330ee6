package outcome

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// small makes a directory with a table of n records, and returns its only file.
func small(t testing.TB, n int) (dir, file string) {
	t.Helper()
	dir = t.TempDir()
	table, err := Open(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		r := recordOf(i)
		table.Put(keyOf(i), uint64(i+1), &r)
	}
	if err := table.Close(); err != nil {
		t.Fatal(err)
	}
	return dir, filepath.Join(dir, fileName(1))
}

func refused(t *testing.T, dir, file string) {
	t.Helper()
	table, err := Open(Options{Dir: dir})
	if err == nil {
		table.Close()
	}
	var damage *DamagedError
	if !errors.As(err, &damage) || damage.File != file || !strings.Contains(err.Error(), "is damaged at byte") {
		t.Fatalf("got %v, want damage of %s", err, file)
	}
}

func TestAFlippedBitIsRefused(t *testing.T) {
	dir, file := small(t, 3)
	whole := must[[]byte](t)(os.ReadFile(file))
	for i := range whole {
		if i >= headerUsed && i < headerBytes {
			continue // not used
		}
		broken := append([]byte(nil), whole...)
		broken[i] ^= 1 << (i % 8)
		if err := os.WriteFile(file, broken, 0o600); err != nil {
			t.Fatal(err)
		}
		refused(t, dir, file)
	}
}

func TestACutFileIsRefused(t *testing.T) {
	dir, file := small(t, 3)
	whole := must[[]byte](t)(os.ReadFile(file))
	for _, n := range []int{0, 10, headerBytes - 1, headerBytes, headerBytes + 200, len(whole) - 1} {
		if err := os.WriteFile(file, whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		refused(t, dir, file)
	}
	if err := os.WriteFile(file, append(whole, 0), 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, dir, file)
}

func TestAMissingFileIsRefused(t *testing.T) {
	for _, which := range []string{fileName(1), manifestName} {
		dir, _ := small(t, 3)
		if err := os.Remove(filepath.Join(dir, which)); err != nil {
			t.Fatal(err)
		}
		refused(t, dir, filepath.Join(dir, which))
	}
}

func TestADamagedManifestIsRefused(t *testing.T) {
	dir, _ := small(t, 3)
	path := filepath.Join(dir, manifestName)
	whole := must[[]byte](t)(os.ReadFile(path))
	for i := range whole {
		broken := append([]byte(nil), whole...)
		broken[i] ^= 1 << (i % 8)
		if err := os.WriteFile(path, broken, 0o600); err != nil {
			t.Fatal(err)
		}
		refused(t, dir, path)
		if err := os.WriteFile(path, whole[:i], 0o600); err != nil {
			t.Fatal(err)
		}
		refused(t, dir, path)
	}
}

func TestWhatACrashLeftIsRemoved(t *testing.T) {
	dir, _ := small(t, 3)
	for _, name := range []string{"outcome-123.tmp", fileName(99), "other"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	table := open(t, Options{Dir: dir})
	if n := table.Stats().Records; n != 3 {
		t.Errorf("%d records, want 3", n)
	}
	entries := must[[]os.DirEntry](t)(os.ReadDir(dir))
	if len(entries) != 3 { // a file, the manifest, and what is not ours
		t.Errorf("left are %v", entries)
	}
}

func TestDamageThatCameAfterOpenIsFoundByLookups(t *testing.T) {
	dir, path := small(t, 3)
	table := open(t, Options{Dir: dir})
	f := must[*os.File](t)(os.OpenFile(path, os.O_RDWR, 0))
	defer f.Close()
	for _, at := range []int64{slotOffset(0) + 20, slotOffset(0) + markOffset + 9} {
		b := make([]byte, 1)
		must[int](t)(f.ReadAt(b, at))
		must[int](t)(f.WriteAt([]byte{b[0] ^ 1}, at))
		var damage *DamagedError
		for n := range 3 {
			_, _, err := table.Get(keyOf(n))
			_, _, err2 := table.Label(keyOf(n), 100, Fraud, 0)
			if errors.As(err, &damage) != errors.As(err2, &damage) {
				t.Errorf("Get says %v, Label %v", err, err2)
			}
		}
		if damage == nil {
			t.Errorf("the bit at %d went unnoticed", at)
		}
		must[int](t)(f.WriteAt(b, at))
	}
}

func TestOpenTellsItsProgress(t *testing.T) {
	dir, _ := small(t, 10)
	var last, total int64
	open(t, Options{Dir: dir, Progress: func(d, n int64) { last, total = d, n }})
	if last == 0 || last != total {
		t.Errorf("read %d of %d", last, total)
	}
}

// FuzzFile opens a file of any bytes: it is refused, or all its records are there, and found.
func FuzzFile(f *testing.F) {
	_, path := small(f, 3)
	whole, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:len(whole)-1])
	f.Add(whole[:headerBytes])
	f.Fuzz(func(t *testing.T, b []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, fileName(1)), b, 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := openFile(dir, fileName(1))
		if err != nil {
			return
		}
		defer file.f.Close()
		var keys []Key
		if file.each(func(s *stored) { keys = append(keys, s.key) }, func(int64) {}) != nil {
			return
		}
		for i, k := range keys {
			at, ok, err := file.find(&k, new(buffer))
			if at != int64(i) || !ok || err != nil {
				t.Fatalf("record %d is found at %d (%v, %v)", i, at, ok, err)
			}
		}
	})
}

func FuzzManifest(f *testing.F) {
	f.Add((&manifest{position: 7, next: 3, files: []string{fileName(1), fileName(3)}}).append(nil))
	f.Add((&manifest{}).append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parseManifest(b)
		if err == nil && string(m.append(nil)) != string(b) {
			t.Errorf("%q is read as %+v", b, m)
		}
	})
}
