package app

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/besra-ml/besra/internal/mirror"
	"github.com/besra-ml/besra/internal/mirror/s3"
	"github.com/besra-ml/besra/internal/mirror/s3/s3test"
	"github.com/besra-ml/besra/internal/telemetry"
)

func testRemotes() map[string]Remote {
	return map[string]Remote{"s3": func(bucket string, m *telemetry.Mirror) (mirror.Source, error) {
		return s3.New(s3.Options{Bucket: bucket, Metrics: m, Patience: time.Second})
	}}
}

// A bucket is a server with versions of fraud in the bucket "models".
type bucket struct {
	*s3test.Server
	*forge
	log lockedBuffer
}

func newBucket(t *testing.T, versions ...int) *bucket {
	t.Helper()
	b := &bucket{Server: s3test.Start(t), forge: newForge(t)}
	s3test.Setenv(t, b.URL)
	t.Setenv("TMPDIR", t.TempDir())
	for _, v := range versions {
		b.version(v, b.files("fraud", v))
	}
	return b
}

// version puts the files of a version.
func (b *bucket) version(version int, files map[string][]byte) {
	for name, content := range files {
		b.Put(path.Join("models/m/fraud", strconv.Itoa(version), name), string(content))
	}
}

// serve serves what is at an address, and looks when it is told to.
func (b *bucket) serve(t *testing.T, address string, change func(*Config)) *server {
	t.Helper()
	backends := testBackends()
	backends.Remotes = testRemotes()
	return startWith(t, backends, slog.New(slog.NewTextHandler(&b.log, nil)), func(c *Config) {
		c.Models.Dir, c.Models.Poll = address, time.Hour
		if change != nil {
			change(c)
		}
	})
}

// ends is the error with which a start ends.
func (b *bucket) ends(address string) error {
	backends := testBackends()
	backends.Remotes = testRemotes()
	c := Defaults()
	c.Models.Dir = address
	_, err := New(c, backends, nil, slog.New(slog.NewTextHandler(&b.log, nil)))
	return err
}

func refusing(status int, code, suffix string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, suffix) {
			return false
		}
		s3test.Refuse(w, r, status, code, "it is said why")
		return true
	}
}

func TestModelsFromABucket(t *testing.T) {
	b := newBucket(t, 1, 2)
	s := b.serve(t, "s3://models/m", nil)
	s.want(these("fraud@2 live", "fraud@1"), nil)

	t.Run("a new version goes live", func(t *testing.T) {
		b.version(3, b.files("fraud", 3))
		s.rescan()
		s.want(these("fraud@3 live", "fraud@2", "fraud@1"), nil)
	})
	t.Run("a pin is followed", func(t *testing.T) {
		b.Put("models/m/fraud/live", "2\n")
		s.rescan()
		s.want(these("fraud@3", "fraud@2 live", "fraud@1"), nil)
	})
	t.Run("a pin that is none changes nothing", func(t *testing.T) {
		b.Put("models/m/fraud/live", "latest")
		s.rescan()
		s.want(these("fraud@3", "fraud@2 live", "fraud@1"), these("fraud@0: unreadable"))
		b.Put("models/m/fraud/live", strings.Repeat("2", 1000))
		s.rescan()
		s.want(these("fraud@3", "fraud@2 live", "fraud@1"), these("fraud@0: unreadable"))
	})
	t.Run("half a version waits", func(t *testing.T) {
		b.Put("models/m/fraud/live", "2")
		files := b.files("fraud", 4)
		model := files["model.ubj"]
		delete(files, "model.ubj")
		b.version(4, files)
		s.rescan()
		s.want(these("fraud@3", "fraud@2 live", "fraud@1"), these("fraud@4: incomplete"))
		b.version(4, map[string][]byte{"model.ubj": model})
		s.rescan()
		s.want(these("fraud@4", "fraud@3", "fraud@2 live", "fraud@1"), nil)
	})
	t.Run("a version that is wrong is refused", func(t *testing.T) {
		for i, harm := range bad {
			dir := t.TempDir()
			harm(b.forge, dir, 10+i)
			for name, content := range s3test.Files(t, dir) {
				b.Put("models/m/"+name, content)
			}
		}
		s.rescan()
		s.want(these("fraud@4", "fraud@3", "fraud@2 live", "fraud@1"),
			these("fraud@14: unreadable", "fraud@13: inconsistent", "fraud@12: unreadable", "fraud@11: incomplete", "fraud@10: unproven"))
	})
	t.Run("a version does not change", func(t *testing.T) {
		for i := range bad {
			b.Delete("models/m/fraud/" + strconv.Itoa(10+i) + "/bundle.yaml")
		}
		b.version(3, b.files("fraud", 8))
		for range 3 {
			s.rescan()
		}
		if got := strings.Join(s.refusals(), " "); !strings.Contains(got, "fraud@3: inconsistent") {
			t.Errorf("refused: %s", got)
		}
	})
	t.Run("a version that has left is let go", func(t *testing.T) {
		for name := range b.files("fraud", 1) {
			b.Delete("models/m/fraud/1/" + name)
		}
		s.rescan()
		s.rescan()
		if got := strings.Join(s.versions(), " "); got != "fraud@4 fraud@3 fraud@2 live" {
			t.Errorf("served: %s", got)
		}
	})
	t.Run("nothing can be pinned from here", func(t *testing.T) {
		_, err := s.Use(context.Background(), "fraud", 4)
		if err == nil || !strings.Contains(err.Error(), "these models are a copy of s3://models/m, and are pinned there, for all who serve them: echo 4 | aws s3 cp - s3://models/m/fraud/live") {
			t.Errorf("got %v", err)
		}
	})
	s.scores()
}

