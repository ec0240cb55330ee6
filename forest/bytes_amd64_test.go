//go:build !purego

package forest

// canCompareBytes reports whether kernels that compare bytes can run here at all.
func canCompareBytes() bool { return hasBytes() }
