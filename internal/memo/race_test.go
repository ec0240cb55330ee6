//go:build race

package memo

const racing = true
