package bundle_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/besra-ml/besra/internal/bundle"
	"github.com/besra-ml/besra/internal/drift"
)

// referenceOf returns the reference of a bundle of a parity case.
func referenceOf(t *testing.T, dir string, change func(*bundle.Recipe)) (*bundle.Bundle, string) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "m")
	r := bundle.Recipe{Manifest: bundle.Manifest{Name: "m", Version: 1}, Model: modelFile(t, dir), Golden: dir}
	change(&r)
	if _, _, err := bundle.Write(out, r); err != nil {
		t.Fatal(err)
	}
	b, err := bundle.Load(out)
	if err != nil {
		t.Fatal(err)
	}
	return b, out
}

func TestAReferenceIsMadeByPredictingItsRows(t *testing.T) {
	dir := filepath.Join(cases, plain)
	b, _ := referenceOf(t, dir, func(*bundle.Recipe) {})
	r := b.Reference
	if !r.Golden || !r.Narrow || len(r.Features) != 5 || r.Output != 0 {
		t.Fatalf("%+v", r)
	}
	counts := make([]uint64, len(r.Score.Counts))
	for _, v := range b.Golden.Value {
		counts[r.Score.Bin(v)]++
	}
	if d := cmp.Diff(r.Score.Counts, counts); d != "" {
		t.Errorf("scores: %s", d)
	}
	for c := range r.Features {
		f := &r.Features[c]
		counts := make([]uint64, len(f.Counts))
		for i := c; i < len(b.Golden.Rows); i += 5 {
			counts[f.Bin(float64(float32(b.Golden.Rows[i])))]++
		}
		if d := cmp.Diff(f.Counts, counts); d != "" || f.Name != fmt.Sprintf("f%d", c) {
			t.Errorf("%s: %s", f.Name, d)
		}
	}
}

func TestAReferenceOfRows(t *testing.T) {
	dir := filepath.Join(cases, plain)
	rows, err := os.ReadFile(filepath.Join(dir, "rows.csv"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(rows)), "\n")
	text := "label," + lines[0] + "\n"
	for _, line := range lines[1:51] {
		text += "fraud," + line + "\n"
	}
	file := filepath.Join(t.TempDir(), "valid.csv")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(text)
	b, _ := referenceOf(t, dir, func(r *bundle.Recipe) { r.Reference = file })
	if r := b.Reference; r.Golden || r.Rows != 50 {
		t.Errorf("%+v", r)
	}
	for bad, want := range map[string]string{
		strings.Replace(text, "f1", "g1", 1):          `valid.csv: column "f1" is missing`,
		text[:strings.IndexByte(text, '\n')+1]:        "valid.csv: has no rows",
		strings.Replace(text, "fraud,", "fraud,x", 1): "is no number",
	} {
		write(bad)
		_, _, err := bundle.Write(filepath.Join(t.TempDir(), "m"), bundle.Recipe{
			Manifest: bundle.Manifest{Name: "m", Version: 1}, Model: modelFile(t, dir), Golden: dir, Reference: file,
		})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestTheNumberThatStandsForMissingIsMissingInAReference(t *testing.T) {
	dir := filepath.Join(cases, "missing-sentinel-3.2.0")
	sentinel := -999.0
	b, _ := referenceOf(t, dir, func(r *bundle.Recipe) { r.Missing = &sentinel })
	missing := uint64(0)
	for _, f := range b.Reference.Features {
		missing += f.Counts[0]
		for _, e := range f.Edges {
			if e > -1000 && e < -900 {
				t.Errorf("%s is parted at %v", f.Name, e)
			}
		}
	}
	want := uint64(0)
	for _, x := range b.Golden.Rows {
		if x != x || x == sentinel {
			want++
		}
	}
	if missing != want || want == 0 {
		t.Errorf("%d are missing, want %d", missing, want)
	}
}

func TestABundleWithAReferenceThatIsNotItsOwnIsRefused(t *testing.T) {
	k := newKit(t, plain)
	_, dir := referenceOf(t, filepath.Join(cases, plain), func(*bundle.Recipe) {})
	k.read(t, "reference.yaml", filepath.Join(dir, "reference.yaml"))
	const manifest = "name: fraud\nversion: 3\n"
	k.sign(manifest)
	if b, err := bundle.Load(k.folder(t)); err != nil || b.Reference == nil {
		t.Fatal(err)
	}
	good := k["reference.yaml"]
	for change, want := range map[[2]string]string{
		{"name: f1,", "name: amount,"}: `reference.yaml:8: features[1]: name: the model's column 1 is "f1", not "amount": make it anew`,
		{"output: 0", "output: 1"}:     "reference.yaml:1: output: its scores are value 1 of the model, and the bundle's are value 0",
		{"rows: ", "rows: 1"}:          "reference.yaml:5: score: its counts make ",
		{"besra: 1", "besra: 1\nx: 1"}: `unknown member "x"`,
	} {
		k["reference.yaml"] = strings.Replace(good, change[0], change[1], 1)
		k.sign(manifest)
		if _, err := bundle.Load(k.folder(t)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	k["reference.yaml"] = good
	k.sign(manifest)
	k["reference.yaml"] += "\n"
	if _, err := bundle.Load(k.folder(t)); !errors.Is(err, bundle.ErrIncomplete) {
		t.Errorf("a file of another digest: %v", err)
	}
	delete(k, "reference.yaml")
	k.sign(manifest)
	if b, err := bundle.Load(k.folder(t)); err != nil || b.Reference != nil {
		t.Errorf("without one: %v", err)
	}
}

func TestColumnsOfTheCalendarAreKnown(t *testing.T) {
	const demo = "../../models/fraud/1"
	b, _ := referenceOf(t, demo, func(r *bundle.Recipe) { r.Golden, r.Events = demo+"/golden", demo+"/features.yaml" })
	var calendar []string
	for _, f := range b.Reference.Features {
		if f.Calendar {
			calendar = append(calendar, f.Name)
		}
	}
	if d := cmp.Diff([]string{"night", "weekend"}, calendar); d != "" {
		t.Error(d)
	}
	if b.Reference.Rows >= drift.MinRows {
		t.Errorf("%d golden rows", b.Reference.Rows)
	}
}
