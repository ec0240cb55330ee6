package models_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"github.com/besra-ml/besra/models"
)

// manifest is the part of bundle.yaml that is checked here.
type manifest struct {
	Files    map[string]string `yaml:"files"`
	Features []struct {
		Name string `yaml:"name"`
	} `yaml:"features"`
}

func readManifest(t *testing.T) (m manifest, features []string) {
	t.Helper()
	b, err := fs.ReadFile(models.Demo(), "bundle.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	for _, f := range m.Features {
		features = append(features, f.Name)
	}
	return m, features
}

func TestTheManifestNamesEveryFileByItsDigest(t *testing.T) {
	m, _ := readManifest(t)
	got, size := map[string]string{}, 0
	err := fs.WalkDir(models.Demo(), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(models.Demo(), path)
		size += len(b)
		if path != "bundle.yaml" {
			got[path] = fmt.Sprintf("sha256:%x", sha256.Sum256(b))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(m.Files, got); diff != "" {
		t.Errorf("manifest, files:\n%s", diff)
	}
	if size > 2<<20 {
		t.Errorf("the bundle has %d bytes, more than 2 MiB", size)
	}
}

func TestGoldenRowsHaveTheBundlesFeatures(t *testing.T) {
	_, features := readManifest(t)
	rows := readCSV(t, "golden/rows.csv")
	if diff := cmp.Diff(features, rows[0]); diff != "" {
		t.Errorf("manifest, golden/rows.csv:\n%s", diff)
	}
	for _, name := range []string{"golden/margin.csv", "golden/value.csv"} {
		if got := readCSV(t, name); len(got) != len(rows) {
			t.Errorf("%s has %d lines, golden/rows.csv %d", name, len(got), len(rows))
		}
	}
}

func readCSV(t *testing.T, name string) [][]string {
	t.Helper()
	b, err := fs.ReadFile(models.Demo(), name)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return lines
}

func TestTheFiguresAreThoseOfTheModelCard(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "docs", "model-card.md"))
	if err != nil {
		t.Fatal(err)
	}
	card := string(b)
	f := models.Card()
	decided := map[string]models.Decided{}
	for _, m := range regexp.MustCompile(`(?m)^\| (approve|review|decline) \| ([0-9,]+) \| [^|]+ \| ([0-9,]+) \|`).FindAllStringSubmatch(card, -1) {
		decided[m[1]] = models.Decided{Payments: number(t, m[2]), Frauds: number(t, m[3])}
	}
	want := map[string]models.Decided{"approve": f.Approve, "review": f.Review, "decline": f.Decline}
	if diff := cmp.Diff(want, decided); diff != "" {
		t.Errorf("models.Card, docs/model-card.md:\n%s", diff)
	}

	held := regexp.MustCompile(`\| Held out \| days (\d+) to (\d+) \([^)]*\): ([0-9,]+) payments, ([0-9,]+) of them fraud`).FindStringSubmatch(card)
	if held == nil {
		t.Fatal("the card does not say what is held out")
	}
	got := []int{
		f.FirstDay, f.LastDay, f.Approve.Payments + f.Review.Payments + f.Decline.Payments,
		f.Approve.Frauds + f.Review.Frauds + f.Decline.Frauds,
	}
	for i, cell := range held[1:] {
		if number(t, cell) != got[i] {
			t.Errorf("%s in the card, %d in models.Card", cell, got[i])
		}
	}
	if p, r := 1934.0/4189, 1934.0/2446; f.Precision() != p || f.Recall() != r {
		t.Errorf("precision %v, want %v; recall %v, want %v", f.Precision(), p, f.Recall(), r)
	}
}

// number reads 1,234.
func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(strings.ReplaceAll(text, ",", ""))
	if err != nil {
		t.Fatal(err)
	}
	return n
}
