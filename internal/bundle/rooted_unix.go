//go:build unix

package bundle

import "syscall"

const atOnce = syscall.O_NONBLOCK
