package pipeline

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The bits of these links are held against ONNX Runtime's by the parity cases; here are their edges.
func TestLinksOfONNX(t *testing.T) {
	third := float64(float32(1) / 3)
	for name, c := range map[string]struct {
		kind    LinkKind
		x, want []float64
	}{
		"rounded":                       {Rounded32, []float64{0.1}, []float64{float64(float32(0.1))}},
		"logistic at its ends":          {Mirrored32, []float64{0, 200, -200}, []float64{0.5, 1, 0}},
		"softmax of equals":             {SoftmaxSum32, []float64{5, 5, 5}, []float64{third, third, third}},
		"softmax of what is far apart":  {SoftmaxSum32, []float64{0, 1000}, []float64{0, 1}},
		"softmax-zero leaves zeros":     {SoftmaxZero32, []float64{0, 3, 0}, []float64{0, 1, 0}},
		"softmax-zero of almost zeros":  {SoftmaxZero32, []float64{5, 5e-8}, []float64{1, float64(float32(5e-8) * float32(math.Exp(-5)))}},
		"probit of a half":              {Probit32, []float64{0.5}, []float64{0}},
		"probit of what is no chance":   {Probit32, []float64{2}, []float64{math.NaN()}},
		"probit of impossible and sure": {Probit32, []float64{0, 1}, []float64{math.Inf(-1), math.Inf(1)}},
	} {
		t.Run(name, func(t *testing.T) {
			got := make([]float64, len(c.x))
			Link{Kind: c.kind}.apply(got, c.x, 1)
			if d := cmp.Diff(bitsOf(c.want), bitsOf(got)); d != "" {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
	if !(Link{Kind: Identity, Chances: true}).Probability() {
		t.Error("a link that is told to give probabilities does not")
	}
}
