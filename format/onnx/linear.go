package onnx

import (
	"errors"
	"fmt"
	"math"

	"github.com/besra-ml/besra/pipeline"
)

// product makes a tensor of scores: input 0, a row, times weights, which has as many numbers for each output.
func (c *call) product(k kind, x *value, weights, bias []float64, outputs int, dims []int) (*value, error) {
	if len(weights) != x.size()*outputs {
		return nil, fmt.Errorf("%d weights for %d features and %d outputs", len(weights), x.size(), outputs)
	}
	for i, w := range weights {
		if math.IsNaN(w) || math.IsInf(w, 0) {
			return nil, fmt.Errorf("weight %d is %v", i, w)
		}
	}
	if bias != nil && len(bias) != outputs || outputs == 0 {
		return nil, fmt.Errorf("%d biases for %d outputs", len(bias), outputs)
	}
	packed := c.node.op == "MatMul" || c.node.op == "Gemm"
	return c.compute(k, dims, [][]cell{x.cells}, func(s [][]int32) pipeline.Step {
		return pipeline.NewProduct(c.node.op, s[0], weights, bias, k == float32s, packed)
	})
}

func (c *call) linearRegressor() ([]*value, error) {
	v, err := c.row()
	if err != nil {
		return nil, err
	}
	if v.kind != float32s {
		return nil, fmt.Errorf("input is %v", v.kind)
	}
	n := c.integer("targets", 1)
	if n < 1 || n > int64(max(1, len(c.floats("coefficients")))) {
		return nil, fmt.Errorf("attribute targets is %d", n)
	}
	bias := c.floats("intercepts")
	if len(bias) != int(n) {
		bias = nil // as ONNX Runtime does
	}
	dims := []int{1, int(n)}
	out, err := c.product(float32s, v, c.floats("coefficients"), bias, int(n), dims)
	if err != nil {
		return nil, err
	}
	return one(c.post(out, false))
}

func (c *call) linearClassifier() ([]*value, error) {
	v, err := c.row()
	if err != nil {
		return nil, err
	}
	if v, err = c.narrowed(v); err != nil {
		return nil, err
	}
	bias := c.floats("intercepts")
	if len(bias) == 0 {
		return nil, errors.New("no intercepts")
	}
	out, err := c.product(float32s, v, c.floats("coefficients"), bias, len(bias), []int{1, len(bias)})
	if err != nil {
		return nil, err
	}
	labels := c.classLabels("classlabels_ints", "classlabels_strings")
	if out, err = c.post(out, len(bias) == 1 && len(labels) == 2); err != nil {
		return nil, err
	}
	if out.raw = c.text("post_transform", "NONE") == "NONE"; len(labels) == out.size() {
		out.labels = labels
	}
	return []*value{nil, out}, nil
}

// post applies a linear model's post_transform; second adds the score of the other class.
func (c *call) post(v *value, second bool) (*value, error) {
	link, err := transform(c.text("post_transform", "NONE"))
	if err != nil {
		return nil, err
	}
	n := v.size()
	switch {
	case link == pipeline.Probit32 && second:
		return nil, errors.New("ONNX Runtime leaves the second score undefined")
	case link == pipeline.Probit32, link == pipeline.SoftmaxZero32 && n > 1, link == pipeline.SoftmaxSum32 && n > 1 && n < 5:
		return c.scores(v, link)
	case second && link == pipeline.Mirrored32:
		other, err := c.map1(pipeline.Negative, float32s, v, true)
		if err != nil {
			return nil, err
		}
		return c.scores(&value{kind: float32s, dims: []int{1, 2}, cells: append(other.cells, v.cells...)}, link)
	case second:
		rest, err := c.compute(float32s, v.dims, [][]cell{{constantCell(1)}, v.cells}, func(s [][]int32) pipeline.Step {
			return &pipeline.Binary{Operator: c.node.op, Func: pipeline.Minus, Width32: true, A: s[0], B: s[1]}
		})
		if err != nil {
			return nil, err
		}
		return &value{kind: float32s, dims: []int{1, 2}, cells: append(rest.cells, v.cells...)}, nil
	case n == 1 || link == pipeline.Identity:
		return v, nil
	case link == pipeline.SoftmaxSum32:
		return c.compute(float32s, v.dims, [][]cell{v.cells}, func(s [][]int32) pipeline.Step {
			return &pipeline.SoftmaxOf{X: s[0], Size: n}
		})
	default:
		return c.map1(pipeline.Sigmoid, float32s, v, true)
	}
}

// scores applies a link to the elements of a tensor together.
func (c *call) scores(v *value, link pipeline.LinkKind) (*value, error) {
	return c.compute(float32s, v.dims, [][]cell{v.cells}, func(s [][]int32) pipeline.Step {
		return &pipeline.Vote{Operator: c.node.op, Sums: s[0], Link: link, Width32: true}
	})
}

func (c *call) matMul() ([]*value, error) {
	if err := c.need(2); err != nil {
		return nil, err
	}
	v, w := c.in[0], c.in[1]
	if len(v.dims) != 2 || v.dims[0] != 1 || len(w.dims) != 2 || w.dims[0] != v.dims[1] || v.kind != w.kind || !v.kind.isFloat() || !w.isConstant() {
		return nil, fmt.Errorf("%v of shape %v times %v of shape %v: want a row times a constant matrix", v.kind, v.dims, w.kind, w.dims)
	}
	return one(c.times(v, w, false, nil))
}

// times is a row times a constant matrix.
func (c *call) times(v, w *value, transposed bool, bias []float64) (*value, error) {
	in, out := w.dims[0], w.dims[1]
	if transposed {
		in, out = out, in
	}
	if err := c.charge(in * out); err != nil {
		return nil, err
	}
	weights := make([]float64, 0, in*out)
	for k := range out {
		for j := range in {
			at := j*out + k
			if transposed {
				at = k*in + j
			}
			weights = append(weights, w.cells[at].number)
		}
	}
	return c.product(v.kind, v, weights, bias, out, []int{1, out})
}

func (c *call) gemm() ([]*value, error) {
	if err := c.need(2); err != nil {
		return nil, err
	}
	v, w := c.in[0], c.in[1]
	for _, name := range []string{"alpha", "beta"} {
		if a := c.attribute(name); a.has(attributeFloat) && a.float != 1 {
			return nil, fmt.Errorf("attribute %s is %v, which is not supported", name, a.float)
		}
	}
	transposed := c.integer("transB", 0) != 0
	if c.integer("transA", 0) != 0 || len(v.dims) != 2 || v.dims[0] != 1 || len(w.dims) != 2 || v.kind != w.kind || !v.kind.isFloat() || !w.isConstant() {
		return nil, fmt.Errorf("%v of shape %v times %v of shape %v: want a row times a constant matrix", v.kind, v.dims, w.kind, w.dims)
	}
	in, out := w.dims[0], w.dims[1]
	if transposed {
		in, out = out, in
	}
	if in != v.dims[1] {
		return nil, fmt.Errorf("%d numbers for %d weights", v.dims[1], in)
	}
	var bias []float64
	if b := c.input(2); b != nil {
		if !b.isConstant() || b.kind != v.kind {
			return nil, errors.New("input 2 is no constant of the same type")
		}
		for i := range out {
			switch {
			case len(b.cells) == out:
				bias = append(bias, b.cells[i].number)
			case len(b.cells) == 1:
				bias = append(bias, b.cells[0].number)
			default:
				return nil, fmt.Errorf("input 2 has %d elements for %d outputs", len(b.cells), out)
			}
		}
	}
	return one(c.times(v, w, transposed, bias))
}
