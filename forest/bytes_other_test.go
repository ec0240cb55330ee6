//go:build !amd64 || purego

package forest

// canCompareBytes reports whether kernels that compare bytes can run here at all: in Go they can anywhere.
func canCompareBytes() bool { return true }
