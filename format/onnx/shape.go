package onnx

import (
	"errors"
	"fmt"
	"slices"
)

// The operators here only move elements about. They leave no step behind.

// remap returns the elements of v in another arrangement: element i of the result is element from(i) of v.
func (c *call) remap(v *value, dims []int, from func(i int) int) (*value, error) {
	if err := c.charge(room(dims)); err != nil {
		return nil, err
	}
	cells := make([]cell, elements(dims))
	for i := range cells {
		cells[i] = v.cells[from(i)]
	}
	return v.with(dims, cells), nil
}

func (c *call) identity() ([]*value, error) {
	if err := c.need(1); err != nil {
		return nil, err
	}
	return c.in, nil
}

// zipMap is the scores as a map from the labels of the classes, of which nothing but the labels is left here.
func (c *call) zipMap() ([]*value, error) {
	v, err := c.numeric(0)
	if err != nil {
		return nil, err
	}
	w := *v
	if labels := c.classLabels("classlabels_int64s", "classlabels_strings"); len(labels) > 0 {
		if len(labels) != w.size() {
			return nil, fmt.Errorf("%d labels for %d scores", len(labels), w.size())
		}
		w.labels = labels
	}
	return []*value{&w}, nil
}

func (c *call) reshape() ([]*value, error) {
	if err := c.need(1); err != nil {
		return nil, err
	}
	v := c.in[0]
	list, err := c.constantList(1, "shape")
	if err != nil {
		return nil, err
	}
	if list == nil {
		return nil, errors.New("no shape")
	}
	if len(list) > maxRank {
		return nil, fmt.Errorf("shape of %d dimensions", len(list))
	}
	dims, rest, known := make([]int, len(list)), -1, 1
	for i, d := range list {
		switch {
		case d == -1 && rest < 0:
			rest = i
			continue
		case d == 0 && i < len(v.dims) && c.integer("allowzero", 0) == 0:
			dims[i] = v.dims[i]
		case d > 0 && d <= 1<<31:
			dims[i] = int(d)
		default:
			return nil, fmt.Errorf("shape %v", list)
		}
		if known *= dims[i]; known > 1<<31 {
			return nil, fmt.Errorf("shape %v for %d elements", list, v.size())
		}
	}
	if rest >= 0 && known > 0 {
		dims[rest] = v.size() / known
	}
	if elements(dims) != v.size() {
		return nil, fmt.Errorf("shape %v for %d elements of a row", list, v.size())
	}
	if err := c.charge(room(dims) - v.size()); err != nil {
		return nil, err
	}
	return []*value{v.shaped(dims)}, nil
}

func (c *call) flatten() ([]*value, error) {
	if err := c.need(1); err != nil {
		return nil, err
	}
	v := c.in[0]
	a := c.integer("axis", 1)
	if a < 0 {
		a += int64(len(v.dims))
	}
	if a < 0 || a > int64(len(v.dims)) {
		return nil, fmt.Errorf("axis %d of %d dimensions", a, len(v.dims))
	}
	return []*value{v.shaped([]int{elements(v.dims[:a]), elements(v.dims[a:])})}, nil
}

func (c *call) squeeze() ([]*value, error) {
	if err := c.need(1); err != nil {
		return nil, err
	}
	v := c.in[0]
	list, err := c.constantList(1, "axes")
	if err != nil {
		return nil, err
	}
	drop := make([]bool, len(v.dims))
	for i, d := range v.dims {
		drop[i] = list == nil && d == 1
	}
	for _, a := range list {
		i, err := axis(a, len(v.dims))
		if err != nil {
			return nil, err
		}
		if v.dims[i] != 1 {
			return nil, fmt.Errorf("axis %d has %d elements", a, v.dims[i])
		}
		drop[i] = true
	}
	dims := []int{}
	for i, d := range v.dims {
		if !drop[i] {
			dims = append(dims, d)
		}
	}
	return []*value{v.shaped(dims)}, nil
}

