package catboost

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/besra-ml/besra/forest"
	"github.com/besra-ml/besra/pipeline"
)

// lossLink returns what CatBoost's own predict makes of a model's margins: probabilities where there are classes,
// means where the margins are their logarithms, and else the margins.
func lossLink(loss string, outputs int) (pipeline.Link, error) {
	switch loss {
	case "Logloss", "CrossEntropy", "Focal", "MultiClassOneVsAll", "MultiLogloss", "MultiCrossEntropy":
		return pipeline.Link{Kind: pipeline.Logistic}, nil
	case "MultiClass":
		if outputs == 1 {
			return pipeline.Link{Kind: pipeline.Logistic}, nil
		}
		return pipeline.Link{Kind: pipeline.SoftmaxFmath}, nil
	case "Poisson", "Tweedie":
		return pipeline.Link{Kind: pipeline.ExpFmath}, nil
	case "RMSEWithUncertainty":
		if outputs != 2 {
			return pipeline.Link{}, fmt.Errorf("loss RMSEWithUncertainty with %d outputs, want 2", outputs)
		}
		return pipeline.Link{Kind: pipeline.Uncertainty}, nil
	case "", "RMSE", "MAE", "Quantile", "MultiQuantile", "GroupQuantile", "LogLinQuantile", "Expectile", "MAPE", "Lq", "Huber",
		"LogCosh", "RMSPE", "MSLE", "FairLoss", "SMAPE", "MultiRMSE", "MultiRMSEWithMissingValues", "SurvivalAft", "Cox",
		"PairLogit", "PairLogitPairwise", "YetiRank", "YetiRankPairwise", "QueryRMSE", "QuerySoftMax", "QueryCrossEntropy",
		"StochasticFilter", "StochasticRank", "LambdaMart", "Combination",
		"UserPerObjMetric", "UserQuerywiseMetric", "PythonUserDefinedPerObject", "PythonUserDefinedMultiTarget":
		return pipeline.Link{Kind: pipeline.Identity}, nil
	}
	return pipeline.Link{}, fmt.Errorf("unknown loss %.40q", loss)
}

// classes reports whether a loss has a class for each output.
func classes(loss string) bool { return loss == "MultiClass" || loss == "MultiClassOneVsAll" }

// link fills in the link, and what the outputs are called.
func (m *model) link(s *pipeline.Spec) error {
	if m.info.loss == "" {
		s.Notes = append(s.Notes, "The file does not say what the model was trained for: its values are its margins.")
	}
	if m.outputs > 1 && classes(m.info.loss) {
		if err := m.absentClasses(s.Forest); err != nil {
			return err
		}
	}
	var err error
	if s.Link, err = lossLink(m.info.loss, s.Forest.Outputs); err != nil {
		return err
	}
	s.Labels = m.labels(s)
	return nil
}

// labels names the outputs; that of a binary model is its positive class.
func (m *model) labels(s *pipeline.Spec) []string {
	names := m.info.classes
	outputs := s.Forest.Outputs
	switch {
	case s.Link.Kind == pipeline.Logistic && outputs == 1 && len(names) == 2:
		return names[1:]
	case len(names) == outputs && outputs > 1:
		return names
	case len(names) > 0 || !classes(m.info.loss):
		return nil
	}
	names = make([]string, outputs)
	for i := range names {
		names[i] = strconv.Itoa(i)
		if m.info.count == 0 && len(m.info.ordinals) == outputs {
			names[i] = strconv.Itoa(m.info.ordinals[i])
		}
	}
	return names
}

// absentClasses gives classes that users announced, and that training did not meet, outputs of their own: their
// margin is -Inf.
func (m *model) absentClasses(f *forest.Forest) error {
	n := max(m.info.count, len(m.info.classes))
	if n == 0 || n == m.outputs && slices.IsSorted(m.info.ordinals) {
		return nil
	}
	if len(m.info.ordinals) != m.outputs {
		return fmt.Errorf("class_to_label names %d classes for %d outputs", len(m.info.ordinals), m.outputs)
	}
	if vectors := len(f.Vectors) / m.outputs * n; n > forest.MaxOutputs || vectors > max(1<<18, 4*len(f.Vectors)) {
		return fmt.Errorf("%d classes, of which training met %d", n, m.outputs)
	}
	wide := func(dst, src []float64) error {
		for i, k := range m.info.ordinals {
			if k < 0 || k >= n {
				return fmt.Errorf("class_to_label: class %d of %d", k, n)
			}
			dst[k] = src[i]
		}
		return nil
	}
	absent := slices.Repeat([]float64{math.Inf(-1)}, n)
	base, later := slices.Clone(absent), slices.Clone(absent)
	nothing := slices.Repeat([]float64{math.Copysign(0, -1)}, m.outputs)
	if f.Base == nil {
		f.Base = nothing
	}
	if err := wide(base, f.Base); err != nil {
		return err
	}
	if err := wide(later, nothing); err != nil {
		return err
	}
	vectors := make([]float64, len(f.Vectors)/m.outputs*n)
	for i := 0; i*m.outputs < len(f.Vectors); i++ {
		if err := wide(vectors[i*n:], f.Vectors[i*m.outputs:]); err != nil {
			return err
		}
	}
	f.Outputs, f.Base, f.Later, f.Vectors = n, base, later, vectors
	return nil
}