func TestAVersionThatMayNotBeReadIsRefused(t *testing.T) {
	b := newBucket(t, 1, 2)
	b.Break(refusing(403, "AccessDenied", "fraud/2/model.ubj"))
	s := b.serve(t, "s3://models/m", nil)
	for range 3 {
		s.want(these("fraud@1 live"), these("fraud@2: unreadable"))
		s.rescan()
	}
	if n := strings.Count(b.log.String(), "model refused"); n != 1 {
		t.Errorf("told %d times:\n%s", n, b.log.String())
	}
	_, answer := s.get("/v1/models")
	if !strings.Contains(answer, "s3://models/m/fraud/2/model.ubj: AccessDenied; the credentials' role needs s3:GetObject") {
		t.Errorf("got %s", answer)
	}
	b.Break(nil)
	s.rescan()
	s.want(these("fraud@2 live", "fraud@1"), nil)
}

func TestABucketThatIsAwayIsToldOnce(t *testing.T) {
	b := newBucket(t, 1)
	s := b.serve(t, "s3://models/m", nil)
	b.Break(refusing(403, "AccessDenied", "/models"))
	for range 3 {
		s.rescan()
		s.want(these("fraud@1 live"), nil)
	}
	const told = "a directory of models cannot be looked at; what is served stays"
	if log := b.log.String(); strings.Count(log, told) != 1 || !strings.Contains(log, "directory=s3://models/m") {
		t.Errorf("log:\n%s", log)
	}
	if got := s.page()[`besra_mirror_looks_total{result="failed"}`]; got != "3" {
		t.Errorf("counted %q", got)
	}
	b.Break(nil)
	b.version(2, b.files("fraud", 2))
	s.rescan()
	s.want(these("fraud@2 live", "fraud@1"), nil)
}

