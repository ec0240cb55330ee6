package onnx

import (
	"errors"
	"fmt"
	"slices"

	"github.com/besra-ml/besra/pipeline"
)

// arithmetic returns what computes element by element; nil for other operators.
func (c *call) arithmetic() func() ([]*value, error) {
	binary := func(f pipeline.BinaryFunc) func() ([]*value, error) {
		return func() ([]*value, error) { return one(c.binary(f)) }
	}
	unary := func(f pipeline.UnaryFunc) func() ([]*value, error) {
		return func() ([]*value, error) { return one(c.unary(f)) }
	}
	switch c.node.op {
	case "Add", "Sum":
		return binary(pipeline.Plus)
	case "Sub":
		return binary(pipeline.Minus)
	case "Mul":
		return binary(pipeline.Times)
	case "Div":
		return binary(pipeline.Over)
	case "Less":
		return binary(pipeline.Below)
	case "LessOrEqual":
		return binary(pipeline.AtMost)
	case "Greater":
		return binary(pipeline.Above)
	case "GreaterOrEqual":
		return binary(pipeline.AtLeast)
	case "Equal":
		return binary(pipeline.Same)
	case "And":
		return binary(pipeline.And)
	case "Or":
		return binary(pipeline.Or)
	case "Abs":
		return unary(pipeline.Absolute)
	case "Neg":
		return unary(pipeline.Negative)
	case "Exp":
		return unary(pipeline.Power)
	case "Log":
		return unary(pipeline.Log)
	case "Sqrt":
		return unary(pipeline.Root)
	case "Sigmoid":
		return unary(pipeline.Sigmoid)
	case "Floor":
		return unary(pipeline.Floor)
	case "Ceil":
		return unary(pipeline.Ceil)
	case "Not":
		return unary(pipeline.Not)
	case "IsNaN":
		return unary(pipeline.IsNaN)
	}
	return nil
}

// binary applies f to two tensors, or to as many as there are, one after the other.
func (c *call) binary(f pipeline.BinaryFunc) (*value, error) {
	least := 2
	if c.node.op == "Sum" {
		least = 1
	} else if len(c.in) > 2 {
		return nil, fmt.Errorf("%d inputs", len(c.in))
	}
	if err := c.need(max(least, len(c.in))); err != nil {
		return nil, err
	}
	if c.attribute("axis") != nil {
		return nil, errors.New("attribute axis: broadcasting of operator sets before 7")
	}
	v := c.in[0]
	for i, w := range c.in[1:] {
		var err error
		if v, err = c.pair(f, v, w); err != nil {
			return nil, fmt.Errorf("inputs %d and %d: %w", i, i+1, err)
		}
	}
	return v, nil
}

func (c *call) pair(f pipeline.BinaryFunc, v, w *value) (*value, error) {
	if v.kind != w.kind {
		return nil, fmt.Errorf("%v and %v", v.kind, w.kind)
	}
	if f == pipeline.Over && !v.kind.isFloat() {
		return nil, fmt.Errorf("division of %v is not supported", v.kind)
	}
	if f == pipeline.Times && isOne(v) && len(v.dims) <= len(w.dims) {
		v, w = w, v
	}
	if (f == pipeline.Times || f == pipeline.Over) && isOne(w) && len(w.dims) <= len(v.dims) && v.kind.isFloat() {
		return v, nil
	}
	if err := errors.Join(c.place(v), c.place(w)); err != nil {
		return nil, err
	}
	dims, err := broadcast(v.dims, w.dims)
	if err != nil {
		return nil, err
	}
	if err := c.charge(2 * room(dims)); err != nil {
		return nil, err
	}
	a, b := spread(v, dims), spread(w, dims)
	if v.kind == texts {
		if a, b, err = comparable(f, a, b); err != nil {
			return nil, err
		}
	}
	k := v.kind
	if f >= pipeline.Below && f <= pipeline.Or {
		k = bools
	}
	out, err := c.compute(k, dims, [][]cell{a, b}, func(s [][]int32) pipeline.Step {
		return &pipeline.Binary{Operator: c.node.op, Func: f, Width32: v.kind == float32s, A: s[0], B: s[1]}
	})
	if out != nil {
		out.raw = v.raw || w.raw
	}
	return out, err
}

