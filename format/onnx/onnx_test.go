package onnx

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/besra-ml/besra/pipeline"
)

// TestCasesAreDetectedAndCompile reads every committed model; the answers are held against ONNX Runtime's by TestParity
// in the root.
func TestCasesAreDetectedAndCompile(t *testing.T) {
	files, err := filepath.Glob("../../testdata/onnx/*/model.onnx")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !Detect(data[:min(len(data), 4096)]) {
			t.Errorf("%s: not detected", file)
		}
		spec, err := Read(data)
		if err != nil {
			continue // a case that is refused, with the words that its case.json has
		}
		if _, err := pipeline.Compile(spec); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}
