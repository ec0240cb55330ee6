//go:build unix

package crash

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

// besra is the program, built once.
type besra struct {
	once sync.Once
	dir  string
	path string
	err  error
}

var program besra

// TestMain runs the tests in a process without a log of what they open: some limit the size of the files that their
// process may write, and the log would be the first to reach it.
func TestMain(m *testing.M) {
	args := slices.DeleteFunc(slices.Clone(os.Args[1:]), func(a string) bool { return strings.HasPrefix(a, "-test.testlogfile=") })
	if len(args) < len(os.Args)-1 {
		os.Exit(again(args))
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if program.dir != "" {
			_ = os.RemoveAll(program.dir)
		}
		os.Exit(code)
	}))
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

// built returns the program's path.
func built(t *testing.T) string {
	t.Helper()
	program.once.Do(func() { program.err = program.build() })
	if program.err != nil {
		t.Fatal(program.err)
	}
	return program.path
}

func (b *besra) build() (err error) {
	if b.dir, err = os.MkdirTemp("", "besra-crash-"); err != nil {
		return err
	}
	b.path = filepath.Join(b.dir, "besra")
	out, err := exec.Command("go", "build", "-o", b.path, "github.com/besra-ml/besra/cmd/besra").CombinedOutput()
	if err != nil {
		return errors.Join(err, fmt.Errorf("%s", out))
	}
	return nil
}
