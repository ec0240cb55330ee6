//go:build unix

package crash

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/besra-ml/besra/internal/besratest"
)

// TestMain runs the tests in a process without a log of what they open: some limit the size of the files that their
// process may write, and the log would be the first to reach it.
func TestMain(m *testing.M) {
	args := slices.DeleteFunc(slices.Clone(os.Args[1:]), func(a string) bool { return strings.HasPrefix(a, "-test.testlogfile=") })
	if len(args) < len(os.Args)-1 {
		os.Exit(again(args))
	}
	besratest.Main(m)
}

// again runs this program with other arguments, and returns its exit code.
func again(args []string) int {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return max(1, cmd.ProcessState.ExitCode())
	}
	return 0
}
