package lambdasim

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// memory returns the most memory that the process had so far, in bytes; 0: it cannot be told.
func (p *process) memory() int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.os.Pid))
	if err != nil {
		return 0
	}
	_, rest, _ := bytes.Cut(status, []byte("VmHWM:"))
	number, _, _ := bytes.Cut(bytes.TrimSpace(rest), []byte(" "))
	kb, _ := strconv.ParseInt(string(number), 10, 64)
	return kb << 10
}
