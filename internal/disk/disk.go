// Package disk is what files that must last need and the standard library lacks: locks between processes, and names that
// are as durable as what stands under them.
package disk
