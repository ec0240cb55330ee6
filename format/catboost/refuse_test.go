package catboost

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/besra-ml/besra/pipeline"

	"github.com/besra-ml/besra/internal/formattest"
)

// read reads and compiles a model.
func read(data []byte) error {
	_, err := format.Compile(data)
	return err
}

// modelOf returns the model of a parity case.
func modelOf(t testing.TB, name string) []byte {
	t.Helper()
	files, err := filepath.Glob("../../testdata/catboost/" + name + "/model.*")
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func wantError(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got the error %v, want one with %q", err, want)
	}
}

func TestDepthIsBounded(t *testing.T) {
	for name, begin := range map[string]string{
		"arrays": `[`, "objects": `{"a":`, "nodes to the left": `{"left":`, "nodes to the right, which wait": `{"right":`,
	} {
		t.Run(name, func(t *testing.T) {
			for _, where := range []string{`{"trees":[`, `{"model_info":{"params":`, `{"ctr_data":{"a":`} {
				wantError(t, read([]byte(where+strings.Repeat(begin, 100_000))), "") // whatever it is
			}
			wantError(t, read([]byte(`{"other":`+strings.Repeat(begin, 100_000))), "nested more than 64 levels deep")
		})
	}
}

// TestEveryBeginningIsRefused cuts models short.
func TestEveryBeginningIsRefused(t *testing.T) {
	for _, name := range []string{"onehot-1.2.10", "combined-onehot-1.2.10", "lossguide-1.2.10"} {
		data := modelOf(t, name)
		for n := range data {
			if err := read(data[:n]); err == nil {
				t.Errorf("%s: %d of %d bytes are taken for a model", name, n, len(data))
			}
		}
	}
	data := modelOf(t, "binary-json-1.2.10")
	for n := 0; n < len(bytes.TrimSpace(data)); n += 7 {
		if err := read(data[:n]); err == nil {
			t.Errorf("JSON: %d of %d bytes are taken for a model", n, len(data))
		}
	}
}

// TestEveryChangedByteIsSurvived turns a bit of each byte of a model: it is refused, or it is a model that predicts.
func TestEveryChangedByteIsSurvived(t *testing.T) {
	data := modelOf(t, "combined-onehot-1.2.10")
	for i := range data {
		data[i] ^= 1 << (i % 8)
		if spec, err := Read(data); err == nil {
			if p, err := pipeline.Compile(spec); err == nil {
				formattest.Predict(t, p)
			}
		}
		data[i] ^= 1 << (i % 8)
	}
}
