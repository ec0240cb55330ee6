package onnx

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
	f.Add(through(2, stump(nil)).file())
	f.Add(through(2, stump(map[string]any{"aggregate_function": "AVERAGE", "base_values": []float32{1}})).file())
	f.Add(xy0("Scaler", attr("offset", []float32{1, 2}), attr("scale", []float32{1, 2})).file())
	nothing := through(2, made("ArgMax", []string{"x"}, []string{"i"}, attr("axis", 1)), made("ArrayFeatureExtractor", []string{"c", "i"}, []string{"y"}))
	nothing.constants = []message{constantOf("c", float32s, []int64{1, 0})}
	f.Add(nothing.file())
	f.Add(entered(3))
	f.Add(farSets(1))
	for _, pattern := range []string{"../../testdata/onnx/*/model.onnx", "../../testdata/damaged/onnx/*.onnx"} {
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
		var spec pipeline.Spec
		var err error
		used := allocated(func() { spec, err = Read(data) })
		if used > memoryBound(len(data)) {
			t.Errorf("%d bytes were allocated for a file of %d", used, len(data))
		}
		if err != nil {
			return
		}
		p, err := pipeline.Compile(spec)
		if err != nil {
			return
		}
		predict(t, p)
	})
}

// predict asks p for some rows.
func predict(t *testing.T, p *pipeline.Pipeline) {
	t.Helper()
	width := len(p.Columns)
	var rows []float32
	for _, x := range []float64{0, -1, 3.5, 1e30, math.Inf(1), math.Inf(-1), math.NaN()} {
		for range width {
			rows = append(rows, float32(x))
		}
	}
	n := len(rows) / width
	if n*max(p.Outputs(), p.Trees()) > 1<<22 {
		return
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