// isOne reports whether a tensor is a single 1, by which a product is what it was.
func isOne(v *value) bool {
	return v.scores == nil && len(v.cells) == 1 && v.cells[0].isConstant() && v.cells[0].number == 1 && v.kind != texts
}

// comparable makes texts of a column and constant texts codes of that column.
func comparable(f pipeline.BinaryFunc, a, b []cell) (x, y []cell, err error) {
	x, y = slices.Clone(a), slices.Clone(b)
	for i := range x {
		p, q := &x[i], &y[i]
		if p.isConstant() {
			p, q = q, p
		}
		if f != pipeline.Same || p.isConstant() || !q.isConstant() {
			return nil, nil, errors.New("strings are compared with constants only, by Equal")
		}
		code, ok := p.names.code(q.names.list[int(q.number)])
		if q.number = float64(code); !ok {
			q.number = -1
		}
	}
	return x, y, nil
}

// broadcast returns the shape of two tensors that are stretched to fit each other.
func broadcast(a, b []int) ([]int, error) {
	if len(a) < len(b) {
		a, b = b, a
	}
	dims := slices.Clone(a)
	for i := range b {
		d := &dims[len(a)-len(b)+i]
		switch {
		case *d == b[i] || b[i] == 1:
		case *d == 1:
			*d = b[i]
		default:
			return nil, fmt.Errorf("shapes %v and %v do not fit", a, b)
		}
	}
	if n := 1; len(dims) > 0 {
		for _, d := range dims {
			if n *= d; n > pipeline.MaxSlots {
				return nil, fmt.Errorf("shape %v", dims)
			}
		}
	}
	return dims, nil
}

// spread returns the cells of a tensor that is stretched to dims.
func spread(v *value, dims []int) []cell {
	if slices.Equal(v.dims, dims) {
		return v.cells
	}
	off := len(dims) - len(v.dims)
	own, now := strides(v.dims), strides(dims)
	cells := make([]cell, elements(dims))
	for i := range cells {
		at := 0
		for d, size := range v.dims {
			if size > 1 {
				at += i / now[off+d] % size * own[d]
			}
		}
		cells[i] = v.cells[at]
	}
	return cells
}

func (c *call) unary(f pipeline.UnaryFunc) (*value, error) {
	v, err := c.numeric(0)
	if err != nil {
		return nil, err
	}
	switch f {
	case pipeline.Not:
		if v.kind != bools {
			return nil, fmt.Errorf("input is %v", v.kind)
		}
	case pipeline.Absolute, pipeline.Negative:
	default:
		if !v.kind.isFloat() {
			return nil, fmt.Errorf("input is %v", v.kind)
		}
	}
	k := v.kind
	if f == pipeline.IsNaN {
		k = bools
	}
	return c.map1(f, k, v, v.kind == float32s)
}

// map1 applies f to each element.
func (c *call) map1(f pipeline.UnaryFunc, k kind, v *value, narrow bool) (*value, error) {
	out, err := c.compute(k, v.dims, [][]cell{v.cells}, func(s [][]int32) pipeline.Step {
		return &pipeline.Unary{Operator: c.node.op, Func: f, Width32: narrow, X: s[0]}
	})
	if out != nil {
		out.raw, out.labels = v.raw && f != pipeline.Sigmoid, v.labels
	}
	return out, err
}

