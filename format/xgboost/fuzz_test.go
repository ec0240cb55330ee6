package xgboost

import (
	"testing"

	"github.com/besra-ml/besra/internal/formattest"
)

// format is what is tested.
var format = formattest.Format{Library: "xgboost", Detect: Detect, Read: Read, Bound: memoryBound}

// memoryBound is more than reading a file of n bytes may allocate in all, freed or not: names are the
// worst, at 3 bytes in the file and 16 in a slice that grows, plus their column.
func memoryBound(n int) uint64 { return 24<<20 + 80*uint64(n) }

func FuzzRead(f *testing.F) {
	format.Fuzz(f, toJSON(stump()), toUBJ(stump()),
		toJSON(wrap("reg:squarederror", object{"name": "gblinear", "model": object{"weights": []float32{1, 2, 3}}}, 2)))
}

func TestDamagedFiles(t *testing.T) { format.Damaged(t) }