func TestAStartWithoutItsModelsIsAnError(t *testing.T) {
	b := newBucket(t, 1, 2)
	for address, want := range map[string]string{
		"s3://models/other":     "s3://models/other: nothing is there: file does not exist",
		"s3://models/m/fraud":   "s3://models/m/fraud: no models: want <name>/<version>/bundle.yaml below it",
		"s3://nobody/m":         "s3://nobody: NoSuchBucket: ",
		"gs://models/m":         "gs://models/m: this binary reads no models from gs; it knows s3",
		"s3:///m":               `"s3:///m": there is no bucket in it`,
		"s3://models/m/fraud/3": "s3://models/m/fraud/3: nothing is there: file does not exist",
	} {
		if err := b.ends(address); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: got %v", address, err)
		}
	}
	t.Run("in a binary that knows no bucket", func(t *testing.T) {
		c := Defaults()
		_, err := New(c, testBackends(), []string{"s3://models/m"}, slog.New(slog.DiscardHandler))
		if err == nil || err.Error() != "s3://models/m: this binary reads models from this machine alone" {
			t.Errorf("got %v", err)
		}
	})
	t.Run("when the newest cannot be had now", func(t *testing.T) {
		b.Break(refusing(503, "SlowDown", "fraud/2/model.ubj"))
		defer b.Break(nil)
		if err := b.ends("s3://models/m"); err == nil || !strings.HasPrefix(err.Error(), "s3://models/m/fraud/2/model.ubj: cannot be had now, after 1s of trying: SlowDown: it is said why (503, request ") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("when what is pinned may not be read", func(t *testing.T) {
		b.Put("models/m/fraud/live", "2")
		b.Break(refusing(403, "AccessDenied", "fraud/2/model.ubj"))
		defer b.Break(nil)
		if err := b.ends("s3://models/m"); err == nil || err.Error() != "model fraud is pinned to version 2, which is not served" {
			t.Errorf("got %v", err)
		}
	})
	t.Run("when nothing of it may be read", func(t *testing.T) {
		b.Delete("models/m/fraud/live")
		b.Break(refusing(403, "AccessDenied", "model.ubj"))
		defer b.Break(nil)
		if err := b.ends("s3://models/m"); err == nil || !strings.HasPrefix(err.Error(), "s3://models/m/fraud/2: s3://models/m/fraud/2/model.ubj: AccessDenied; ") {
			t.Errorf("got %v", err)
		}
	})
	if left := s3test.Files(t, os.Getenv("TMPDIR")); len(left) == 0 || strings.Contains(strings.Join(names(left), " "), "model") {
		t.Errorf("left: %q", names(left))
	}
}

func names(files map[string]string) []string {
	var all []string
	for name := range files {
		all = append(all, name)
	}
	return all
}

func TestASingleBundleFromABucket(t *testing.T) {
	b := newBucket(t, 1)
	model, err := os.ReadFile(filepath.Join(demoBundle, "model.ubj"))
	if err != nil {
		t.Fatal(err)
	}
	b.Put("models/fraud.ubj", string(model))
	for address, want := range map[string]string{"s3://models/fraud.ubj": "fraud@0 live", "s3://models/m/fraud/1/": "fraud@1 live"} {
		s := b.serve(t, address, func(c *Config) { c.Models.Poll = 0 })
		s.want(these(want), nil)
	}
	t.Run("that is none", func(t *testing.T) {
		b.Put("models/other.ubj", "no model")
		if err := b.ends("s3://models/other.ubj"); err == nil || !strings.HasPrefix(err.Error(), "open s3://models/other.ubj: ") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("that is taken in again", func(t *testing.T) {
		backends := testBackends()
		backends.Remotes = testRemotes()
		s := startWith(t, backends, slog.New(slog.DiscardHandler), nil, "s3://models/fraud.ubj", "s3://models/m/fraud/1")
		if _, err := s.Use(context.Background(), "fraud", 1); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Unload(context.Background(), "fraud", 0); err != nil {
			t.Fatal(err)
		}
		b.Break(refusing(403, "AccessDenied", "fraud.ubj"))
		if _, err := s.Load(context.Background(), "fraud", 0); err == nil || !strings.Contains(err.Error(), "s3://models/fraud.ubj: Forbidden; the credentials' role needs s3:GetObject") {
			t.Errorf("got %v", err)
		}
		b.Break(nil)
		if _, err := s.Load(context.Background(), "fraud", 0); err != nil {
			t.Error(err)
		}
		s.want(these("fraud@1 live", "fraud@0"), nil)
	})
}

func TestACopyOfASingleBundle(t *testing.T) {
	b := newBucket(t, 1)
	var asked atomic.Int32
	b.Break(func(http.ResponseWriter, *http.Request) bool { asked.Add(1); return false })
	backends := Backends{Remotes: testRemotes()}
	c, err := Fetch(t.Context(), backends, "s3://models/m/fraud/1", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(s3test.Files(t, c.Path)); n != len(b.files("fraud", 1))+1 || asked.Load() != int32(n) {
		t.Errorf("%d files, and asked %d times", n, asked.Load())
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if _, err := Fetch(t.Context(), backends, "s3://models/m", slog.New(slog.DiscardHandler)); err == nil || err.Error() != "s3://models/m: is neither a bundle nor a model file: want one of those below it" {
		t.Errorf("got %v", err)
	}
}

func TestAServedVersionThatChangedAndCannotBeFetchedIsToldOnce(t *testing.T) {
	b := newBucket(t, 1)
	s := b.serve(t, "s3://models/m", nil)
	b.version(1, b.files("fraud", 6))
	b.Break(refusing(403, "AccessDenied", "model.ubj"))
	b.Put("models/m/fraud/1/model.ubj", "another")
	for range 3 {
		s.rescan()
		s.want(these("fraud@1 live"), nil)
	}
	if log := b.log.String(); strings.Count(log, "what it is now could not be fetched; the copy stays") != 1 {
		t.Errorf("log:\n%s", log)
	}
	s.scores()
}
