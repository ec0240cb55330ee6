package lightgbm

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/besra-ml/besra/forest"
	"github.com/besra-ml/besra/pipeline"
)

// An objective is what LightGBM does with margins (ConvertOutput in src/objective), by the name that it writes.
type objective struct {
	name string
	link pipeline.Link
}

// readObjective reads the objective's line: its name and parameters, such as "binary sigmoid:1". A custom objective
// leaves no such line, and margins are its values.
func readObjective(f field, outputs int) (objective, error) {
	words := strings.Fields(string(f.value))
	if !f.there() {
		return objective{}, nil
	}
	if len(words) == 0 {
		return objective{}, f.in("objective", fmt.Errorf("it is empty"))
	}
	o := objective{name: words[0]}
	many := false // whether it is made for several classes
	switch o.name {
	case "regression", "regression_l2", "mean_squared_error", "mse", "l2", "l2_root", "root_mean_squared_error", "rmse",
		"regression_l1", "mean_absolute_error", "l1", "mae",
		"fair", "quantile", "mape", "mean_absolute_percentage_error":
		for _, w := range words[1:] {
			if w == "sqrt" {
				o.link.Kind = pipeline.SignedSquare
			}
		}
	case "huber", "lambdarank", "rank_xendcg", "xendcg", "xe_ndcg", "xe_ndcg_mart", "xendcg_mart":
	case "custom", "none", "null", "na":
		return objective{name: o.name}, nil
	case "poisson", "gamma", "tweedie":
		o.link.Kind = pipeline.Exp
	case "cross_entropy", "xentropy":
		o.link.Kind = pipeline.Logistic
	case "cross_entropy_lambda", "xentlambda":
		o.link.Kind = pipeline.Softplus
	case "binary":
		o.link.Kind = pipeline.Logistic
		var err error
		if o.link.Scale, err = sigmoid(words); err != nil {
			return o, f.in("objective", err)
		}
	case "multiclass", "softmax":
		many = true
		o.link.Kind = pipeline.Softmax
	case "multiclassova", "multiclass_ova", "ova", "ovr":
		many = true
		o.link.Kind = pipeline.Logistic
		var err error
		if o.link.Scale, err = sigmoid(words); err != nil {
			return o, f.in("objective", err)
		}
	default:
		return o, f.in("objective", fmt.Errorf("unknown objective %.60q", o.name))
	}
	want := 1
	if many {
		word, _ := parameter(words, "num_class")
		var err error
		if want, err = strconv.Atoi(word); err != nil || want < 1 || want > forest.MaxOutputs {
			return o, f.in("objective", fmt.Errorf("its num_class is %.40q", word))
		}
	}
	if outputs != want {
		return o, f.in("objective", fmt.Errorf("%s for %d classes, but num_class is %d", o.name, want, outputs))
	}
	return o, nil
}

// parameter returns the text of an objective's parameter.
func parameter(words []string, name string) (value string, ok bool) {
	for _, w := range words[1:] {
		if key, value, ok := strings.Cut(w, ":"); ok && key == name {
			return value, true
		}
	}
	return "", false
}

func sigmoid(words []string) (float64, error) {
	word, ok := parameter(words, "sigmoid")
	if !ok {
		return 0, fmt.Errorf("%s without sigmoid", words[0])
	}
	x, ok := loose([]byte(word))
	if !ok || !(x > 0) || math.IsInf(x, 0) {
		return 0, fmt.Errorf("sigmoid is %.40q, no positive number", word)
	}
	return x, nil
}

// loose reads a decimal number as LightGBM reads the parameters of objectives (Common::Atof): step by step, so that the
// result may be a unit or two in the last place away from the nearest double.
func loose(text []byte) (x float64, ok bool) {
	mantissa, exponent := text, []byte(nil)
	if i := bytes.IndexAny(text, "eE"); i >= 0 {
		mantissa, exponent = text[:i], text[i+1:]
	}
	whole, fraction, _ := bytes.Cut(mantissa, []byte("."))
	x, ok = decimal(bytes.TrimPrefix(whole, []byte("+")))
	if right, fine := decimal(fraction); fine && len(fraction) > 0 {
		x += right / power(10, len(fraction))
	} else {
		ok = ok && fine
	}
	if exponent == nil || !ok {
		return x, ok
	}
	e, err := strconv.Atoi(string(exponent))
	if err != nil {
		return 0, false
	}
	down := e < 0
	e = min(max(e, -e), 308)
	scale := 1.0
	for ; e >= 50; e -= 50 {
		scale *= 1e50
	}
	for ; e >= 8; e -= 8 {
		scale *= 1e8
	}
	for ; e > 0; e-- {
		scale *= 10
	}
	if down {
		return x / scale, true
	}
	return x * scale, true
}

// decimal adds up digits, rounding at each.
func decimal(digits []byte) (x float64, ok bool) {
	for _, c := range digits {
		if c -= '0'; c > 9 {
			return 0, false
		}
		x = float64(x*10) + float64(c)
	}
	return x, true
}

// power raises base to a positive power in the order in which LightGBM multiplies.
func power(base float64, n int) float64 {
	switch {
	case n == 0:
		return 1
	case n%2 == 0:
		return power(base*base, n/2)
	case n%3 == 0:
		return power(base*base*base, n/3)
	}
	return base * power(base, n-1)
}
