package mirror_test

import (
	"errors"
	"io/fs"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/besra-ml/besra/internal/besratest"
	"github.com/besra-ml/besra/internal/mirror"
	"github.com/besra-ml/besra/internal/mirror/s3"
	"github.com/besra-ml/besra/internal/mirror/s3/s3test"
	"github.com/besra-ml/besra/internal/telemetry"
)

func TestMain(m *testing.M) { besratest.Main(m) }

// A place is a server, and a directory for copies.
type place struct {
	*s3test.Server
	t       *testing.T
	dir     string
	metrics *telemetry.Mirror
	log     strings.Builder
}

func newPlace(t *testing.T) *place {
	t.Helper()
	p := &place{Server: s3test.Start(t), t: t, dir: t.TempDir(), metrics: &telemetry.New(telemetry.Options{}).Mirror}
	s3test.Setenv(t, p.URL)
	return p
}

// errUnlisted is what check says of a bundle whose manifest says "broken".
var errUnlisted = errors.New("not what the manifest lists")

func check(files fs.FS) error {
	text, err := fs.ReadFile(files, "bundle.yaml")
	if err == nil && strings.Contains(string(text), "broken") {
		err = errUnlisted
	}
	return err
}

// open opens a mirror of a key in the bucket "models", until the test ends or it is closed.
func (p *place) open(key string) (*mirror.Mirror, error) {
	p.t.Helper()
	b, err := s3.New(s3.Options{Bucket: "models", Metrics: p.metrics})
	if err != nil {
		p.t.Fatal(err)
	}
	m, err := mirror.Open(p.t.Context(), mirror.Options{
		Source: b, Key: key, Dir: p.dir, Check: check, Metrics: p.metrics, Log: slog.New(slog.NewTextHandler(&p.log, nil)),
	})
	if err != nil {
		b.Close()
		return nil, err
	}
	return m, nil
}

func (p *place) mustOpen(key string) *mirror.Mirror {
	p.t.Helper()
	m, err := p.open(key)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = m.Close() }) // it may be closed
	return m
}

// look has a mirror look, and returns the files that it has then.
func (p *place) look(m *mirror.Mirror) map[string]string {
	p.t.Helper()
	if err := m.Look(p.t.Context(), false); err != nil {
		p.t.Fatal(err)
	}
	return files(p.t, m.Path())
}

// files returns what is below a path, but for records.
func files(t testing.TB, path string) map[string]string {
	t.Helper()
	all := s3test.Files(t, path)
	maps.DeleteFunc(all, func(name, _ string) bool { return filepath.Base(name) == ".mirror.json" })
	return all
}

// version puts a version, as the files of name/number.
func (p *place) version(at string, more ...string) {
	p.Put("models/"+at+"/bundle.yaml", "manifest of "+at)
	p.Put("models/"+at+"/model.ubj", "model of "+at)
	p.Put("models/"+at+"/golden/rows.csv", "rows of "+at)
	for _, name := range more {
		p.Put("models/"+at+"/"+name, name+" of "+at)
	}
}

func versionOf(at string) map[string]string {
	local := at[strings.Index(at, "/")+1:]
	return map[string]string{
		local + "/bundle.yaml": "manifest of " + at, local + "/model.ubj": "model of " + at, local + "/golden/rows.csv": "rows of " + at,
	}
}

func joined(all ...map[string]string) map[string]string {
	sum := map[string]string{}
	for _, m := range all {
		maps.Copy(sum, m)
	}
	return sum
}

// denies has the server deny whatever path ends like this.
func denies(suffix string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, suffix) {
			return false
		}
		s3test.Refuse(w, r, 403, "AccessDenied", "Access Denied")
		return true
	}
}

// left returns what lies about in the rooms of a directory beside copies.
func left(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && filepath.Base(filepath.Dir(path)) == "tmp" {
			all = append(all, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func sorted(all []string) []string { slices.Sort(all); return all }

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
