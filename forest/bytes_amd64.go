//go:build !purego

package forest

import "golang.org/x/sys/cpu"

// hasBytes reports whether this machine runs the kernels that compare bytes.
func hasBytes() bool {
	return cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512VBMI && cpu.X86.HasAVX2 &&
		cpu.X86.HasBMI2 && cpu.X86.HasLZCNT && cpu.X86.HasPOPCNT
}

// rankSmall and rankLarge write the rank of each slot for a row of keys.
//
//go:noescape
func rankSmall(slots *rankSlot32, sources *uint32, n int, keys *int64, row *rankRow)

//go:noescape
func rankLarge(slots *rankSlot64, sources *uint32, n int, keys *int64, row *rankRow)

// decideBytes writes the decisions of n blocks for a row.
//
//go:noescape
func decideBytes(blocks *byteBlock, n int, row *rankRow, words *uint64)

// maskUpper and maskLower tell where seven decisions lead, those of three levels in heap order: in maskUpper
// to one of eight subtrees, by the number of its first leaf in the upper byte and its first decision's bit
// in the lower; in maskLower to one of eight leaves.
var maskUpper, maskLower = func() (upper [128]uint16, lower [128]uint8) { //nolint:unused // mask_amd64.s reads them
	for decisions := range 128 {
		at := 1
		for range 3 {
			at = 2*at + decisions>>(at-1)&1
		}
		exit := at - 8
		upper[decisions] = uint16(8*exit<<8 | maskBit(8+exit))
		lower[decisions] = uint8(exit)
	}
	return upper, lower
}()

// The walks write the payloads of the leaves that a row reaches in n trees; the sums add these leaves to sum, in
// their order.
//
//go:noescape
func maskWalk(trees *byteBlock, leaves *[64]uint32, n int, row *rankRow, payloads *uint32)

//go:noescape
func maskSum32(trees *byteBlock, leaves *[64]uint32, n int, row *rankRow, sum float32) float32

//go:noescape
func maskSum64(trees *byteBlock, leaves *[64]float64, n int, row *rankRow, sum float64) float64

//go:noescape
func sieveWalk(trees *sieveTree, leaves *[64]uint32, n int, row *rankRow, payloads *uint32)

//go:noescape
func sieveSum32(trees *sieveTree, leaves *[64]uint32, n int, row *rankRow, sum float32) float32

//go:noescape
func sieveSum64(trees *sieveTree, leaves *[64]float64, n int, row *rankRow, sum float64) float64
