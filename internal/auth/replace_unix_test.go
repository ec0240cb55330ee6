//go:build unix

package auth

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestAFileThatIsReplacedKeepsItsOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	path := filepath.Join(t.TempDir(), "keys.yaml")
	if err := replaceFile(path, nil); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(path, 4711, 4712); err != nil {
		t.Fatal(err)
	}
	if err := replaceFile(path, []byte("x")); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if s := info.Sys().(*syscall.Stat_t); s.Uid != 4711 || s.Gid != 4712 || info.Size() != 1 {
		t.Errorf("it is %d:%d's, and of %d bytes", s.Uid, s.Gid, info.Size())
	}
}
