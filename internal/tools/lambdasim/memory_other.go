//go:build !linux

package lambdasim

// memory returns the most memory that the process had so far, in bytes; 0: it cannot be told.
func (p *process) memory() int64 { return 0 }
