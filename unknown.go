package besra

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
)

// errUnknown is ErrFormat for a file that is in none of the known formats, with what it seems to be instead.
func errUnknown(head []byte) error {
	var names []string
	for _, f := range formats() {
		names = append(names, f.name)
	}
	known := strings.Join(names, ", ")
	if i := strings.LastIndex(known, ", "); i >= 0 {
		known = known[:i] + " and" + known[i+1:]
	}
	if what := seems(head); what != "" {
		return fmt.Errorf("%w: it seems to be %s; files of %s are read", ErrFormat, what, known)
	}
	return fmt.Errorf("%w: files of %s are read", ErrFormat, known)
}

// seems guesses what a file is from its first bytes, and says what to do about it.
func seems(head []byte) string {
	has := func(s string) bool { return bytes.Contains(head, []byte(s)) }
	starts := func(s string) bool { return bytes.HasPrefix(head, []byte(s)) }
	text := bytes.TrimLeft(head, "\ufeff \t\r\n")
	switch {
	case len(head) == 0:
		return "empty"
	case starts("\x80") && len(head) > 1 && head[1] >= 2 && head[1] <= 5 && has("numpy_array_wrapper"):
		return "written by joblib, which is Python code and not a model; " + saveInstead(head)
	case starts("\x80") && len(head) > 1 && head[1] >= 2 && head[1] <= 5:
		return "a pickle, which is Python code and not a model; " + saveInstead(head)
	case starts("\x1f\x8b"):
		return "packed by gzip; unpack it first: gunzip"
	case starts("\x28\xb5\x2f\xfd"):
		return "packed by zstd; unpack it first: unzstd"
	case starts("\x78\x01"), starts("\x78\x5e"), starts("\x78\x9c"), starts("\x78\xda"):
		return "packed by zlib, as joblib.dump(…, compress=…) does it; " + saveInstead(nil)
	case starts("BZh"):
		return "packed by bzip2; unpack it first"
	case starts("\xfd7zXZ\x00"):
		return "packed by xz; unpack it first"
	case starts("PK\x03\x04") && (has("schema") || has("_sklearn")):
		return "a skops file; convert the model with skl2onnx and save that"
	case starts("PK\x03\x04"):
		return "a zip file, and no model"
	case bytes.HasPrefix(text, []byte("<")) && has("PMML"):
		return "PMML; save the model in its library's own format, or convert it with skl2onnx"
	case len(head) > 262 && string(head[257:262]) == "ustar":
		return "a tar archive; unpack it first"
	case starts("\x89HDF"):
		return "HDF5"
	case starts("PAR1"):
		return "Parquet: rows, and no model"
	case starts("\x7fELF"), starts("MZ"):
		return "a compiled library, as treelite and others make them; save the model in the format of the library that trained it"
	case isTreelite(head):
		return "of treelite; save the model in the format of the library that trained it"
	case starts("version https://git-lfs.github.com"):
		return "a pointer of Git LFS in place of the file; fetch it: git lfs pull"
	case bytes.HasPrefix(text, []byte("<")):
		return "HTML or XML"
	case bytes.HasPrefix(text, []byte("booster[")), bytes.HasPrefix(text, []byte("0:[")),
		bytes.HasPrefix(text, []byte("[")) && has(`"nodeid"`):
		return "a dump of XGBoost's trees (dump_model), which leaves out what it takes to predict; save_model keeps it"
	}
	return ""
}

// isTreelite reports whether head is that of a checkpoint of treelite 3 or 4: three numbers of its version, then the
// types of thresholds and leaves.
func isTreelite(head []byte) bool {
	if len(head) < 14 {
		return false
	}
	part := func(i int) uint32 { return binary.LittleEndian.Uint32(head[4*i:]) }
	isType := func(b byte) bool { return b >= 1 && b <= 3 }
	return (part(0) == 3 || part(0) == 4) && part(1) < 100 && part(2) < 100 && isType(head[12]) && isType(head[13])
}

// saveInstead says how to save the model that a pickle seems to hold.
func saveInstead(head []byte) string {
	has := func(s string) bool { return bytes.Contains(head, []byte(s)) }
	switch {
	case has("xgboost"):
		return `save it with model.save_model("fraud.ubj")`
	case has("lightgbm"):
		return `save it with model.booster_.save_model("fraud.txt")`
	case has("catboost"):
		return `save it with model.save_model("fraud.cbm")`
	case has("sklearn"):
		return "convert it with skl2onnx and save that"
	}
	return "save the model with its library's save_model, or convert it with skl2onnx"
}
