// Package formattest is for the tests of formats: what every one of them owes a file that nobody can trust.
package formattest

import (
	"math"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/besra-ml/besra/pipeline"
)

// A Format is how models of a library are read. The tests are run in its own folder.
type Format struct {
	Library string // the name of its folders in testdata
	Detect  func(head []byte) bool
	Read    func(data []byte) (pipeline.Spec, error)
	Bound   func(size int) uint64 // more than reading and compiling a file may allocate in all, freed or not
}

// Compile reads a model and makes it ready.
func (f Format) Compile(data []byte) (*pipeline.Pipeline, error) {
	spec, err := f.Read(data)
	if err != nil {
		return nil, err
	}
	return pipeline.Compile(spec)
}

// Fuzz wants every file to be either refused or a model that predicts without a panic, and memory to stay within a
// multiple of the file. It begins with seeds, the small parity models, and the damaged files.
func (f Format) Fuzz(fuzz *testing.F, seeds ...[]byte) {
	for _, data := range seeds {
		fuzz.Add(data)
	}
	for _, pattern := range []string{"../../testdata/" + f.Library + "/*/model.*", f.damaged()} {
		for _, file := range glob(fuzz, pattern) {
			if data := read(fuzz, file); len(data) < 16<<10 {
				fuzz.Add(data)
			}
		}
	}
	fuzz.Fuzz(func(t *testing.T, data []byte) {
		f.Detect(data)
		if p, err := f.compile(t, data); err == nil {
			Predict(t, p)
		}
	})
}

// Damaged wants files that are wrong in one way each to be refused, soon and in little memory.
func (f Format) Damaged(t *testing.T) {
	for _, file := range glob(t, f.damaged()) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data := read(t, file)
			start := time.Now()
			_, err := f.compile(t, data)
			if err == nil {
				t.Error("it is accepted")
			}
			if took := time.Since(start); took > time.Second {
				t.Errorf("it took %v", took)
			}
			t.Log(err)
		})
	}
}

func (f Format) damaged() string { return "../../testdata/damaged/" + f.Library + "/*" }

// compile is Compile within the bound of memory.
func (f Format) compile(t *testing.T, data []byte) (p *pipeline.Pipeline, err error) {
	t.Helper()
	if used := Allocated(func() { p, err = f.Compile(data) }); used > f.Bound(len(data)) {
		t.Errorf("%d bytes were allocated for a file of %d", used, len(data))
	}
	return p, err
}

// Allocated returns the bytes that do allocates, freed or not.
func Allocated(do func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// Predict asks a model for all that it tells of some rows.
func Predict(t *testing.T, p *pipeline.Pipeline) {
	t.Helper()
	var rows []float64
	numbers := []float64{0, -1, 3.5, 1e30, 1e300, math.Inf(1), math.Inf(-1), math.NaN()}
	for _, x := range numbers {
		for range p.Columns {
			rows = append(rows, x)
		}
	}
	n := len(numbers)
	if n*max(p.Outputs(), p.Trees()) > 1<<22 {
		return
	}
	if !p.ValueOnly {
		if err := pipeline.Margin(p, make([]float64, n*p.Outputs()), rows, 0, p.Rounds()); err != nil {
			t.Error(err)
		}
	}
	if err := pipeline.Predict(p, make([]float64, n*p.Values()), rows, 0, p.Rounds()); err != nil {
		t.Error(err)
	}
	if p.Forest == nil {
		return
	}
	if err := pipeline.Leaves(p, make([]int32, n*p.Trees()), rows, 0, p.Rounds()); err != nil {
		t.Error(err)
	}
}

func glob(t testing.TB, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %d files, %v", pattern, len(files), err)
	}
	return files
}

func read(t testing.TB, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
