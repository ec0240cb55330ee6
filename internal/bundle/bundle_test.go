package bundle_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/besra-ml/besra"
	"github.com/besra-ml/besra/internal/bundle"
	"github.com/besra-ml/besra/internal/policy"
)

// A kit is the files of a bundle that a test takes apart.
type kit map[string]string

// newKit returns a bundle of a parity case, with a policy.
func newKit(t testing.TB, name string) kit {
	t.Helper()
	dir := filepath.Join(cases, name)
	k := kit{"policy.yaml": "besra: 1\nversion: \"2026-11-01\"\ncutoffs: {review: 0.35, decline: 0.85}\n"}
	models, err := filepath.Glob(filepath.Join(dir, "model.*"))
	if err != nil || len(models) != 1 {
		t.Fatal(models, err)
	}
	k.read(t, "model.ubj", models[0]) // a name means nothing
	for _, f := range []string{"rows", "margin", "value", "leaf"} {
		k.read(t, "golden/"+f+".csv", filepath.Join(dir, f+".csv"))
	}
	k.sign("name: fraud\nversion: 3\n")
	return k
}

func (k kit) read(t testing.TB, name, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	k[name] = string(data)
}

// sign writes the manifest: what is given, and the digests of all files.
func (k kit) sign(manifest string) {
	text := "besra: 1\nmodel: model.ubj\n" + manifest + "files:\n"
	for name, data := range k {
		if sum := sha256.Sum256([]byte(data)); name != "bundle.yaml" {
			text += fmt.Sprintf("  %s: sha256:%s\n", name, hex.EncodeToString(sum[:]))
		}
	}
	k["bundle.yaml"] = text
}

func (k kit) fs() fs.FS {
	m := fstest.MapFS{}
	for name, data := range k {
		m[name] = &fstest.MapFile{Data: []byte(data), Mode: 0o644}
	}
	return m
}

func (k kit) folder(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for name, data := range k {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(data), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// zipped returns a zip of the files, and of more that are added as they are.
func (k kit) zipped(t testing.TB, more ...*zip.FileHeader) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, data := range k {
		w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(data)); err != nil {
			t.Fatal(err)
		}
	}
	for _, h := range more {
		w, err := z.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte("golden")); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "fraud-3.zip")
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

const plain = "binary-logistic-3.2.0" // a case with five numeric columns without names, and one output

func TestAFolderAZipAndAnEmbeddedBundleAreTheSame(t *testing.T) {
	k := newKit(t, plain)
	folder, err := bundle.Load(k.folder(t))
	if err != nil {
		t.Fatal(err)
	}
	zipped, err := bundle.Load(k.zipped(t))
	if err != nil {
		t.Fatal(err)
	}
	embedded, err := bundle.Read(k.fs())
	if err != nil {
		t.Fatal(err)
	}
	if embedded.Proven {
		t.Error("Read proves")
	}
	if _, err := embedded.Prove(); err != nil {
		t.Fatal(err)
	}
	for _, b := range []*bundle.Bundle{folder, zipped, embedded} {
		if b.Digest != folder.Digest || !b.Proven || b.Bare() || b.Name != "fraud" || b.Version != 3 || b.Output != 0 || len(b.Notes) > 0 {
			t.Errorf("%s %d: %s, proven %t, output %d, %q", b.Name, b.Version, b.Digest, b.Proven, b.Output, b.Notes)
		}
		if diff := cmp.Diff(&policy.Policy{Version: "2026-11-01", Review: 0.35, Decline: 0.85}, b.Policy); diff != "" {
			t.Error(diff)
		}
		if b.Size != int64(len(k["model.ubj"])) {
			t.Errorf("size %d", b.Size)
		}
	}
}

