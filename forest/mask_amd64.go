//go:build !purego

package forest

import "golang.org/x/sys/cpu"

// hasMask reports whether this machine runs the mask kernel.
func hasMask() bool {
	return cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512VBMI && cpu.X86.HasBMI2 && cpu.X86.HasPOPCNT
}

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

// maskRank writes the rank of each slot for a row of keys.
//
//go:noescape
func maskRank(slots *maskSlot, sources *uint32, n int, keys *int64, ranks *[maskSlots]uint8)

// maskWalk writes the payloads of the leaves that a row with these ranks reaches in n trees.
//
//go:noescape
func maskWalk(trees *maskTree, leaves *maskLeaves, n int, ranks *[maskSlots]uint8, payloads *uint32)

// maskSum adds the float32 leaves that a row with these ranks reaches in n trees to sum, in their order.
//
//go:noescape
func maskSum(trees *maskTree, leaves *maskLeaves, n int, ranks *[maskSlots]uint8, sum float32) float32
