//go:build unix

package mirror_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/besra-ml/besra/internal/mirror"
)

func TestAPlaceThatOthersCanChangeIsNotTaken(t *testing.T) {
	for name, harm := range map[string]func(t *testing.T, room string){
		"a link":                  func(t *testing.T, room string) { must(t, os.Symlink(t.TempDir(), room)) },
		"a file":                  func(t *testing.T, room string) { write(t, room, "") },
		"a folder for everybody":  func(t *testing.T, room string) { must(t, os.Mkdir(room, 0o700)); must(t, os.Chmod(room, 0o777)) },
		"a folder of another one": func(t *testing.T, room string) { ofAnother(t, room) },
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			p.version("m/fraud/3")
			m := p.mustOpen("m")
			room := filepath.Dir(m.Path())
			must(t, m.Close())
			must(t, os.RemoveAll(room))
			harm(t, room)
			if m = p.mustOpen("m"); filepath.Dir(m.Path()) == room {
				t.Error("it was taken")
			}
		})
	}
}

func ofAnother(t *testing.T, room string) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give folders away")
	}
	must(t, os.Mkdir(room, 0o700))
	must(t, os.Chown(room, 12345, -1))
}

func TestADiskThatIsFullLeavesNoHalfVersion(t *testing.T) {
	p := newPlace(t)
	free := tiny(t, p.dir, 300<<10)
	p.version("m/fraud/3")
	p.version("m/fraud/4")
	p.Put("models/m/fraud/4/model.ubj", strings.Repeat("x", 1<<20))
	p.Put("models/m/fraud/live", "3")
	pin := map[string]string{"fraud/live": "3"}
	m := p.mustOpen("m")
	if diff := cmp.Diff(joined(pin, versionOf("m/fraud/3")), p.look(m)); diff != "" {
		t.Error(diff)
	}
	err := m.Failed()["fraud/4"]
	if !errors.Is(err, mirror.ErrNoRoom) || !errors.Is(err, syscall.ENOSPC) && !errors.Is(err, syscall.EFBIG) || errors.Is(err, mirror.ErrUnavailable) {
		t.Fatalf("got %v", err)
	}
	if text := err.Error(); !strings.HasPrefix(text, "s3://models/m/fraud/4, 1048614 bytes: the copy cannot be written: ") || strings.Contains(text, p.dir) {
		t.Errorf("got %s", text)
	}
	t.Log(err)
	if left := left(t, p.dir); len(left) > 0 {
		t.Errorf("lies about: %q", left)
	}
	if p.look(m); !errors.Is(m.Failed()["fraud/4"], err) {
		t.Errorf("it says other things each time: %v", m.Failed())
	}
	free()
	want := versionOf("m/fraud/4")
	want["fraud/4/model.ubj"] = strings.Repeat("x", 1<<20)
	if diff := cmp.Diff(joined(pin, versionOf("m/fraud/3"), want), p.look(m)); diff != "" || len(m.Failed()) > 0 {
		t.Errorf("%v: %s", m.Failed(), diff)
	}
}

// limit has the system refuse to make files larger than a number of bytes, until it is freed: the nearest to a full disk
// that needs no rights.
func limit(t *testing.T, bytes uint64) (free func()) {
	t.Helper()
	var was syscall.Rlimit
	must(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &was))
	now := was
	now.Cur = bytes
	must(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &now))
	free = func() { _ = syscall.Setrlimit(syscall.RLIMIT_FSIZE, &was) }
	t.Cleanup(free)
	return free
}

func TestASingleFileThatFindsNoRoom(t *testing.T) {
	p := newPlace(t)
	tiny(t, p.dir, 300<<10)
	p.Put("models/fraud.ubj", strings.Repeat("x", 1<<20))
	const want = "s3://models/fraud.ubj, 1048576 bytes: the copy cannot be written: "
	if err := p.mustOpen("fraud.ubj").Look(t.Context(), false); !errors.Is(err, mirror.ErrNoRoom) || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %v", err)
	}
}
