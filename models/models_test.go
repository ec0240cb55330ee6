package models_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"fmt"
	"io/fs"
	"math"
	"slices"
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

func TestHeldOutPayments(t *testing.T) {
	r, err := models.HeldOut()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	lines, err := csv.NewReader(r).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	header, lines := lines[0], lines[1:]

	_, features := readManifest(t)
	want := slices.Concat([]string{"event_id", "time", "card", "terminal"}, features, []string{"label"})
	if diff := cmp.Diff(want, header); diff != "" {
		t.Fatalf("columns:\n%s", diff)
	}
	if len(lines) != 20_000 {
		t.Errorf("%d payments", len(lines))
	}
	frauds := 0
	for i, l := range lines {
		if i > 0 && strings.Compare(lines[i-1][1], l[1]) > 0 {
			t.Fatalf("payment %d is before the one above it", i)
		}
		for j, cell := range l[4 : 4+len(features)] {
			v, err := strconv.ParseFloat(cell, 64)
			if err != nil || strconv.FormatFloat(float64(float32(v)), 'g', -1, 32) != strconv.FormatFloat(v, 'g', -1, 64) {
				t.Fatalf("payment %d: %s %q is not the shortest decimal of a float32: %v", i, features[j], cell, err)
			}
		}
		if l[len(l)-1] == "fraud" {
			frauds++
		}
	}
	if share := float64(frauds) / float64(len(lines)); math.Abs(share-0.0087) > 0.0005 {
		t.Errorf("fraud share is %.4f", share)
	}
}
