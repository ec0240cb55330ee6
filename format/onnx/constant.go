package onnx

import (
	"errors"
	"fmt"
	"slices"
)

// What is the same in every row: lists that operators read, and operators that make such tensors.

// constantList returns the integers that an input or, in older operator sets, an attribute holds; nil when neither is there.
func (c *call) constantList(input int, attribute string) ([]int64, error) {
	if a := c.attribute(attribute); a != nil {
		return integerList(a), nil
	}
	if c.input(input) == nil {
		return nil, nil
	}
	return c.constantInput(input)
}

// constantInput returns the integers that an input holds. They are charged: many nodes may read one list.
func (c *call) constantInput(i int) ([]int64, error) {
	if err := c.charge(c.in[i].size()); err != nil {
		return nil, err
	}
	list, err := c.in[i].integers()
	if err != nil {
		return nil, fmt.Errorf("input %d %w", i, err)
	}
	return list, nil
}

func (c *call) shape() ([]*value, error) {
	if err := c.need(1); err != nil {
		return nil, err
	}
	v := &value{kind: int64s, dims: []int{len(c.in[0].dims)}}
	for _, d := range c.in[0].dims {
		v.cells = append(v.cells, constantCell(float64(d)))
	}
	return []*value{v}, nil
}

func (c *call) constantNode() ([]*value, error) {
	for i := range c.attributes {
		a := &c.attributes[i]
		switch {
		case a.name == "value" && a.tensor != nil:
			v, err := c.constant(a.tensor)
			if err != nil {
				return nil, fmt.Errorf("attribute value: %w", err)
			}
			return []*value{v}, nil
		case a.name == "value_float":
			return []*value{{kind: float32s, dims: []int{}, cells: []cell{constantCell(float64(a.float))}}}, nil
		case a.name == "value_int":
			return []*value{{kind: int64s, dims: []int{}, cells: []cell{constantCell(float64(a.integer))}}}, nil
		case a.name == "value_floats" || a.name == "value_ints":
			v := &value{kind: float32s, dims: []int{a.floats + a.integers}}
			if err := c.charge(v.dims[0]); err != nil {
				return nil, err
			}
			for _, x := range floatList(a) {
				v.cells = append(v.cells, constantCell(x))
			}
			for _, x := range integerList(a) {
				v.kind = int64s
				v.cells = append(v.cells, constantCell(float64(x)))
			}
			return []*value{v}, nil
		}
	}
	return nil, errors.New("no attribute value that is read")
}

func (c *call) constantOfShape() ([]*value, error) {
	if _, err := c.numeric(0); err != nil {
		return nil, err
	}
	list, err := c.constantInput(0)
	if err != nil {
		return nil, err
	}
	if len(list) > maxRank {
		return nil, fmt.Errorf("%d dimensions", len(list))
	}
	fill := &value{kind: float32s, cells: []cell{constantCell(0)}}
	if a := c.attribute("value"); a != nil {
		if fill, err = c.constant(a.tensor); err != nil {
			return nil, fmt.Errorf("attribute value: %w", err)
		}
		if len(fill.cells) != 1 || fill.kind == texts {
			return nil, fmt.Errorf("attribute value has %d elements", len(fill.cells))
		}
	}
	dims, n := make([]int, len(list)), 1
	for i, d := range list {
		if d < 0 || d > 1<<31 || n*int(d) > 1<<31 {
			return nil, fmt.Errorf("shape %v", list)
		}
		dims[i] = int(d)
		n *= int(d)
	}
	if err := c.charge(room(dims)); err != nil {
		return nil, err
	}
	return []*value{fill.with(dims, slices.Repeat(fill.cells, n))}, nil
}
