package onnx

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/besra-ml/besra/pipeline"
)

func lowest(k kind) float64 {
	if k == float32s {
		return -math.MaxFloat32
	}
	return -math.MaxFloat64
}

// reductions returns what makes one number of several; nil for other operators.
func (c *call) reductions() func() ([]*value, error) {
	reduce := func(f pipeline.ReduceFunc, mean bool) func() ([]*value, error) {
		return func() ([]*value, error) { return one(c.reduce(f, mean)) }
	}
	switch c.node.op {
	case "ReduceSum":
		return reduce(pipeline.Sum, false)
	case "ReduceMean":
		return reduce(pipeline.Sum, true)
	case "ReduceProd":
		return reduce(pipeline.Multiply, false)
	case "ArgMax":
		return reduce(pipeline.FirstLargest, false)
	case "ArgMin":
		return reduce(pipeline.FirstLeast, false)
	}
	return nil
}

// reducedAxes returns which axes are reduced.
func (c *call) reducedAxes(v *value, f pipeline.ReduceFunc) ([]bool, error) {
	var list []int64
	if f == pipeline.FirstLargest || f == pipeline.FirstLeast {
		if c.integer("select_last_index", 0) != 0 {
			return nil, errors.New("attribute select_last_index is not supported")
		}
		list = []int64{c.integer("axis", 0)}
	} else {
		var err error
		if list, err = c.constantList(1, "axes"); err != nil {
			return nil, err
		}
	}
	reduced := make([]bool, len(v.dims))
	for _, x := range list {
		a, err := axis(x, len(v.dims))
		if err != nil {
			return nil, err
		}
		reduced[a] = true
	}
	if len(list) == 0 && c.integer("noop_with_empty_axes", 0) == 0 {
		for i := range reduced {
			reduced[i] = true
		}
	}
	return reduced, nil
}

func (c *call) reduce(f pipeline.ReduceFunc, mean bool) (*value, error) {
	v, err := c.numeric(0)
	if err != nil {
		return nil, err
	}
	if !v.kind.isFloat() && mean {
		return nil, fmt.Errorf("the mean of %v is not supported", v.kind)
	}
	reduced, err := c.reducedAxes(v, f)
	if err != nil {
		return nil, err
	}
	var dims, kept, gone, keptStride, goneStride []int
	old := strides(v.dims)
	for i, d := range v.dims {
		switch {
		case !reduced[i]:
			dims, kept, keptStride = append(dims, d), append(kept, d), append(keptStride, old[i])
		default:
			gone, goneStride = append(gone, d), append(goneStride, old[i])
			if c.integer("keepdims", 1) != 0 {
				dims = append(dims, 1)
			}
		}
	}
	size, n := elements(gone), elements(kept)
	if size == 0 {
		return nil, errors.New("nothing to reduce")
	}
	if n := len(reduced); f == pipeline.Sum && n > 0 && !reduced[n-1] {
		f = pipeline.Add // not side by side: from the first to the last
	}
	if err := c.charge(n * size); err != nil {
		return nil, err
	}
	cells := make([]cell, 0, n*size)
	for i := range n {
		for j := range size {
			cells = append(cells, v.cells[offset(i, kept, keptStride)+offset(j, gone, goneStride)])
		}
	}
	k := v.kind
	if f == pipeline.FirstLargest || f == pipeline.FirstLeast {
		k = int64s
	}
	return c.compute(k, dims, [][]cell{cells}, func(s [][]int32) pipeline.Step {
		return &pipeline.Reduction{Operator: c.node.op, Func: f, Mean: mean, X: s[0], Size: size, Width32: v.kind == float32s}
	})
}

// offset is where element i of some dimensions stands, by their strides.
func offset(i int, dims, stride []int) int {
	at := 0
	for d := len(dims) - 1; d >= 0; d-- {
		at += i % dims[d] * stride[d]
		i /= dims[d]
	}
	return at
}

func (c *call) softmax() ([]*value, error) {
	v, err := c.numeric(0)
	if err != nil {
		return nil, err
	}
	if v.kind != float32s {
		return nil, fmt.Errorf("input is %v", v.kind)
	}
	otherwise := int64(-1)
	if c.version("") < 13 {
		otherwise = 1
	}
	a, err := axis(c.integer("axis", otherwise), len(v.dims))
	if err != nil {
		return nil, err
	}
	size := v.dims[a]
	if c.version("") < 13 {
		size = elements(v.dims[a:])
	} else if elements(v.dims[a+1:]) != 1 {
		return nil, fmt.Errorf("axis %d, which is not the last, is not supported", a)
	}
	if size == 0 {
		return nil, errors.New("input without elements")
	}
	out, err := c.compute(v.kind, v.dims, [][]cell{v.cells}, func(s [][]int32) pipeline.Step {
		return &pipeline.SoftmaxOf{X: s[0], Size: size}
	})
	if out != nil {
		out.labels = v.labels
	}
	return one(out, err)
}