func (c *call) unsqueeze() ([]*value, error) {
	if err := c.need(1); err != nil {
		return nil, err
	}
	v := c.in[0]
	list, err := c.constantList(1, "axes")
	if err != nil {
		return nil, err
	}
	rank := len(v.dims) + len(list)
	if rank > maxRank {
		return nil, fmt.Errorf("%d dimensions", rank)
	}
	added := make([]bool, rank)
	for _, a := range list {
		i, err := axis(a, rank)
		if err != nil {
			return nil, err
		}
		if added[i] {
			return nil, fmt.Errorf("axis %d twice", a)
		}
		added[i] = true
	}
	dims, rest := make([]int, rank), v.dims
	for i := range dims {
		if dims[i] = 1; !added[i] {
			dims[i], rest = rest[0], rest[1:]
		}
	}
	return []*value{v.shaped(dims)}, nil
}

func (c *call) transpose() ([]*value, error) {
	if err := c.need(1); err != nil {
		return nil, err
	}
	v := c.in[0]
	rank := len(v.dims)
	perm := c.integers("perm")
	if perm == nil {
		for i := range rank {
			perm = append(perm, int64(rank-1-i))
		}
	}
	if len(perm) != rank {
		return nil, fmt.Errorf("perm of %d axes for %d dimensions", len(perm), rank)
	}
	dims, step, seen := make([]int, rank), make([]int, rank), make([]bool, rank)
	old := strides(v.dims)
	for i, p := range perm {
		if p < 0 || p >= int64(rank) || seen[p] {
			return nil, fmt.Errorf("perm %v of %d dimensions", perm, rank)
		}
		dims[i], step[i], seen[p] = v.dims[p], old[p], true
	}
	now := strides(dims)
	return one(c.remap(v, dims, func(i int) int {
		at := 0
		for d := range dims {
			at += i / now[d] % dims[d] * step[d]
		}
		return at
	}))
}

// parts are a tensor's dimensions before an axis, along it, and behind it, multiplied.
func parts(dims []int, a int) (outer, along, inner int) {
	return elements(dims[:a]), dims[a], elements(dims[a+1:])
}

func (c *call) concat() ([]*value, error) {
	if err := c.need(max(1, len(c.in))); err != nil {
		return nil, err
	}
	first := c.in[0]
	a, err := axis(c.integer("axis", 1), len(first.dims))
	if err != nil {
		return nil, err
	}
	dims := slices.Clone(first.dims)
	for i, v := range c.in[1:] {
		if v.kind != first.kind || len(v.dims) != len(dims) {
			return nil, fmt.Errorf("input %d is %v of shape %v, input 0 %v of shape %v", i+1, v.kind, v.dims, first.kind, first.dims)
		}
		for d := range dims {
			if d != a && v.dims[d] != dims[d] {
				return nil, fmt.Errorf("input %d has shape %v, input 0 %v", i+1, v.dims, first.dims)
			}
		}
		dims[a] += v.dims[a]
	}
	if err := c.charge(room(dims)); err != nil {
		return nil, err
	}
	outer, _, inner := parts(dims, a)
	cells := make([]cell, 0, elements(dims))
	for o := range outer {
		for _, v := range c.in {
			n := v.dims[a] * inner
			cells = append(cells, v.cells[o*n:(o+1)*n]...)
		}
	}
	out := &value{kind: first.kind, dims: dims, cells: cells}
	for _, v := range c.in {
		out.raw = out.raw || v.raw
	}
	return []*value{out}, nil
}

func (c *call) gather() ([]*value, error) {
	if err := c.need(2); err != nil {
		return nil, err
	}
	v := c.in[0]
	a, err := axis(c.integer("axis", 0), len(v.dims))
	if err != nil {
		return nil, err
	}
	list, err := c.constantInput(1)
	if err != nil {
		return nil, fmt.Errorf("indices: %w", err)
	}
	_, along, inner := parts(v.dims, a)
	for i, x := range list {
		if x < 0 {
			x += int64(along)
		}
		if x < 0 || x >= int64(along) {
			return nil, fmt.Errorf("index %d of %d", list[i], along)
		}
		list[i] = x
	}
	dims := slices.Concat(v.dims[:a], c.in[1].dims, v.dims[a+1:])
	if len(dims) > maxRank {
		return nil, fmt.Errorf("%d dimensions", len(dims))
	}
	n := len(list)
	return one(c.remap(v, dims, func(i int) int {
		return (i/(n*inner)*along+int(list[i/inner%n]))*inner + i%inner
	}))
}

func (c *call) arrayFeatureExtractor() ([]*value, error) {
	if err := c.need(2); err != nil {
		return nil, err
	}
	v, index := c.in[0], c.in[1]
	rank := len(v.dims)
	if rank == 0 || index.size() == 0 {
		return nil, errors.New("nothing to extract")
	}
	along, n := v.dims[rank-1], index.size()
	dims := slices.Clone(v.dims)
	dims[rank-1] = n
	if rank == 1 {
		dims = []int{1, n}
	}
	if !index.isConstant() {
		return one(c.pickAlong(v, along, index, dims))
	}
	list, err := c.constantInput(1)
	if err != nil {
		return nil, fmt.Errorf("indices: %w", err)
	}
	for _, x := range list {
		if x < 0 || x >= int64(along) {
			return nil, fmt.Errorf("index %d of %d", x, along)
		}
	}
	return one(c.remap(v, dims, func(i int) int { return i/n*along + int(list[i%n]) }))
}

func (c *call) slice() ([]*value, error) {
	if err := c.need(1); err != nil {
		return nil, err
	}
	v := c.in[0]
	lists := [4][]int64{}
	for i, name := range []string{"starts", "ends", "axes", "steps"} {
		list, err := c.constantList(i+1, name)
		if err != nil {
			return nil, err
		}
		lists[i] = list
	}
	starts, ends, axes, steps := lists[0], lists[1], lists[2], lists[3]
	if axes == nil {
		for i := range starts {
			axes = append(axes, int64(i))
		}
	}
	if len(starts) != len(ends) || len(axes) != len(starts) || steps != nil && len(steps) != len(starts) {
		return nil, fmt.Errorf("%d starts, %d ends, %d axes, %d steps", len(starts), len(ends), len(axes), len(steps))
	}
	dims, first, step := slices.Clone(v.dims), make([]int, len(v.dims)), make([]int, len(v.dims))
	for i := range step {
		step[i] = 1
	}
	for i, x := range axes {
		a, err := axis(x, len(v.dims))
		if err != nil {
			return nil, err
		}
		if steps != nil && steps[i] != 1 {
			return nil, fmt.Errorf("step %d is not supported", steps[i])
		}
		begin, end := bound(starts[i], v.dims[a]), bound(ends[i], v.dims[a])
		first[a], dims[a] = begin, max(0, end-begin)
	}
	old, now := strides(v.dims), strides(dims)
	return one(c.remap(v, dims, func(i int) int {
		at := 0
		for d := range dims {
			at += (first[d] + i/now[d]%dims[d]) * old[d]
		}
		return at
	}))
}

// bound is a place from the front, within n.
func bound(x int64, n int) int {
	if x < 0 {
		x += int64(n)
	}
	return int(min(max(x, 0), int64(n)))
}

func (c *call) split() ([]*value, error) {
	if err := c.need(1); err != nil {
		return nil, err
	}
	v := c.in[0]
	a, err := axis(c.integer("axis", 0), len(v.dims))
	if err != nil {
		return nil, err
	}
	sizes, err := c.constantList(1, "split")
	if err != nil {
		return nil, err
	}
	outer, along, inner := parts(v.dims, a)
	if n := len(c.node.outputs); sizes == nil {
		if n == 0 || along%n != 0 {
			return nil, fmt.Errorf("%d elements in %d parts", along, n)
		}
		for range n {
			sizes = append(sizes, int64(along/n))
		}
	}
	if len(sizes) != len(c.node.outputs) {
		return nil, fmt.Errorf("%d parts for %d outputs", len(sizes), len(c.node.outputs))
	}
	var out []*value
	begin := 0
	for _, size := range sizes {
		if size < 0 || size > int64(along-begin) {
			return nil, fmt.Errorf("a part of %d elements, %d are left", size, along-begin)
		}
		dims := slices.Clone(v.dims)
		dims[a] = int(size)
		n, from := int(size)*inner, begin*inner
		if err := c.charge(room(dims)); err != nil {
			return nil, err
		}
		cells := make([]cell, 0, outer*n)
		for o := range outer {
			cells = append(cells, v.cells[o*along*inner+from:][:n]...)
		}
		out = append(out, v.with(dims, cells))
		begin += int(size)
	}
	if begin != along {
		return nil, fmt.Errorf("parts of %d elements in all, of %d", begin, along)
	}
	return out, nil
}
