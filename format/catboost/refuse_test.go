package catboost

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/besra-ml/besra/pipeline"
)

// read reads and compiles a model.
func read(data []byte) error {
	spec, err := Read(data)
	if err != nil {
		return err
	}
	_, err = pipeline.Compile(spec)
	return err
}

// modelOf returns the model of a parity case.
func modelOf(t testing.TB, name string) []byte {
	t.Helper()
	files, err := filepath.Glob("../../testdata/catboost/" + name + "/model.*")
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func wantError(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got the error %v, want one with %q", err, want)
	}
}

// allocated returns the bytes that f allocates, freed or not.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// memoryBound is more than reading a file of n bytes may allocate in all, freed or not: features are the worst, which
// take a few bytes in the file, and columns of their own.
func memoryBound(n int) uint64 { return 16<<20 + 48*uint64(n) }

// TestDamagedFiles reads files that are wrong in one way each.
func TestDamagedFiles(t *testing.T) {
	files, err := filepath.Glob("../../testdata/damaged/catboost/*")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatal("no files")
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			used := allocated(func() { err = read(data) })
			if err == nil {
				t.Error("it is accepted")
			}
			if used > memoryBound(len(data)) {
				t.Errorf("%d bytes were allocated for a file of %d", used, len(data))
			}
			if took := time.Since(start); took > time.Second {
				t.Errorf("it took %v", took)
			}
			t.Log(err)
		})
	}
}

func TestDepthIsBounded(t *testing.T) {
	for name, begin := range map[string]string{
		"arrays": `[`, "objects": `{"a":`, "nodes to the left": `{"left":`, "nodes to the right, which wait": `{"right":`,
	} {
		t.Run(name, func(t *testing.T) {
			for _, where := range []string{`{"trees":[`, `{"model_info":{"params":`, `{"ctr_data":{"a":`} {
				wantError(t, read([]byte(where+strings.Repeat(begin, 100_000))), "") // whatever it is
			}
			wantError(t, read([]byte(`{"other":`+strings.Repeat(begin, 100_000))), "nested more than 64 levels deep")
		})
	}
}

// TestEveryBeginningIsRefused cuts models short.
func TestEveryBeginningIsRefused(t *testing.T) {
	for _, name := range []string{"onehot-1.2.10", "combined-onehot-1.2.10", "lossguide-1.2.10"} {
		data := modelOf(t, name)
		for n := range data {
			if err := read(data[:n]); err == nil {
				t.Errorf("%s: %d of %d bytes are taken for a model", name, n, len(data))
			}
		}
	}
	data := modelOf(t, "binary-json-1.2.10")
	for n := 0; n < len(bytes.TrimSpace(data)); n += 7 {
		if err := read(data[:n]); err == nil {
			t.Errorf("JSON: %d of %d bytes are taken for a model", n, len(data))
		}
	}
}

// TestEveryChangedByteIsSurvived turns a bit of each byte of a model: it is refused, or it is a model that predicts.
func TestEveryChangedByteIsSurvived(t *testing.T) {
	data := modelOf(t, "combined-onehot-1.2.10")
	for i := range data {
		data[i] ^= 1 << (i % 8)
		if spec, err := Read(data); err == nil {
			if p, err := pipeline.Compile(spec); err == nil {
				predict(t, p)
			}
		}
		data[i] ^= 1 << (i % 8)
	}
}
