//go:build !race

package memo

const racing = false
