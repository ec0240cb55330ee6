package lightgbm

import (
	"testing"

	"github.com/besra-ml/besra/internal/formattest"
)

// format is what is tested.
var format = formattest.Format{Library: "lightgbm", Detect: Detect, Read: Read, Bound: memoryBound}

// memoryBound is more than reading and compiling a file of n bytes may allocate in all, freed or not: single leaves and
// columns are the worst, at some 40 and 10 bytes in the file.
func memoryBound(n int) uint64 { return 1<<20 + 40*uint64(n) }

func FuzzRead(f *testing.F) {
	format.Fuzz(f, sized(sound), frame("[0:1] 0:1:2 [0:3]", "1", `[["x","y","z"],["S","M","L","XL"]]`))
}

func TestDamagedFiles(t *testing.T) { format.Damaged(t) }
