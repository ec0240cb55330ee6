// Package xgboost reads models that XGBoost has saved as JSON or UBJSON.
//
// Files of XGBoost 1.3 to 3.2 are read with the meaning that XGBoost 3.2 gives them, whichever version
// wrote them. A file is never trusted: what does not add up is refused with its place, and memory stays
// within a small multiple of the file.
package xgboost

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/besra-ml/besra/internal/jsonscan"
	"github.com/besra-ml/besra/pipeline"
)

// errBinary names the way out of the format that XGBoost wrote by default until 2.0.
var errBinary = errors.New("binary format, deprecated since XGBoost 1.6 and gone in 3.1; convert it once with " +
	"XGBoost 1.7 to 3.0: python -c \"import xgboost as x; b=x.Booster(); b.load_model('m.bin'); b.save_model('m.ubj')\"")

// Detect reports whether a file that begins with head (4 kB are plenty) is an XGBoost model, in the
// deprecated binary format too, which [Read] refuses with advice.
func Detect(head []byte) bool {
	if isBinary(head) {
		return true
	}
	head = bytes.TrimLeft(head, " \t\r\n")
	if len(head) < 2 || head[0] != '{' {
		return false
	}
	if size(head[1]) > 0 { // UBJSON: the length of the first key
		head = head[:min(len(head), 80)]
		return bytes.Contains(head, []byte("learner")) || bytes.Contains(head, []byte("version"))
	}
	return bytes.Contains(head, []byte(`"learner"`))
}

// isBinary reports whether data is a model in the binary format: behind the optional magic, 136 bytes of
// parameters and the length and name of the objective.
func isBinary(data []byte) bool {
	if bytes.HasPrefix(data, []byte("binf")) {
		return true
	}
	const params = 136
	if len(data) < params+8 {
		return false
	}
	n := binary.LittleEndian.Uint64(data[params:])
	name := data[params+8:]
	if n < 4 || n > 64 || n > uint64(len(name)) {
		return false
	}
	name = name[:n]
	for _, c := range name {
		if c != ':' && c != '_' && (c < 'a' || c > 'z') {
			return false
		}
	}
	return bytes.IndexByte(name, ':') > 0
}

// Read reads a model file. Whether its trees are trees is left for [pipeline.Compile] to check.
func Read(data []byte) (pipeline.Spec, error) {
	if isBinary(data) {
		return pipeline.Spec{}, errBinary
	}
	src, err := open(data)
	if err != nil {
		return pipeline.Spec{}, err
	}
	r := reader{source: src, size: len(data), best: -1, params: params{boostFromAverage: true, targets: 1}}
	if err := r.document(); err != nil {
		return pipeline.Spec{}, err
	}
	return r.spec()
}

// open tells the encodings apart: in UBJSON a length follows the first brace.
func open(data []byte) (source, error) {
	if len(data) == 0 {
		return nil, errors.New("the file is empty")
	}
	if len(data) > 1 && data[0] == '{' && size(data[1]) > 0 {
		return &ubjSource{data: data}, nil
	}
	s := jsonscan.New(data)
	if s.Peek() != '{' {
		return nil, fmt.Errorf("neither JSON nor UBJSON: a model begins with {, not %q", data[s.At():min(s.At()+1, len(data))])
	}
	return s, nil
}
