package auth

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/besra-ml/besra/internal/identity"
)

func TestWhoeverChangesTheFileWaitsForAnotherAndNotForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, begun := &File{Path: filepath.Join(t.TempDir(), "keys.yaml")}, time.Now()
		unlock, err := hold(t.Context(), f.Path+".lock")
		if err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(time.Second, unlock)
		if _, _, err := f.Create(t.Context(), Entry{Name: "shop", Scopes: identity.Score}); err != nil || time.Since(begun) < time.Second {
			t.Fatalf("%v after %v", err, time.Since(begun))
		}
		if unlock, err = hold(t.Context(), f.Path+".lock"); err != nil {
			t.Fatal(err)
		}
		defer unlock()
		if _, err := f.Revoke(t.Context(), "shop"); err == nil || !strings.Contains(err.Error(), "keys.yaml.lock: another process has held it for too long") {
			t.Error(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if _, err := f.Revoke(ctx, "shop"); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if all, err := f.List(); err != nil || !all[0].Revoked.IsZero() {
			t.Errorf("%v, %v", all, err)
		}
	})
}

func TestAFileThatCannotBeWrittenIsLeftAsItIs(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "keys.yaml")
	if err := os.Mkdir(path, 0o700); err != nil { // nothing can be renamed to it
		t.Fatal(err)
	}
	if err := replaceFile(path, []byte("x")); err == nil {
		t.Error("a directory is replaced")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
