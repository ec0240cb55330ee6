package xgboost

import (
	"fmt"

	"github.com/besra-ml/besra/forest"
	"github.com/besra-ml/besra/linear"
)

// linear returns the linear model: weights by feature and output, then a bias for each output.
func (r *reader) linear(base []float64) (*linear.Linear, error) {
	features, outputs := r.params.features, r.params.outputs()
	want := (features + 1) * outputs
	if len(r.weights) == 0 && want <= 1<<16+r.size {
		r.weights = make([]float32, want) // not one round was trained
	}
	if len(r.weights) != want {
		return nil, fmt.Errorf("weights: %d values, want %d for %d features and %d outputs",
			len(r.weights), want, features, outputs)
	}
	w := make([]float64, len(r.weights))
	for i, v := range r.weights {
		w[i] = float64(v)
	}
	// XGBoost gives every output the first base score.
	for i := range base {
		base[i] = base[0]
	}
	return &linear.Linear{
		Features: features,
		Outputs:  outputs,
		Width:    forest.Float32,
		Weights:  w[:features*outputs],
		Bias:     w[features*outputs:],
		Base:     base,
	}, nil
}