func TestTheManifestIsKept(t *testing.T) {
	k := newKit(t, plain)
	delete(k, "golden/leaf.csv") // it is of all rounds
	columns := strings.Split(strings.SplitN(k["golden/rows.csv"], "\n", 2)[0], ",")
	features := "features:\n  - {name: " + columns[0] + ", type: int, unit: EUR, min: -1e3, max: 100000, on_bounds: refuse, missing: refuse, text: \"Amount: due\"}\n"
	for _, c := range columns[1:] {
		features += "  - {name: " + c + "}\n"
	}
	k.sign("name: fraud\nversion: 3\ntrainer: {library: xgboost, version: 3.2.0}\nparity: {ulp: 4}\nmissing: -999\niterations: \"0:2\"\n" +
		"output: 0\nmemo: true\nabout: {description: Cards, metrics: {auc: 0.90}, tags: [a, b]}\n" + features)
	b, err := bundle.Read(k.fs())
	if err != nil {
		t.Fatal(err)
	}
	if b.ULP != 4 || *b.Missing != -999 || b.Model.Iterations() != 2 || !b.Memo || b.Trainer.Version != "3.2.0" {
		t.Errorf("%+v", b.Manifest)
	}
	want := []bundle.Member{{"description", "Cards"}, {"metrics.auc", "0.90"}, {"tags.0", "a"}, {"tags.1", "b"}}
	if diff := cmp.Diff(want, b.About); diff != "" {
		t.Error(diff)
	}
	f := b.Features[0]
	if f.Type != besra.Int || f.Unit != "EUR" || f.Text != "Amount: due" || f.Min != -1000 || f.Max != 100000 || !f.RefuseOutOfBounds || !f.RefuseMissing {
		t.Errorf("%+v", f)
	}
	for x, in := range map[float64]bool{-1000: true, 100000: true, 1e5 + 1: false, -1001: false, math.Inf(1): false, math.NaN(): true} {
		if f.InBounds(x) != in {
			t.Errorf("InBounds(%v) = %t", x, !in)
		}
	}
	if g := b.Features[1]; g.RefuseMissing || g.RefuseOutOfBounds || !g.InBounds(math.Inf(-1)) || g.Name != columns[1] {
		t.Errorf("%+v", g)
	}
}

func TestAFileWithoutNamesGetsThemFromTheManifest(t *testing.T) {
	k := newKit(t, "base-binary-logistic-half-3.2.0")
	k["golden/rows.csv"] = strings.Replace(k["golden/rows.csv"], "f0,f1,f2,f3,f4", "amount,f1,f2,f3,hour", 1)
	features := "features: [{name: amount}, {name: f1}, {name: f2}, {name: f3}, {name: hour}]\n"
	k.sign("name: fraud\nversion: 3\n" + features)
	b, err := bundle.Load(k.folder(t))
	if err != nil {
		t.Fatal(err)
	}
	if cs := b.Columns(); cs[0].Name != "amount" || cs[4].Name != "hour" {
		t.Error(cs)
	}
}

func TestTheScoreIsTheChosenOutput(t *testing.T) {
	for _, c := range []struct {
		name, manifest string
		want           int
		err            string
	}{
		{plain, "", 0, ""},
		{plain, "output: 0\n", 0, ""},
		{plain, "output: 1\n", 0, "output: \"1\" is none of the model's 1"},
		{plain, "output: fraud\n", 0, "output: \"fraud\" is none of"},
		{"multi-softprob-3.2.0", "", -1, ""},
		{"multi-softprob-3.2.0", "output: 2\n", 2, ""},
		{"multi-softprob-3.2.0", "output: -1\n", 0, "is none of the model's"},
		{"multi-softmax-3.2.0", "", 0, ""},
	} {
		k := newKit(t, c.name)
		k.sign("name: fraud\nversion: 3\n" + c.manifest)
		b, err := bundle.Read(k.fs())
		switch {
		case c.err == "" && err != nil:
			t.Errorf("%s, %q: %v", c.name, c.manifest, err)
		case c.err == "" && b.Output != c.want:
			t.Errorf("%s, %q: %d, want %d", c.name, c.manifest, b.Output, c.want)
		case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
			t.Errorf("%s, %q: %v, want %q", c.name, c.manifest, err, c.err)
		}
	}
}