func (c *call) cumSum() ([]*value, error) {
	v, err := c.numeric(0)
	if err != nil {
		return nil, err
	}
	list, err := c.constantList(1, "axis")
	if err != nil {
		return nil, err
	}
	if len(list) != 1 || c.integer("exclusive", 0) != 0 || c.integer("reverse", 0) != 0 {
		return nil, errors.New("this kind of running sum is not supported")
	}
	a, err := axis(list[0], len(v.dims))
	if err != nil {
		return nil, err
	}
	if v.dims[a] != v.size() {
		return nil, fmt.Errorf("axis %d of shape %v is not supported", a, v.dims)
	}
	return one(c.compute(v.kind, v.dims, [][]cell{v.cells}, func(s [][]int32) pipeline.Step {
		return &pipeline.RunningSum{X: s[0], Width32: v.kind == float32s}
	}))
}

func (c *call) topK() ([]*value, error) {
	v, err := c.numeric(0)
	if err != nil {
		return nil, err
	}
	list, err := c.constantList(1, "k")
	if err != nil {
		return nil, err
	}
	if a := c.attribute("k"); a.has(attributeInt) {
		list = []int64{a.integer}
	}
	a, err := axis(c.integer("axis", -1), len(v.dims))
	if err != nil {
		return nil, err
	}
	if len(list) != 1 {
		return nil, fmt.Errorf("%d numbers for k", len(list))
	}
	if list[0] < 1 || list[0] > int64(v.dims[a]) || v.dims[a] != v.size() {
		return nil, fmt.Errorf("the first %d of axis %d of shape %v", list[0], a, v.dims)
	}
	n := int(list[0])
	dims := slices.Clone(v.dims)
	dims[a] = n
	both, err := c.compute(v.kind, []int{2 * n}, [][]cell{v.cells}, func(s [][]int32) pipeline.Step {
		return &pipeline.Ranking{X: s[0], Count: n, Least: c.integer("largest", 1) == 0, Width32: v.kind == float32s}
	})
	if err != nil {
		return nil, err
	}
	return []*value{v.with(dims, both.cells[:n]), {kind: int64s, dims: dims, cells: both.cells[n:]}}, nil
}

// pickAlong takes elements along the last axis, by indices that the row tells.
func (c *call) pickAlong(v *value, along int, index *value, dims []int) (*value, error) {
	if v.kind == texts || index.kind == texts {
		return nil, errors.New("strings by an index that the row tells are not supported")
	}
	n := index.size()
	outer := v.size() / along
	if outer > pipeline.MaxSlots/n || outer*n > pipeline.MaxSlots/along {
		return nil, fmt.Errorf("%d indices into %d numbers", n, v.size())
	}
	if err := c.charge(outer * n * (along + 1)); err != nil {
		return nil, err
	}
	var indices, from []cell
	for o := range outer {
		for j := range n {
			indices = append(indices, index.cells[j])
			from = append(from, v.cells[o*along:(o+1)*along]...)
		}
	}
	return c.pick(v.kind, dims, indices, from, along)
}

func (c *call) pick(k kind, dims []int, indices, from []cell, count int) (*value, error) {
	return c.compute(k, dims, [][]cell{indices, from}, func(s [][]int32) pipeline.Step {
		return &pipeline.Pick{Operator: c.node.op, Index: s[0], From: s[1], Count: count}
	})
}

func (c *call) gatherElements() ([]*value, error) {
	if err := c.need(2); err != nil {
		return nil, err
	}
	v, index := c.in[0], c.in[1]
	a, err := axis(c.integer("axis", 0), len(v.dims))
	if err != nil {
		return nil, err
	}
	if v.dims[a] != v.size() || len(index.dims) != len(v.dims) || index.dims[a] != index.size() || v.kind == texts {
		return nil, fmt.Errorf("axis %d of shapes %v and %v is not supported", a, v.dims, index.dims)
	}
	return one(c.pickAlong(v, v.size(), index, index.dims))
}
