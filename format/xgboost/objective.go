package xgboost

import (
	"errors"
	"fmt"

	"github.com/besra-ml/besra/internal/libm"
	"github.com/besra-ml/besra/pipeline"
)

// objective returns what XGBoost 3.2 does with margins for an objective, and how it turns a base score
// into a margin (PredTransform and ProbToMargin in its sources).
//
// A custom objective leaves no trace: its model is saved under the name of a built-in one.
func objective(name string) (pipeline.LinkKind, func(float32) (float32, error), error) {
	switch name {
	case "binary:logistic", "reg:logistic":
		return pipeline.Logistic32, logit, nil
	case "count:poisson", "reg:gamma", "reg:tweedie", "survival:cox", "survival:aft":
		return pipeline.Exp32, log, nil
	case "multi:softprob":
		return pipeline.Softmax32, same, nil
	case "multi:softmax":
		return pipeline.Class, same, nil
	case "binary:hinge":
		return pipeline.Hinge32, same, nil
	case "binary:logitraw",
		"reg:squarederror", "reg:linear", "reg:squaredlogerror", "reg:pseudohubererror",
		"reg:absoluteerror", "reg:quantileerror",
		"rank:ndcg", "rank:map", "rank:pairwise":
		return pipeline.Identity, same, nil
	}
	return 0, nil, fmt.Errorf("unknown objective %.60q", name)
}

func same(base float32) (float32, error) { return base, nil }

// logit keeps a base score of 0 or 1 finite, as XGBoost does from 3.2 on.
func logit(base float32) (float32, error) {
	if base < 0 || base > 1 {
		return 0, fmt.Errorf("%v is not a probability", base)
	}
	const eps = float32(1e-6)
	base = min(max(base, eps), 1-eps)
	return -libm.Logf(float32(1/base) - 1), nil
}

// log may yield -Inf: XGBoost accepts a mean of 0.
func log(base float32) (float32, error) {
	if base < 0 {
		return 0, errors.New("the logarithm of a negative number")
	}
	return libm.Logf(base), nil
}
