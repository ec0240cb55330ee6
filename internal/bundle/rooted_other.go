//go:build !unix

package bundle

const atOnce = 0 // no pipe stands in a folder
