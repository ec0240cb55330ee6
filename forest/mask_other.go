//go:build !amd64 || purego

package forest

func hasMask() bool { return false }

func maskRank(*maskSlot, *uint32, int, *int64, *[maskSlots]uint8) {}

func maskWalk(*maskTree, *maskLeaves, int, *[maskSlots]uint8, *uint32) {}

func maskSum(*maskTree, *maskLeaves, int, *[maskSlots]uint8, float32) float32 { return 0 }
