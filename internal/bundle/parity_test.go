package bundle_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/besra-ml/besra/internal/bundle"
)

const cases = "../../testdata/xgboost"

// caseOptions reads what a parity case's model file leaves out.
func caseOptions(t *testing.T, dir string) bundle.Options {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "case.json"))
	if err != nil {
		t.Fatal(err)
	}
	var c struct {
		Missing    *float64
		Iterations string
	}
	if err := json.Unmarshal(data, &c); err != nil {
		t.Fatal(err)
	}
	o := bundle.Options{Missing: c.Missing}
	if c.Iterations != "" {
		if o.Iterations, err = bundle.ParseIterations(c.Iterations); err != nil {
			t.Fatal(err)
		}
	}
	return o
}

func modelFile(t *testing.T, dir string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "model.*"))
	if err != nil || len(found) != 1 {
		t.Fatalf("%s: models %v, %v", dir, found, err)
	}
	return found[0]
}

func TestEveryParityCaseMakesABundleThatIsProven(t *testing.T) {
	found, err := filepath.Glob(filepath.Join(cases, "*", "case.json"))
	if err != nil || len(found) == 0 {
		t.Fatalf("no parity cases: %v", err)
	}
	for i, file := range found {
		dir := filepath.Dir(file)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "m")
			if i%2 == 1 {
				out += ".zip"
			}
			o := caseOptions(t, dir)
			b, report, err := bundle.Write(out, bundle.Recipe{
				Manifest: bundle.Manifest{Name: "m", Version: 1, Missing: o.Missing, Iterations: o.Iterations},
				Model:    modelFile(t, dir), Golden: dir,
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range report.Answers {
				if a.Exact != a.Numbers || a.ULP != 0 || a.Numbers == 0 {
					t.Errorf("%+v", a)
				}
			}
			again, err := bundle.Load(out)
			if err != nil {
				t.Fatal(err)
			}
			if !again.Proven || again.Digest != b.Digest || strings.Join(again.Notes, "") != "" {
				t.Errorf("loaded again: proven %t, %s, %q", again.Proven, again.Digest, again.Notes)
			}
			if r := again.Reference; r == nil || !r.Golden || r.Rows != report.Rows || (r.Score == nil) != (again.Output < 0) {
				t.Errorf("its reference is %+v", r)
			}
		})
	}
}
