package catboost

import (
	"testing"

	"github.com/besra-ml/besra/internal/formattest"
)

// format is what is tested.
var format = formattest.Format{Library: "catboost", Detect: Detect, Read: Read, Bound: memoryBound}

// memoryBound is more than reading a file of n bytes may allocate in all, freed or not: features are the worst, which
// take a few bytes in the file, and columns of their own.
func memoryBound(n int) uint64 { return 16<<20 + 48*uint64(n) }

func FuzzRead(f *testing.F) {
	format.Fuzz(f)
}

func TestDamagedFiles(t *testing.T) { format.Damaged(t) }
