//go:build !purego

package forest

import "golang.org/x/sys/cpu"

// hasMask reports whether this machine runs the mask kernel.
func hasMask() bool {
	return cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512VBMI && cpu.X86.HasPOPCNT
}

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
