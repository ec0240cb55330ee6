package lightgbm

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/besra-ml/besra/pipeline"
)

// FuzzRead wants every file to be either refused or a model that predicts without a panic, and memory to stay within a
// multiple of the file.
func FuzzRead(f *testing.F) {
	f.Add(sized(sound))
	f.Add(frame("[0:1] 0:1:2 [0:3]", "1", `[["x","y","z"],["S","M","L","XL"]]`))
	for _, pattern := range []string{"../../testdata/lightgbm/*/model.txt", "../../testdata/damaged/lightgbm/*"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			if len(data) < 16<<10 {
				f.Add(data)
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		Detect(data)
		var p *pipeline.Pipeline
		used := allocated(func() {
			if spec, err := Read(data); err == nil {
				p, _ = pipeline.Compile(spec)
			}
		})
		if used > memoryBound(len(data)) {
			t.Errorf("%d bytes were allocated for a file of %d", used, len(data))
		}
		if p != nil {
			predict(t, p)
		}
	})
}

// predict asks p for some rows.
func predict(t *testing.T, p *pipeline.Pipeline) {
	t.Helper()
	width := len(p.Columns)
	var rows []float64
	for _, x := range []float64{0, -1, 3.5, 1e30, 1e300, math.Inf(1), math.Inf(-1), math.NaN()} {
		for range width {
			rows = append(rows, x)
		}
	}
	n := len(rows) / width
	if n*max(p.Outputs(), p.Trees()) > 1<<22 {
		return
	}
	if err := pipeline.Margin(p, make([]float64, n*p.Outputs()), rows, 0, p.Rounds()); err != nil {
		t.Error(err)
	}
	if err := pipeline.Predict(p, make([]float64, n*p.Values()), rows, 0, p.Rounds()); err != nil {
		t.Error(err)
	}
	if err := pipeline.Leaves(p, make([]int32, n*p.Trees()), rows, 0, p.Rounds()); err != nil {
		t.Error(err)
	}
}
