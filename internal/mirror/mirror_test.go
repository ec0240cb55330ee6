package mirror_test

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/besra-ml/besra/internal/mirror"
	"github.com/besra-ml/besra/internal/mirror/s3/s3test"
)

func TestACopyIsWhatIsThere(t *testing.T) {
	p := newPlace(t)
	p.version("m/fraud/3")
	p.version("m/fraud/4")
	p.version("m/abuse/1")
	p.Put("models/m/fraud/live", "3\n")
	for _, other := range []string{"m/README.md", "m/fraud/notes.txt", "m/fraud/03/bundle.yaml", "m/fraud/x/bundle.yaml", "m/fraud/", "mm/fraud/9/bundle.yaml"} {
		p.Put("models/"+other, "not a model's")
	}
	m := p.mustOpen("m")
	want := joined(versionOf("m/fraud/3"), versionOf("m/fraud/4"), versionOf("m/abuse/1"), map[string]string{"fraud/live": "3\n"})
	if diff := cmp.Diff(want, p.look(m)); diff != "" {
		t.Error(diff)
	}
	if !m.Models() || m.String() != "s3://models/m" {
		t.Errorf("%s, %v", m, m.Models())
	}

	t.Run("it takes a list and what is in it", func(t *testing.T) {
		if asked := p.Asked(); len(asked) != 1+10 || asked[0] != "LIST m/" {
			t.Errorf("asked %q", asked)
		}
	})
	t.Run("what is as it was is not fetched again", func(t *testing.T) {
		p.look(m)
		if diff := cmp.Diff([]string{"LIST m/"}, p.Asked()); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("of a version, only what changed is fetched again", func(t *testing.T) {
		p.Put("models/m/fraud/4/model.ubj", "another")
		want["fraud/4/model.ubj"] = "another"
		if diff := cmp.Diff(want, p.look(m)); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"LIST m/", "GET /models/m/fraud/4/model.ubj"}, p.Asked()); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("a pin is followed", func(t *testing.T) {
		p.Put("models/m/fraud/live", "4")
		want["fraud/live"] = "4"
		if diff := cmp.Diff(want, p.look(m)); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("what has left is removed", func(t *testing.T) {
		for _, name := range []string{"m/fraud/live", "m/abuse/1/bundle.yaml", "m/abuse/1/model.ubj", "m/abuse/1/golden/rows.csv", "m/fraud/3/golden/rows.csv"} {
			p.Delete("models/" + name)
		}
		want = versionOf("m/fraud/4")
		want["fraud/4/model.ubj"] = "another"
		want["fraud/3/bundle.yaml"], want["fraud/3/model.ubj"] = "manifest of m/fraud/3", "model of m/fraud/3"
		if diff := cmp.Diff(want, p.look(m)); diff != "" {
			t.Error(diff)
		}
		if _, err := os.Stat(filepath.Join(m.Path(), "abuse")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the folder of a name without versions: %v", err)
		}
	})
	if left := left(t, p.dir); len(left) > 0 {
		t.Errorf("lies about: %q", left)
	}
	if m := p.metrics; m.Looked.Value() != 5 || m.Failed.Value()+m.Failures.Value()+m.Retries.Value() != 0 || m.Bytes.Value() == 0 {
		t.Errorf("%d looks, %d failed", m.Looked.Value(), m.Failed.Value())
	}
}

func TestWhatIsAtAnAddress(t *testing.T) {
	for name, c := range map[string]struct {
		key   string
		files map[string]string // of the copy
		asked []string
	}{
		"a model file":          {"fraud.ubj", map[string]string{".": "a model"}, []string{"HEAD /models/fraud.ubj", "GET /models/fraud.ubj"}},
		"a bundle that is zip":  {"z/fraud-3.zip", map[string]string{".": "a zip"}, []string{"HEAD /models/z/fraud-3.zip", "GET /models/z/fraud-3.zip"}},
		"a file without a dot":  {"fraud", map[string]string{".": "a file"}, []string{"LIST fraud/", "HEAD /models/fraud", "GET /models/fraud"}},
		"an empty file":         {"empty.ubj", map[string]string{".": ""}, []string{"HEAD /models/empty.ubj"}},
		"a bundle":              {"m/fraud/3", map[string]string{"bundle.yaml": "manifest of m/fraud/3", "model.ubj": "model of m/fraud/3", "golden/rows.csv": "rows of m/fraud/3"}, nil},
		"a directory":           {"m", versionOf("m/fraud/3"), nil},
		"a directory with dots": {"m.v2", versionOf("m.v2/fraud/3"), nil},
		"a version in a folder": {"m/fraud", nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			for at, content := range map[string]string{"fraud.ubj": "a model", "z/fraud-3.zip": "a zip", "fraud": "a file", "empty.ubj": ""} {
				p.Put("models/"+at, content)
			}
			p.version("m/fraud/3")
			p.version("m.v2/fraud/3")
			m := p.mustOpen(c.key)
			got := p.look(m)
			if len(c.files) == 1 {
				if filepath.Base(m.Path()) != filepath.Base(c.key) || m.Models() {
					t.Errorf("at %s", m.Path())
				}
				p.look(m) // again, as an operator may
			}
			if diff := cmp.Diff(joined(c.files), got); diff != "" {
				t.Error(diff)
			}
			if asked := p.Asked(); c.asked != nil {
				if diff := cmp.Diff(append(c.asked, "HEAD /models/"+c.key), asked); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

func TestAnAddressWhereNothingIs(t *testing.T) {
	for key, want := range map[string]string{
		"other":     "s3://models/other: nothing is there: file does not exist",
		"other.ubj": "s3://models/other.ubj: nothing is there: file does not exist",
	} {
		p := newPlace(t)
		p.version("m/fraud/3")
		if _, err := p.open(key); err == nil || err.Error() != want {
			t.Errorf("%s: got %v", key, err)
		}
	}
	t.Run("a bucket that is not there", func(t *testing.T) {
		p := newPlace(t)
		for _, key := range []string{"", "m", "fraud.ubj"} {
			if _, err := p.open(key); err == nil || !strings.Contains(err.Error(), "NoSuchBucket") {
				t.Errorf("%q: got %v", key, err)
			}
		}
	})
	t.Run("what may not be listed is asked for", func(t *testing.T) {
		p := newPlace(t)
		p.Put("models/fraud", "a model")
		p.Break(denies("/models"))
		if got := p.look(p.mustOpen("fraud")); got["."] != "a model" {
			t.Errorf("got %v", got)
		}
		for _, key := range []string{"other", ""} {
			_, err := p.open(key)
			if err == nil || !strings.Contains(err.Error(), "AccessDenied; the credentials' role needs s3:ListBucket") {
				t.Errorf("got %v", err)
			}
		}
	})
}

func TestAVersionThatCannotBeFetchedIsNotThere(t *testing.T) {
	p := newPlace(t)
	p.version("m/fraud/3")
	p.version("m/fraud/4")
	p.Put("models/m/fraud/live", "3")
	m := p.mustOpen("m")
	p.Break(denies("fraud/4/model.ubj"))
	want := joined(versionOf("m/fraud/3"), map[string]string{"fraud/live": "3"})
	if diff := cmp.Diff(want, p.look(m)); diff != "" {
		t.Error(diff)
	}
	const text = "s3://models/m/fraud/4/model.ubj: AccessDenied; the credentials' role needs s3:GetObject (403, request 4442587FB7D0A2F9)"
	first := m.Failed()["fraud/4"]
	if first == nil || first.Error() != text || len(m.Failed()) != 1 {
		t.Errorf("got %v", m.Failed())
	}
	t.Run("and its error stays the same while it says the same", func(t *testing.T) {
		p.Break(func(w http.ResponseWriter, r *http.Request) bool {
			w.Header().Set("X-Amz-Request-Id", "ANOTHER")
			return denies("fraud/4/model.ubj")(w, r)
		})
		if p.look(m); !errors.Is(m.Failed()["fraud/4"], first) {
			t.Errorf("got %v", m.Failed())
		}
	})
	t.Run("and a copy that is there stays", func(t *testing.T) {
		p.Put("models/m/fraud/3/model.ubj", "another")
		p.Break(denies("fraud/3/model.ubj"))
		if diff := cmp.Diff(joined(want, versionOf("m/fraud/4")), p.look(m)); diff != "" {
			t.Error(diff)
		}
		if err := m.Failed()["fraud/3"]; !errors.Is(err, fs.ErrPermission) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("and a pin that cannot be read is told", func(t *testing.T) {
		p.Put("models/m/fraud/live", "4")
		p.Break(denies("live"))
		if p.look(m); !errors.Is(m.Failed()["fraud/live"], fs.ErrPermission) {
			t.Errorf("got %v", m.Failed())
		}
		p.Put("models/m/fraud/live", strings.Repeat("4", 33))
		p.Break(nil)
		if p.look(m); m.Failed()["fraud/live"].Error() != "want the number of a version" {
			t.Errorf("got %v", m.Failed())
		}
	})
	if left := left(t, p.dir); len(left) > 0 {
		t.Errorf("lies about: %q", left)
	}
	if n := p.metrics.Failures.Value(); n != 5 {
		t.Errorf("counted %d", n)
	}
}

func TestAVersionThatChangesWhileItIsFetchedWaits(t *testing.T) {
	p := newPlace(t)
	p.version("m/fraud/3")
	m := p.mustOpen("m")
	changes := 0
	p.Break(func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "model.ubj") {
			changes++
			p.Put("models/m/fraud/3/model.ubj", strings.Repeat("x", changes))
		}
		return false
	})
	if got := p.look(m); len(got) != 0 || !errors.Is(m.Failed()["fraud/3"], mirror.ErrChanged) {
		t.Errorf("got %v, %v", got, m.Failed())
	}
	p.Break(nil)
	if got := p.look(m); got["fraud/3/model.ubj"] != "x" || len(m.Failed()) != 0 {
		t.Errorf("got %v, %v", got, m.Failed())
	}
}

func TestABucketThatIsAwayChangesNothing(t *testing.T) {
	p := newPlace(t)
	p.version("m/fraud/3")
	m := p.mustOpen("m")
	want := p.look(m)
	id := 0
	p.Break(func(w http.ResponseWriter, r *http.Request) bool {
		id++
		w.Header().Set("X-Amz-Request-Id", fmt.Sprint("ID", id))
		s3test.Refuse(w, r, 403, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large.")
		return true
	})
	first := m.Look(t.Context(), false)
	if again := m.Look(t.Context(), false); first == nil || !errors.Is(again, first) {
		t.Errorf("got %v, and %v", first, again)
	}
	if diff := cmp.Diff(want, files(t, m.Path())); diff != "" || p.metrics.Failed.Value() != 2 {
		t.Errorf("%d failed: %s", p.metrics.Failed.Value(), diff)
	}
}

func TestAFaultOnTheWayIsMended(t *testing.T) {
	p := newPlace(t)
	p.version("m/fraud/3")
	p.version("m/fraud/4")
	p.Break(func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "fraud/4/bundle.yaml") {
			w.Header().Set("Content-Length", "21")
			fmt.Fprint(w, "broken of m/fraud/4/x")
			return true
		}
		return false
	})
	m := p.mustOpen("m")
	if got := p.look(m); got["fraud/4/bundle.yaml"] != "broken of m/fraud/4/x" {
		t.Fatalf("got %v", got)
	}
	p.Break(nil)
	p.look(m)
	p.Asked()
	if err := m.Look(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(joined(versionOf("m/fraud/3"), versionOf("m/fraud/4")), files(t, m.Path())); diff != "" {
		t.Error(diff)
	}
	if asked := p.Asked(); len(asked) != 1+3 {
		t.Errorf("asked %q", asked)
	}
	t.Run("once", func(t *testing.T) {
		p.Put("models/m/fraud/4/bundle.yaml", "broken where it is")
		p.look(m)
		p.Asked()
		for range 3 {
			if err := m.Look(t.Context(), true); err != nil {
				t.Fatal(err)
			}
		}
		if asked := p.Asked(); len(asked) != 3+3 {
			t.Errorf("asked %q", asked)
		}
	})
}

func TestKeysThatAreNoPaths(t *testing.T) {
	p := newPlace(t)
	p.version("m/fraud/3")
	outside := filepath.Join(p.dir, "outside")
	bad := []string{"../x", "../../../../" + filepath.Base(outside), "a/../../x", "./x", "a//x", "/x", `a\..\x`, `..\x`, "C:x", "a\x00b", "a\nb", "a\x7f", "\xff", ".mirror.json", strings.Repeat("d/", 16) + "x", strings.Repeat("x", 256)}
	for i, key := range bad {
		at := fmt.Sprintf("models/m/fraud/%d/", 100+i)
		p.Put(at+"bundle.yaml", "manifest")
		p.Put(at+key, "hostile")
	}
	strange := []string{"../3/bundle.yaml", `a\b/3/bundle.yaml`, "/3/bundle.yaml", "./3/bundle.yaml", "C:/3/bundle.yaml", "a\x1b[2J/live"}
	for _, key := range strange {
		p.Put("models/m/"+key, "hostile")
	}
	m := p.mustOpen("m")
	if diff := cmp.Diff(versionOf("m/fraud/3"), p.look(m)); diff != "" {
		t.Error(diff)
	}
	for i := range bad {
		if err := m.Failed()[fmt.Sprintf("fraud/%d", 100+i)]; err == nil || !strings.HasPrefix(err.Error(), `key "m/fraud/`) {
			t.Errorf("%q: got %v", bad[i], err)
		}
	}
	for at, content := range s3test.Files(t, p.dir) {
		if content == "hostile" {
			t.Errorf("written: %s", at)
		}
	}
	if _, err := os.Stat(outside); !errors.Is(err, fs.ErrNotExist) {
		t.Error("written outside")
	}
	p.look(m)
	if text := p.log.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, fmt.Sprintf("keys=%d", len(strange))) || strings.Contains(text, "\x1b") {
		t.Errorf("log: %s", text)
	}
}

func TestALargeBucketIsNotCopied(t *testing.T) {
	p := newPlace(t)
	p.Put("models/logs/2024/01/huge", strings.Repeat("x", 1<<20))
	p.version("fraud/3")
	m := p.mustOpen("")
	got := p.look(m)
	if diff := cmp.Diff(joined(map[string]string{"fraud/3/bundle.yaml": "manifest of fraud/3", "fraud/3/model.ubj": "model of fraud/3", "fraud/3/golden/rows.csv": "rows of fraud/3"}), got); diff != "" {
		t.Error(diff)
	}
	if info, err := os.Stat(filepath.Join(m.Path(), "logs", "2024")); err != nil || !info.IsDir() {
		t.Errorf("a version without a manifest is not there to be told of: %v", err)
	}
	t.Run("nor is one with too many versions", func(t *testing.T) {
		for i := range 1001 {
			p.Put(fmt.Sprintf("models/n/fraud/%d/bundle.yaml", i+1), "x")
		}
		p.Asked()
		err := p.mustOpen("n").Look(t.Context(), false)
		if want := "fraud: there are more than this version of besra looks at: 1000 versions"; err == nil || err.Error() != want || len(p.Asked()) != 2 {
			t.Errorf("got %v", err)
		}
	})
}

func TestAddresses(t *testing.T) {
	for text, want := range map[string]mirror.Address{
		"s3://models":           {"s3", "models", ""},
		"s3://models/":          {"s3", "models", ""},
		"S3://models/a b/c.zip": {"s3", "models", "a b/c.zip"},
		"s3://models/prefix/":   {"s3", "models", "prefix"},
		"s3://models/100%/é":    {"s3", "models", "100%/é"},
		"gs://models/x":         {"gs", "models", "x"},
		"s3://":                 {},
		"s3:///x":               {},
		"s3://models/../x":      {},
		"s3://models//x":        {},
		"models/fraud":          {},
		"./s3://models":         {},
		"s3://models/a\nb":      {},
	} {
		got, err := mirror.ParseAddress(text)
		if err == nil && got != want || err != nil && want != (mirror.Address{}) {
			t.Errorf("%q: got %+v, %v", text, got, err)
		}
	}
	for text, want := range map[string]bool{"s3://a": true, "fraud.ubj": false, "/a/b://c": false, "://x": false, `C:\models`: false, "s3:/a": false} {
		if got := mirror.IsAddress(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestALookEndsWithItsContext(t *testing.T) {
	p := newPlace(t)
	p.version("m/fraud/3")
	m := p.mustOpen("m")
	p.Break(func(_ http.ResponseWriter, r *http.Request) bool { <-r.Context().Done(); return true })
	ctx, cancel := contextFor(t, 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	if err := m.Look(ctx, false); !errors.Is(err, ctx.Err()) || time.Since(began) > 5*time.Second {
		t.Errorf("got %v", err)
	}
	p.Break(nil)
	if diff := cmp.Diff(versionOf("m/fraud/3"), p.look(m)); diff != "" {
		t.Error(diff)
	}
}
