package besra_test

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/besra-ml/besra"
)

// packedBy returns text as w packs it.
func packedBy(t *testing.T, pack func(io.Writer) io.WriteCloser, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := pack(&b)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestAFileOfNoKnownFormat(t *testing.T) {
	// The heads are those that the named programs write.
	const pickled = "\x80\x04\x95\x1c\x05\x00\x00\x00\x00\x00\x00\x8c"
	for name, c := range map[string]struct{ file, want string }{
		"is empty":             {"", "it seems to be empty"},
		"is a forest, pickled": {pickled + "\x18sklearn.ensemble._forest\x94\x8c", "it seems to be a pickle, which is Python code and not a model; convert it with skl2onnx"},
		"is LightGBM, pickled": {pickled + "\x10lightgbm.sklearn\x94\x8c", `save it with model.booster_.save_model("fraud.txt")`},
		"is XGBoost, pickled":  {pickled + "\x0fxgboost.sklearn\x94\x8c", `save it with model.save_model("fraud.ubj")`},
		"is CatBoost, pickled": {pickled + "\x0dcatboost.core\x94\x8c", `save it with model.save_model("fraud.cbm")`},
		"is an old joblib":     {pickled + "\x19joblib.numpy_pickle_utils numpy_array_wrapper", "written by joblib"},
		"is packed by joblib":  {packedBy(t, func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) }, pickled), "packed by zlib, as joblib.dump"},
		"is packed by gzip":    {packedBy(t, func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }, "{}"), "packed by gzip; unpack it first: gunzip"},
		"is packed by zstd":    {"\x28\xb5\x2f\xfd\x04\x00", "packed by zstd; unpack it first: unzstd"},
		"is PMML":              {"<?xml version=\"1.0\"?>\n<PMML version=\"4.4\">", "PMML; save the model in its library's own format"},
		"is a page":            {"<!doctype html><title>404</title>", "HTML or XML"},
		"is of treelite":       {"\x04\x00\x00\x00\x06\x00\x00\x00\x01\x00\x00\x00\x02\x02\x05\x00", "of treelite"},
		"is a dump of trees":   {"booster[0]:\n0:[f1<0.5] yes=1,no=2,missing=2\n", "a dump of XGBoost's trees"},
		"is such a dump, JSON": {"[\n  { \"nodeid\": 0, \"depth\": 0, \"split\": \"f1\"", "a dump of XGBoost's trees"},
		"is compiled":          {"\x7fELF\x02\x01\x01", "a compiled library"},
		"is not there":         {"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "a pointer of Git LFS"},
		"is a table":           {"PAR1\x15\x04", "Parquet: rows, and no model"},
		"is a note":            {"buy milk", "not a model file that besra knows: files of "},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := besra.Read(strings.NewReader(c.file), besra.Options{})
			if !errors.Is(err, besra.ErrFormat) {
				t.Fatalf("got %v, want ErrFormat", err)
			}
			if !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "xgboost") {
				t.Errorf("got %q, want %q in it, and what is known", err, c.want)
			}
		})
	}
}
