// Package besratest runs the program for tests as its users do: as a process of its own.
package besratest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

// Main is the TestMain of packages that run the program. It removes what Program built, and fails where a test leaves a
// goroutine behind.
func Main(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if dir != "" {
			_ = os.RemoveAll(dir)
		}
		os.Exit(code)
	}))
}

// dir is where the program is, once it is built.
var dir string

var build = sync.OnceValues(func() (path string, err error) {
	if dir, err = os.MkdirTemp("", "besratest-"); err != nil {
		return "", err
	}
	path = filepath.Join(dir, "besra")
	out, err := exec.Command("go", "build", "-o", path, "github.com/besra-ml/besra/cmd/besra").CombinedOutput()
	if err != nil {
		return "", errors.Join(err, fmt.Errorf("%s", out))
	}
	return path, nil
})

// Program returns the path of the program, which it builds once.
func Program(t testing.TB) string {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return path
}