func TestABareModelFileIsUnproven(t *testing.T) {
	k := newKit(t, plain)
	path := filepath.Join(t.TempDir(), "My Fraud.v2.ubj")
	if err := os.WriteFile(path, []byte(k["model.ubj"]), 0o644); err != nil {
		t.Fatal(err)
	}
	b, err := bundle.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if b.Name != "my-fraud-v2" || b.Version != 0 || !b.Bare() || b.Proven || b.Golden != nil || b.Policy != nil || len(b.Notes) != 1 || b.Digest == "" {
		t.Errorf("%+v", b)
	}
	if len(b.Features) == 0 || b.Features[0].RefuseMissing || !b.Features[0].InBounds(1e300) {
		t.Errorf("%+v", b.Features)
	}
	if _, err := b.Prove(); !errors.Is(err, bundle.ErrBare) {
		t.Error(err)
	}
	for path, want := range map[string]string{
		"a/b/FRAUD.json": "fraud", ".hidden": "-hidden", "x": "x", "ü.ubj": "-", strings.Repeat("a", 90): strings.Repeat("a", 64),
	} {
		if got := bundle.NameOf(path); got != want {
			t.Errorf("NameOf(%q) = %q, want %q", path, got, want)
		}
	}
}

func TestAFileThatIsNotListedIsNotedOrNotLookedAt(t *testing.T) {
	k := newKit(t, plain)
	delete(k, "policy.yaml")
	k.sign("name: fraud\nversion: 3\n")
	k["policy.yaml"] = "besra: 1\nversion: v\ncutoffs: {review: 0.1}\n"
	k["notes.txt"] = "not looked at"
	b, err := bundle.Load(k.folder(t))
	if err != nil {
		t.Fatal(err)
	}
	if len(b.Notes) != 1 || !strings.HasPrefix(b.Notes[0], "policy.yaml has no digest") || b.Policy.Version != "v" {
		t.Errorf("%q, %+v", b.Notes, b.Policy)
	}
}

func TestULP(t *testing.T) {
	next := math.Nextafter
	for _, c := range []struct {
		a, b float64
		bits int
		want uint64
	}{
		{1, 1, 64, 0},
		{1, next(1, 2), 64, 1},
		{next(1, 0), next(1, 2), 64, 2},
		{0, math.Copysign(0, -1), 64, 1},
		{-1, 1, 64, 2*0x3ff0000000000000 + 1},
		{math.NaN(), math.NaN(), 64, 0},
		{math.NaN(), 1, 64, bundle.Far},
		{math.MaxFloat64, math.Inf(1), 64, 1},
		{math.Inf(1), math.Inf(1), 32, 0},
		{1, float64(math.Nextafter32(1, 2)), 32, 1},
		{-1, float64(math.Nextafter32(-1, 0)), 32, 1},
		{1, 2, 32, 1 << 23},
	} {
		if got := bundle.ULP(c.a, c.b, c.bits); got != c.want {
			t.Errorf("ULP(%v, %v, %d) = %d, want %d", c.a, c.b, c.bits, got, c.want)
		}
		if got := bundle.ULP(c.b, c.a, c.bits); got != c.want {
			t.Errorf("ULP(%v, %v, %d) = %d, want %d", c.b, c.a, c.bits, got, c.want)
		}
	}
}

func TestTheDigestIsFoundWithoutTheModel(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "1")
	if err := os.CopyFS(dir, os.DirFS("../../models/fraud/1")); err != nil {
		t.Fatal(err)
	}
	manifest := filepath.Join(dir, "bundle.yaml")
	text, err := os.ReadFile(manifest)
	if err != nil {
		t.Fatal(err)
	}
	check := func() string {
		t.Helper()
		b, err := bundle.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		got, err := bundle.Digest(os.DirFS(dir))
		if err != nil || got != b.Digest {
			t.Errorf("%s, %v; want %s", got, err, b.Digest)
		}
		return got
	}
	before := check()
	var kept []string // files that are not listed count, too
	for line := range strings.Lines(string(text)) {
		if !strings.Contains(line, "golden/value.csv:") && !strings.Contains(line, "policy.yaml:") {
			kept = append(kept, line)
		}
	}
	if err := os.WriteFile(manifest, []byte(strings.Join(kept, "")), 0o600); err != nil {
		t.Fatal(err)
	}
	between := check()
	if err := os.WriteFile(filepath.Join(dir, "policy.yaml"), []byte("besra: 1\nversion: other\ncutoffs: {review: 0.5}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if after := check(); after == between || between == before {
		t.Error("the digest does not tell")
	}
	if err := os.Remove(filepath.Join(dir, "model.ubj")); err != nil {
		t.Fatal(err)
	}
	if _, err := bundle.Digest(os.DirFS(dir)); !errors.Is(err, bundle.ErrIncomplete) {
		t.Errorf("error %v", err)
	}
}