func (c *call) cast() ([]*value, error) {
	if err := c.need(1); err != nil {
		return nil, err
	}
	v, to := c.in[0], kind(c.integer("to", 0))
	if a := c.attribute("to"); a.has(attributeString) {
		return nil, errors.New("attribute to is a text, as in operator sets before 6")
	}
	if to == v.kind {
		return c.in[:1], nil
	}
	if err := c.place(v); err != nil {
		return nil, err
	}
	switch {
	case v.kind == texts || to == texts:
		return nil, fmt.Errorf("a cast from %v to %v is not supported", v.kind, to)
	case to == bools:
		return one(c.map1(pipeline.Truth, to, v, false))
	case to == float32s && v.kind != bools:
		return one(c.map1(pipeline.Round, to, v, true))
	case to == int32s && v.kind.isFloat():
		return one(c.map1(pipeline.Whole32, to, v, false))
	case to == int32s && v.kind == int64s:
		return one(c.map1(pipeline.Wrapped32, to, v, false))
	case to.isInt() && v.kind.isFloat():
		return one(c.map1(pipeline.Whole, to, v, false))
	case to.isInt() || to.isFloat():
		w := v.with(v.dims, v.cells)
		w.kind = to
		return []*value{w}, nil
	}
	return nil, fmt.Errorf("a cast to %v is not supported", to)
}

func (c *call) clip() ([]*value, error) {
	v, err := c.numeric(0)
	if err != nil {
		return nil, err
	}
	if v.kind != float32s && v.kind != float64s {
		return nil, fmt.Errorf("input is %v", v.kind)
	}
	bounds := [2]float64{lowest(v.kind), -lowest(v.kind)}
	for i, name := range []string{"min", "max"} {
		if a := c.attribute(name); a.has(attributeFloat) {
			bounds[i] = float64(a.float)
		}
		if w := c.input(i + 1); w != nil {
			if len(w.cells) != 1 || !w.cells[0].isConstant() {
				return nil, fmt.Errorf("%s is no constant number", name)
			}
			bounds[i] = w.cells[0].number
		}
	}
	return one(c.compute(v.kind, v.dims, [][]cell{v.cells}, func(s [][]int32) pipeline.Step {
		return &pipeline.Clip{Low: bounds[0], High: bounds[1], Width32: v.kind == float32s, X: s[0]}
	}))
}

func (c *call) where() ([]*value, error) {
	if err := c.need(3); err != nil {
		return nil, err
	}
	if c.in[1].kind != c.in[2].kind || c.in[0].kind != bools {
		return nil, fmt.Errorf("%v, %v and %v", c.in[0].kind, c.in[1].kind, c.in[2].kind)
	}
	dims, err := broadcast(c.in[1].dims, c.in[2].dims)
	if err != nil {
		return nil, err
	}
	if dims, err = broadcast(dims, c.in[0].dims); err != nil {
		return nil, err
	}
	if err := c.charge(3 * room(dims)); err != nil {
		return nil, err
	}
	operands := [][]cell{spread(c.in[0], dims), spread(c.in[1], dims), spread(c.in[2], dims)}
	var of []*names
	if c.in[1].kind == texts {
		operands[1], operands[2] = slices.Clone(operands[1]), slices.Clone(operands[2])
		if of, err = sameNames(operands[1], operands[2]); err != nil {
			return nil, err
		}
	}
	out, err := c.compute(c.in[1].kind, dims, operands, func(s [][]int32) pipeline.Step {
		return &pipeline.Choice{Where: s[0], A: s[1], B: s[2]}
	})
	if err != nil {
		return nil, err
	}
	for i := range of {
		out.cells[i].names = of[i]
	}
	return []*value{out}, nil
}

// sameNames gives texts that are chosen from the same codes: a constant takes those of the column that it stands beside.
func sameNames(a, b []cell) ([]*names, error) {
	of := make([]*names, len(a))
	for i := range a {
		x, y := &a[i], &b[i]
		if x.isConstant() {
			x, y = y, x
		}
		of[i] = x.names
		if x.names == y.names {
			continue
		}
		if !y.isConstant() {
			return nil, errors.New("a choice between texts of two columns is not supported")
		}
		text := y.names.list[int(y.number)]
		code, ok := x.names.code(text)
		if !ok {
			return nil, fmt.Errorf("a choice between texts of which one, %.40q, is not known beside the others", text)
		}
		y.number, y.names = float64(code), x.names
	}
	return of, nil
}
