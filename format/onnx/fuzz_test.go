package onnx

import (
	"testing"

	"github.com/besra-ml/besra/internal/formattest"
)

// format is what is tested.
var format = formattest.Format{Library: "onnx", Detect: Detect, Read: Read, Bound: memoryBound}

// memoryBound is more than reading a file of n bytes may allocate in all, freed or not.
func memoryBound(n int) uint64 { return 32<<20 + 40*uint64(n) }

func FuzzRead(f *testing.F) {
	nothing := through(2, made("ArgMax", []string{"x"}, []string{"i"}, attr("axis", 1)), made("ArrayFeatureExtractor", []string{"c", "i"}, []string{"y"}))
	nothing.constants = []message{constantOf("c", float32s, []int64{1, 0})}
	format.Fuzz(f,
		through(2, stump(nil)).file(),
		through(2, stump(map[string]any{"aggregate_function": "AVERAGE", "base_values": []float32{1}})).file(),
		xy0("Scaler", attr("offset", []float32{1, 2}), attr("scale", []float32{1, 2})).file(),
		nothing.file(), entered(3), farSets(1))
}

func TestDamagedFiles(t *testing.T) { format.Damaged(t) }
