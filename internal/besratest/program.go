// Package besratest runs the program for tests as its users do: as a process of its own.
package besratest

import (
	"context"
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

// dir is where programs are, once one is built.
var (
	dir      string
	makeDir  = sync.OnceValue(func() (err error) { dir, err = os.MkdirTemp("", "besratest-"); return err })
	programs = map[string]func() (string, error){"besra": built("besra"), "bootstrap": built("bootstrap", "-tags", "lambda.norpc,grpcnotrace")}
)

// built builds a program, once.
func built(name string, flags ...string) func() (string, error) {
	return sync.OnceValues(func() (string, error) {
		if err := makeDir(); err != nil {
			return "", err
		}
		path := filepath.Join(dir, name)
		args := append(append([]string{"build"}, flags...), "-o", path, "github.com/besra-ml/besra/cmd/"+name)
		if out, err := exec.CommandContext(context.Background(), "go", args...).CombinedOutput(); err != nil {
			return "", errors.Join(err, fmt.Errorf("%s", out))
		}
		return path, nil
	})
}

// Program returns the path of the program, which it builds once.
func Program(t testing.TB) string { return program(t, "besra") }

// Bootstrap returns the path of the program that is a function of AWS Lambda, which it builds once.
func Bootstrap(t testing.TB) string { return program(t, "bootstrap") }

func program(t testing.TB, name string) string {
	t.Helper()
	path, err := programs[name]()
	if err != nil {
		t.Fatal(err)
	}
	return path
}
