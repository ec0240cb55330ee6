package lambdazip

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func fileOf(name, text string) File {
	return File{Name: name, Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }}
}

func TestWrite(t *testing.T) {
	files := []File{
		fileOf("models/fraud/1/model.ubj", strings.Repeat("tree", 1000)), fileOf(Bootstrap, "\x7fELF"),
		fileOf("besra.yaml", ""), fileOf("models/fraud/1/golden/rows.csv", "a,b\n"),
	}
	var b bytes.Buffer
	packed, err := Write(&b, files)
	if err != nil {
		t.Fatal(err)
	}

	t.Run("files are there, in order, with fixed times and modes", func(t *testing.T) {
		want := []Packed{{"besra.yaml", 0}, {Bootstrap, 4}, {"models/fraud/1/golden/rows.csv", 4}, {"models/fraud/1/model.ubj", 4000}}
		if diff := cmp.Diff(want, packed); diff != "" {
			t.Error(diff)
		}
		z, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
		if err != nil {
			t.Fatal(err)
		}
		for i, f := range z.File {
			mode := os.FileMode(0o644)
			if f.Name == Bootstrap {
				mode = 0o755
			}
			if f.Name != want[i].Name || f.UncompressedSize64 != uint64(want[i].Size) || f.Mode() != mode || !f.Modified.Equal(epoch) || f.CreatorVersion>>8 != 3 {
				t.Errorf("%s: %d bytes, %v, %v, made on %d", f.Name, f.UncompressedSize64, f.Mode(), f.Modified, f.CreatorVersion>>8)
			}
			r, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			if n, err := io.Copy(io.Discard, r); err != nil || n != want[i].Size {
				t.Errorf("%s: %d, %v", f.Name, n, err)
			}
		}
	})

	t.Run("the same files make the same bytes, in any order", func(t *testing.T) {
		for seed := range uint64(10) {
			again := bytes.Buffer{}
			rand.New(rand.NewPCG(seed, 0)).Shuffle(len(files), func(i, j int) { files[i], files[j] = files[j], files[i] })
			if _, err := Write(&again, files); err != nil || !bytes.Equal(again.Bytes(), b.Bytes()) {
				t.Fatalf("%d bytes, then %d; %v", b.Len(), again.Len(), err)
			}
		}
	})

	t.Run("so they do under other times and modes", func(t *testing.T) {
		zipOf := func(mode os.FileMode, changed time.Time) []byte {
			t.Helper()
			dir := t.TempDir()
			var onDisk []File
			for _, name := range []string{"bootstrap", "z", "a"} {
				file := filepath.Join(dir, name)
				if err := os.WriteFile(file, []byte(strings.Repeat(name, 100)), mode); err != nil {
					t.Fatal(err)
				}
				if err := os.Chtimes(file, changed, changed); err != nil {
					t.Fatal(err)
				}
				onDisk = append(onDisk, File{Name: name, Open: func() (io.ReadCloser, error) { return os.Open(file) }})
			}
			var b bytes.Buffer
			if _, err := Write(&b, onDisk); err != nil {
				t.Fatal(err)
			}
			return b.Bytes()
		}
		one := zipOf(0o600, time.Date(2026, 11, 27, 8, 0, 0, 0, time.FixedZone("", 7200)))
		if !bytes.Equal(one, zipOf(0o777, time.Unix(0, 0))) {
			t.Error("they differ")
		}
	})
}

func TestWriteRefuses(t *testing.T) {
	endless := File{Name: "endless", Open: func() (io.ReadCloser, error) { return io.NopCloser(zeros{}), nil }}
	sum := sha256.Sum256([]byte("what it was"))
	changed := fileOf("model.ubj", "what it is now")
	changed.Sum = hex.EncodeToString(sum[:])
	gone := File{Name: "gone", Open: func() (io.ReadCloser, error) { return nil, os.ErrNotExist }}
	for name, c := range map[string]struct {
		files []File
		want  string
	}{
		"a path that leads out":             {[]File{fileOf("../bootstrap", "")}, "is not the path of a file in a zip"},
		"a path from the root":              {[]File{fileOf("/etc/passwd", "")}, "is not the path of a file in a zip"},
		"one of Windows":                    {[]File{fileOf(`models\fraud`, "")}, "is not the path of a file in a zip"},
		"none":                              {[]File{fileOf("", "")}, "is not the path of a file in a zip"},
		"a file twice":                      {[]File{fileOf("a", "1"), fileOf("b", "2"), fileOf("a", "3")}, "a: stands twice"},
		"a file below a file":               {[]File{fileOf("models/fraud", ""), fileOf("models/fraud/1/model.ubj", "")}, "models/fraud: is a file, and models/fraud/1/model.ubj is below it"},
		"more than Lambda unpacks":          {[]File{fileOf("a", "1"), endless}, "endless: the files are larger than"},
		"what is not what was proven":       {[]File{changed}, "model.ubj: has changed while it was packed"},
		"what is gone":                      {[]File{gone}, "gone: file does not exist"},
		"a bit more than there is room for": {[]File{fileOf("a", strings.Repeat("1", 60)), fileOf("b", strings.Repeat("2", 41))}, "b: the files are larger than"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := write(io.Discard, c.files, 100); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v", err)
			}
		})
	}

	t.Run("as much as there is room for is taken", func(t *testing.T) {
		if _, err := write(io.Discard, []File{fileOf("a", strings.Repeat("1", 60)), fileOf("b", strings.Repeat("2", 40))}, 100); err != nil {
			t.Error(err)
		}
	})

	t.Run("a disk that is full is told", func(t *testing.T) {
		full := errors.New("no space left")
		if _, err := Write(failing{full}, []File{fileOf("a", strings.Repeat("1", 1<<20))}); !errors.Is(err, full) {
			t.Error(err)
		}
	})
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }
