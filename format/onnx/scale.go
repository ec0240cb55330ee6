package onnx

import (
	"errors"
	"fmt"
	"math"

	"github.com/besra-ml/besra/pipeline"
)

// each1 returns a number for each of n features: as many as there are, or one for all.
func each1(list []float64, n int) ([]float64, error) {
	switch len(list) {
	case n:
		return list, nil
	case 1:
		out := make([]float64, n)
		for i := range out {
			out[i] = list[0]
		}
		return out, nil
	}
	return nil, fmt.Errorf("%d numbers for %d features", len(list), n)
}

func (c *call) scaler() ([]*value, error) {
	v, err := c.row()
	if err != nil {
		return nil, err
	}
	offsets, scales := c.floats("offset"), c.floats("scale")
	if len(offsets) != len(scales) {
		return nil, fmt.Errorf("%d offsets and %d scales", len(offsets), len(scales))
	}
	n := v.size()
	if err := c.charge(2 * n); err != nil {
		return nil, err
	}
	if offsets, err = each1(offsets, n); err != nil {
		return nil, fmt.Errorf("attribute offset: %w", err)
	}
	if scales, err = each1(scales, n); err != nil {
		return nil, fmt.Errorf("attribute scale: %w", err)
	}
	return one(c.compute(float32s, v.dims, [][]cell{v.cells}, func(s [][]int32) pipeline.Step {
		return &pipeline.Scaling{X: s[0], Offset: offsets, Scale: scales, Width32: v.kind != float64s}
	}))
}

func (c *call) imputer() ([]*value, error) {
	v, err := c.row()
	if err != nil {
		return nil, err
	}
	missing, numbers := 0.0, []float64(nil)
	switch v.kind {
	case float32s:
		a := c.attribute("replaced_value_float")
		if numbers = c.floats("imputed_value_floats"); a == nil || len(numbers) == 0 {
			return nil, errors.New("no replaced_value_float or no imputed_value_floats")
		}
		missing = float64(a.float)
	case int64s:
		a := c.attribute("replaced_value_int64")
		for _, x := range c.integers("imputed_value_int64s") {
			numbers = append(numbers, float64(x))
		}
		if a == nil || len(numbers) == 0 {
			return nil, errors.New("no replaced_value_int64 or no imputed_value_int64s")
		}
		missing = float64(a.integer)
	default:
		return nil, fmt.Errorf("input is %v", v.kind)
	}
	n := v.size()
	if err := c.charge(n); err != nil {
		return nil, err
	}
	if len(numbers) != n {
		numbers = numbers[:1] // whatever there is behind it
	}
	if numbers, err = each1(numbers, n); err != nil {
		return nil, err
	}
	return one(c.compute(v.kind, v.dims, [][]cell{v.cells}, func(s [][]int32) pipeline.Step {
		return &pipeline.Imputation{X: s[0], Missing: missing, Numbers: numbers, Width32: v.kind == float32s}
	}))
}

func (c *call) normalizer() ([]*value, error) {
	v, err := c.row()
	if err != nil {
		return nil, err
	}
	var norm pipeline.Norm
	switch text := c.text("norm", "MAX"); text {
	case "MAX":
		norm = pipeline.NormMax
	case "L1":
		norm = pipeline.NormL1
	case "L2":
		norm = pipeline.NormL2
	default:
		return nil, fmt.Errorf("attribute norm is %.40q", text)
	}
	out, err := c.compute(float32s, v.dims, [][]cell{v.cells}, func(s [][]int32) pipeline.Step {
		return &pipeline.Normalization{X: s[0], Norm: norm, Width32: v.kind == float32s}
	})
	if out != nil {
		out.labels, out.raw = v.labels, v.raw
	}
	return one(out, err)
}

func (c *call) binarizer() ([]*value, error) {
	v, err := c.row()
	if err != nil {
		return nil, err
	}
	if v.kind != float32s {
		return nil, fmt.Errorf("input is %v", v.kind)
	}
	threshold := 0.0
	if a := c.attribute("threshold"); a.has(attributeFloat) {
		threshold = float64(a.float)
	}
	if err := c.charge(v.size()); err != nil {
		return nil, err
	}
	limits := make([]cell, v.size())
	for i := range limits {
		limits[i] = constantCell(threshold)
	}
	return one(c.compute(float32s, v.dims, [][]cell{v.cells, limits}, func(s [][]int32) pipeline.Step {
		return &pipeline.Binary{Operator: c.node.op, Func: pipeline.Above, Width32: true, A: s[0], B: s[1]}
	}))
}

func (c *call) featureVectorizer() ([]*value, error) {
	if err := c.need(max(1, len(c.in))); err != nil {
		return nil, err
	}
	sizes := c.integers("inputdimensions")
	if len(sizes) != len(c.in) {
		return nil, fmt.Errorf("%d inputdimensions for %d inputs", len(sizes), len(c.in))
	}
	out := &value{kind: float32s}
	for i, v := range c.in {
		if v.kind == texts || len(v.dims) > 2 || len(v.dims) == 2 && v.dims[0] != 1 {
			return nil, fmt.Errorf("input %d is %v of shape %v", i, v.kind, v.dims)
		}
		if sizes[i] < 0 || sizes[i] > math.MaxInt32 {
			return nil, fmt.Errorf("inputdimensions: %d for input %d", sizes[i], i)
		}
		w, err := c.narrowed(v)
		if err != nil {
			return nil, err
		}
		n := int(sizes[i])
		if err := c.charge(n); err != nil {
			return nil, err
		}
		cells := make([]cell, n)
		for j := range cells {
			if cells[j] = constantCell(0); j < len(w.cells) {
				cells[j] = w.cells[j]
			}
		}
		out.cells = append(out.cells, cells...)
	}
	out.dims = []int{1, len(out.cells)}
	return []*value{out}, nil
}

// narrowed returns numbers as float32.
func (c *call) narrowed(v *value) (*value, error) {
	if v.kind == float32s {
		return v, nil
	}
	return c.map1(pipeline.Round, float32s, v, true)
}
