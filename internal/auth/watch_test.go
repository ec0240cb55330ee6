package auth_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/besra-ml/besra/internal/auth"
	"github.com/besra-ml/besra/internal/identity"
)

func TestARevocationIsTakenAtTheNextLook(t *testing.T) {
	d := newDoor(t, nil)
	key, id := d.create(auth.Entry{Name: "shop"})
	other, otherID := d.create(auth.Entry{Name: "other"})
	c := auth.Credentials{Header: bearer(key)}
	d.wantIn(c, id)
	if _, err := d.file.Revoke(t.Context(), "shop"); err != nil {
		t.Fatal(err)
	}
	d.wantIn(c, id)
	d.watcher.Poll()
	d.wantDenied(c, auth.Revoked, id)
	d.wantIn(auth.Credentials{Header: bearer(other)}, otherID)
	if d.metrics.KeysRead.Value() != 3 || d.metrics.KeysRefused.Value() != 0 || d.metrics.Keys.Value() != 1 || d.watcher.Keys().Len() != 1 {
		t.Errorf("taken %d, refused %d, keys %v", d.metrics.KeysRead.Value(), d.metrics.KeysRefused.Value(), d.metrics.Keys.Value())
	}
	if !strings.Contains(d.log.String(), `level=INFO msg="keys changed" keys=1`) {
		t.Error(d.log.String())
	}
	if all := d.watcher.Keys().Entries(); len(all) != 2 || all[0].ID != id {
		t.Errorf("entries %v", all)
	}
}

func TestAFileThatIsWrongLeavesTheKeysAsTheyWereAndIsToldOnce(t *testing.T) {
	d := newDoor(t, nil)
	key, id := d.create(auth.Entry{Name: "shop"})
	good, err := os.ReadFile(d.file.Path)
	if err != nil {
		t.Fatal(err)
	}
	wrong := []func(){
		func() { write(t, d.file.Path, string(good[:len(good)/2])) },
		func() { write(t, d.file.Path, "") },
		func() { write(t, d.file.Path, strings.Replace(string(good), "score", "everything", 1)) },
		func() { os.Remove(d.file.Path) },
		func() { os.Mkdir(d.file.Path, 0o700) },
	}
	for i, spoil := range wrong {
		spoil()
		for range 3 {
			d.watcher.Poll()
		}
		d.wantIn(auth.Credentials{Header: bearer(key)}, id)
		if n := int(d.metrics.KeysRefused.Value()); n != i+1 || strings.Count(d.log.String(), `level=ERROR msg="keys refused; those before stay"`) != n {
			t.Fatalf("refused %d times after %d; log:\n%s", n, i+1, d.log.String())
		}
	}
	if err := os.Remove(d.file.Path); err != nil {
		t.Fatal(err)
	}
	taken := d.metrics.KeysRead.Value()
	write(t, d.file.Path, string(good))
	d.watcher.Poll()
	if d.metrics.KeysRead.Value() != taken {
		t.Error("what is as it was has changed")
	}
	wrong[0]()
	d.watcher.Poll()
	if int(d.metrics.KeysRefused.Value()) != len(wrong)+1 {
		t.Error("what is wrong anew is not told")
	}
	write(t, d.file.Path, "besra: 1\nkeys: []\n")
	d.watcher.Poll()
	d.wantDenied(auth.Credentials{Header: bearer(key)}, auth.Unknown, "")
}

func TestAChangeThatLeavesSizeAndTimeIsFoundAtOnce(t *testing.T) {
	d := newDoor(t, nil)
	key, id := d.create(auth.Entry{Name: "shop", Tenant: "a"})
	info, err := os.Stat(d.file.Path)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(d.file.Path)
	if err != nil {
		t.Fatal(err)
	}
	write(t, d.file.Path, strings.Replace(string(text), "tenant: a", "tenant: b", 1))
	if err := os.Chtimes(d.file.Path, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	d.watcher.Poll()
	if i := d.wantIn(auth.Credentials{Header: bearer(key)}, id); i.Tenant != "b" {
		t.Errorf("%+v", i)
	}
}

func TestAFileThatIsOpenToOthersIsTold(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("modes say nothing there")
	}
	path, log := filepath.Join(t.TempDir(), "keys.yaml"), page{}
	write(t, path, "besra: 1\nkeys: []\n")
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	w, err := auth.NewWatcher(path, time.Second, log.logger(), nil)
	if err != nil {
		t.Fatal(err)
	}
	w.Poll()
	const want = `level=WARN msg="the file of keys is open to others: chmod 600" mode=-rw-r--r--` + "\n"
	if log.String() != want {
		t.Errorf("log %q", log.String())
	}
	for _, mode := range []os.FileMode{0o600, 0o644} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		w.Poll()
	}
	if log.String() != want+want {
		t.Errorf("log %q", log.String())
	}
}

func TestAWatcherBeginsWithKeysThatAreRight(t *testing.T) {
	path, log := filepath.Join(t.TempDir(), "keys.yaml"), slog.New(slog.DiscardHandler)
	if _, err := auth.NewWatcher(path, time.Second, log, nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an absent file: %v", err)
	}
	write(t, path, "keys: []\n")
	if _, err := auth.NewWatcher(path, time.Second, log, nil); err == nil || !strings.Contains(err.Error(), "keys.yaml:1: besra: is missing") {
		t.Errorf("a wrong file: %v", err)
	}
	write(t, path, "besra: 1\nkeys: []\n")
	if _, err := auth.NewWatcher(path, 0, log, nil); err == nil || !strings.Contains(err.Error(), "every 0s") {
		t.Errorf("no time between looks: %v", err)
	}
}

func TestRunLooksEverySoOftenUntilItIsEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(t, nil)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			d.watcher.Run(ctx)
			close(ended)
		}()
		if _, _, err := d.file.Create(ctx, auth.Entry{Name: "shop", Scopes: identity.Score}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second - time.Nanosecond)
		synctest.Wait()
		if d.watcher.Keys().Len() != 0 {
			t.Error("looked too early")
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if d.watcher.Keys().Len() != 1 {
			t.Error("did not look")
		}
		cancel()
		<-ended
	})
}

// Those who ask while the file changes are let in or not by the file before or the one after, never by half of one.
func TestManyAskWhileTheFileChanges(t *testing.T) {
	d := newDoor(t, nil)
	stay, stayID := d.create(auth.Entry{Name: "stay"})
	leave, leaveID := d.create(auth.Entry{Name: "leave"})
	identities, err := d.ask(auth.Credentials{Header: bearer(stay)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for ctx.Err() == nil {
				if i, err := d.ask(auth.Credentials{Header: bearer(stay)}); err != nil || i != identities {
					t.Errorf("%s is let in as %+v, %v", stayID, i, err)
					return
				}
				var denied *auth.Denied
				if i, err := d.ask(auth.Credentials{Header: bearer(leave)}); err == nil && i.ID != leaveID || err != nil && (!errors.As(err, &denied) || denied.Reason != auth.Revoked) {
					t.Errorf("%s is let in as %+v, %v", leaveID, i, err)
					return
				}
				_, _ = d.ask(auth.Credentials{Query: "key=" + leave})
			}
		})
	}
	for i := range 20 {
		if i == 10 {
			if _, err := d.file.Revoke(ctx, leaveID); err != nil {
				t.Error(err)
			}
		}
		d.create(auth.Entry{Name: fmt.Sprint("other-", i)})
	}
	cancel()
	wait.Wait()
	d.wantDenied(auth.Credentials{Header: bearer(leave)}, auth.Revoked, leaveID)
}
