//go:build unix

package outage

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if program.dir != "" {
			_ = os.RemoveAll(program.dir)
		}
		os.Exit(code)
	}))
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
	if b.dir, err = os.MkdirTemp("", "besra-outage-"); err != nil {
		return err
	}
	b.path = filepath.Join(b.dir, "besra")
	if out, err := exec.Command("go", "build", "-o", b.path, "github.com/besra-ml/besra/cmd/besra").CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}
