package mirror_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/besra-ml/besra/internal/mirror/s3/s3test"
)

func contextFor(t *testing.T, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), d)
}

func TestTheNextProcessTakesTheCopyOver(t *testing.T) {
	for name, c := range map[string]struct {
		harm    func(t *testing.T, dir string) // to version 4
		fetched []string                       // files of version 4
	}{
		"as it is":                {func(*testing.T, string) {}, nil},
		"a file was changed":      {func(t *testing.T, dir string) { write(t, dir+"/model.ubj", "model of m/fraud/5") }, []string{"bundle.yaml", "golden/rows.csv", "model.ubj"}},
		"a file was cut":          {func(t *testing.T, dir string) { write(t, dir+"/model.ubj", "") }, []string{"bundle.yaml", "golden/rows.csv", "model.ubj"}},
		"a file was added":        {func(t *testing.T, dir string) { write(t, dir+"/policy.yaml", "") }, []string{"bundle.yaml", "golden/rows.csv", "model.ubj"}},
		"a file was removed":      {func(t *testing.T, dir string) { must(t, os.Remove(dir+"/model.ubj")) }, []string{"bundle.yaml", "golden/rows.csv", "model.ubj"}},
		"the record was removed":  {func(t *testing.T, dir string) { must(t, os.Remove(dir+"/.mirror.json")) }, []string{"bundle.yaml", "golden/rows.csv", "model.ubj"}},
		"the record was cut":      {func(t *testing.T, dir string) { write(t, dir+"/.mirror.json", `{"Files":`) }, []string{"bundle.yaml", "golden/rows.csv", "model.ubj"}},
		"the version was removed": {func(t *testing.T, dir string) { must(t, os.RemoveAll(dir)) }, []string{"bundle.yaml", "golden/rows.csv", "model.ubj"}},
		"a file is a link out of it": {func(t *testing.T, dir string) {
			other := filepath.Join(t.TempDir(), "other")
			write(t, other, "model of m/fraud/4")
			must(t, os.Remove(dir+"/model.ubj"))
			must(t, os.Symlink(other, dir+"/model.ubj"))
		}, []string{"bundle.yaml", "golden/rows.csv", "model.ubj"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			p.version("m/fraud/3")
			p.version("m/fraud/4")
			p.Put("models/m/fraud/live", "3")
			m := p.mustOpen("m")
			want := p.look(m)
			path := m.Path()
			must(t, m.Close())
			c.harm(t, filepath.Join(path, "fraud", "4"))
			write(t, filepath.Join(path, "..", "tmp", "half"), "what a crash leaves")
			p.Asked()

			m = p.mustOpen("m")
			if m.Path() != path {
				t.Errorf("another place: %s", m.Path())
			}
			if diff := cmp.Diff(want, p.look(m)); diff != "" {
				t.Error(diff)
			}
			asked := sorted(p.Asked())
			wanted := []string{}
			for _, file := range c.fetched {
				wanted = append(wanted, "GET /models/m/fraud/4/"+file)
			}
			wanted = append(wanted, "GET /models/m/fraud/live", "LIST m/")
			if diff := cmp.Diff(wanted, asked); diff != "" {
				t.Error(diff)
			}
			if left := left(t, p.dir); len(left) > 0 {
				t.Errorf("lies about: %q", left)
			}
		})
	}
}

func TestWhatLeftTheBucketBetweenProcessesLeavesTheCopy(t *testing.T) {
	p := newPlace(t)
	p.version("m/fraud/3")
	p.version("m/fraud/4")
	p.Put("models/m/fraud/live", "3")
	m := p.mustOpen("m")
	p.look(m)
	must(t, m.Close())
	for _, name := range []string{"live", "3/bundle.yaml", "3/model.ubj", "3/golden/rows.csv"} {
		p.Delete("models/m/fraud/" + name)
	}
	if diff := cmp.Diff(versionOf("m/fraud/4"), p.look(p.mustOpen("m"))); diff != "" {
		t.Error(diff)
	}
}

func TestTwoProcessesHaveACopyEach(t *testing.T) {
	p := newPlace(t)
	p.version("m/fraud/3")
	one, two := p.mustOpen("m"), p.mustOpen("m")
	if one.Path() == two.Path() {
		t.Fatal("they share one")
	}
	for _, m := range []string{one.Path(), two.Path()} {
		if filepath.Dir(filepath.Dir(m)) != p.dir {
			t.Errorf("at %s", m)
		}
	}
	if diff := cmp.Diff(p.look(one), p.look(two)); diff != "" {
		t.Error(diff)
	}
	path := one.Path()
	must(t, one.Close())
	if again := p.mustOpen("m"); again.Path() != path {
		t.Errorf("the place that was left is %s, and this one took %s", path, again.Path())
	}
}

func TestTemporaryCopiesAreRemoved(t *testing.T) {
	p := newPlace(t)
	p.dir = ""
	t.Setenv("TMPDIR", t.TempDir())
	p.version("m/fraud/3")
	m := p.mustOpen("m")
	p.look(m)
	if !strings.HasPrefix(m.Path(), os.Getenv("TMPDIR")) {
		t.Skipf("temporary files are at %s here", os.TempDir())
	}
	must(t, m.Close())
	if all := s3test.Files(t, os.Getenv("TMPDIR")); len(all) != 1 { // the lock
		t.Errorf("left: %v", all)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
