//go:build unix && !linux

package mirror_test

import "testing"

func tiny(t *testing.T, _ string, bytes uint64) (free func()) { return limit(t, bytes) }
