package besra

import (
	"fmt"

	"github.com/besra-ml/besra/format/catboost"
	"github.com/besra-ml/besra/format/lightgbm"
	"github.com/besra-ml/besra/format/onnx"
	"github.com/besra-ml/besra/format/xgboost"
	"github.com/besra-ml/besra/pipeline"
)

// A format recognises a model file by its first bytes and reads it.
type format struct {
	name   string
	detect func(head []byte) bool
	read   func(data []byte) (pipeline.Spec, error)
}

// formats lists the formats, in the order in which they are tried.
func formats() []format {
	return []format{
		{"xgboost", xgboost.Detect, xgboost.Read},
		{"lightgbm", lightgbm.Detect, lightgbm.Read},
		{"catboost", catboost.Detect, catboost.Read},
		{"onnx", onnx.Detect, onnx.Read},
	}
}

// parse reads a model file in whatever format it is.
func parse(data []byte) (pipeline.Spec, error) {
	head := data[:min(len(data), 4096)]
	for _, f := range formats() {
		if !f.detect(head) {
			continue
		}
		spec, err := f.read(data)
		if err != nil {
			return pipeline.Spec{}, fmt.Errorf("%s: %w", f.name, err)
		}
		return spec, nil
	}
	return pipeline.Spec{}, errUnknown(head)
}
