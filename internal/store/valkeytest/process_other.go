//go:build !linux

package valkeytest

import (
	"errors"
	"os/exec"
)

func tie(*exec.Cmd) {}

func cpuSeconds(int) (float64, error) { return 0, errors.ErrUnsupported }
