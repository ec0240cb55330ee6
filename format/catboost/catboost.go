// Package catboost reads models that CatBoost has saved as .cbm or JSON.
//
// Files of CatBoost 1.0 to 1.2 are read with the meaning that CatBoost 1.2 gives to them. A file is never trusted:
// what does not add up is refused with its place, and memory stays within a small multiple of the file.
package catboost

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/besra-ml/besra/pipeline"
)

// magic is what a .cbm file begins with.
const magic = "CBM1"

// members are those of a model in JSON. CatBoost writes them in the order of the alphabet.
var members = []string{"ctr_data", "features_info", "model_info", "oblivious_trees", "scale_and_bias", "trees"}

// Detect reports whether a file that begins with head (4 kB are plenty) is a CatBoost model.
func Detect(head []byte) bool {
	if bytes.HasPrefix(head, []byte(magic)) {
		return true
	}
	head = bytes.TrimLeft(head, " \t\r\n")
	if len(head) == 0 || head[0] != '{' {
		return false
	}
	head = bytes.TrimLeft(head[1:], " \t\r\n")
	return slices.ContainsFunc(members, func(name string) bool {
		return bytes.HasPrefix(head, []byte(`"`+name+`"`))
	})
}

// Read reads a model file. Whether its trees are trees is left for [pipeline.Compile] to check.
func Read(data []byte) (pipeline.Spec, error) {
	if len(data) == 0 {
		return pipeline.Spec{}, errors.New("the file is empty")
	}
	var m model
	var err error
	switch {
	case bytes.HasPrefix(data, []byte(magic)):
		err = m.readBinary(data)
	case bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte("{")):
		err = m.readJSON(data)
	default:
		err = fmt.Errorf("neither .cbm nor JSON: a model begins with %s or {, not %q", magic, data[:min(4, len(data))])
	}
	if err != nil {
		return pipeline.Spec{}, err
	}
	return m.spec()
}

// in says where an error occurred.
func in(where string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", where, err)
}
