package onnx

import (
	"fmt"
	"math"
	"slices"
)

// A kind is a type of elements, by ONNX's number.
type kind int64

// The kinds that are read.
const (
	float32s kind = 1
	uint8s   kind = 2
	int32s   kind = 6
	int64s   kind = 7
	texts    kind = 8
	bools    kind = 9
	float64s kind = 11
)

func (k kind) String() string {
	switch k {
	case float32s:
		return "float"
	case uint8s:
		return "uint8"
	case int32s:
		return "int32"
	case int64s:
		return "int64"
	case texts:
		return "string"
	case bools:
		return "bool"
	case float64s:
		return "double"
	}
	return fmt.Sprintf("type %d", int64(k))
}

func (k kind) isFloat() bool { return k == float32s || k == float64s }
func (k kind) isInt() bool   { return k == int32s || k == int64s }

// A cell is an element of a tensor: a slot of the row, or a number that is the same in every row.
type cell struct {
	number float64 // of a text: its place in names
	slot   int32   // constant when negative
	names  *names  // of a text
}

// isConstant reports whether the cell is the same in every row.
func (c cell) isConstant() bool { return c.slot < 0 }

func constantCell(x float64) cell { return cell{number: x, slot: -1} }

// names are the texts that a cell may be, by code. Those of a column grow as operators ask for more.
type names struct {
	list  []string
	codes map[string]int
	open  bool
}

// code returns the code of a text; ok is false when the cell is never it.
func (n *names) code(text string) (code int, ok bool) {
	if code, ok = n.codes[text]; ok || !n.open {
		return code, ok
	}
	if n.codes == nil {
		n.codes = map[string]int{}
	}
	code = len(n.list)
	n.list, n.codes[text] = append(n.list, text), code
	return code, true
}

// closed returns names that do not grow.
func closed(list []string) *names {
	n := &names{list: list, codes: make(map[string]int, len(list))}
	for i, text := range list {
		if _, ok := n.codes[text]; !ok {
			n.codes[text] = i
		}
	}
	return n
}

// A value is a tensor as one row has it.
type value struct {
	kind  kind
	dims  []int
	cells []cell

	scores *ensemble // the tensor is the scores of an ensemble that has not been placed yet: it has no cells
	raw    bool      // scores of classes that are no probabilities
	labels []string  // of the classes, when the tensor is their scores
}

// size returns the number of elements.
func (v *value) size() int { return elements(v.dims) }

func elements(dims []int) int {
	n := 1
	for _, d := range dims {
		n *= d
	}
	return n
}

// room is what a walk over some of the dimensions may take: elements, but that dimensions of 0 do not count.
func room(dims []int) int {
	n := 1
	for _, d := range dims {
		if d > 0 && n > math.MaxInt32/d {
			return math.MaxInt32
		}
		n *= max(d, 1)
	}
	return n
}

// isConstant reports whether the tensor is the same for every row.
func (v *value) isConstant() bool {
	return v.scores == nil && !slices.ContainsFunc(v.cells, func(c cell) bool { return !c.isConstant() })
}

// integers returns a constant tensor's numbers.
func (v *value) integers() ([]int64, error) {
	if !v.isConstant() || v.kind == texts {
		return nil, fmt.Errorf("is no constant")
	}
	out := make([]int64, len(v.cells))
	for i, c := range v.cells {
		if out[i] = int64(c.number); float64(out[i]) != c.number {
			return nil, fmt.Errorf("is %v, no integer", c.number)
		}
	}
	return out, nil
}

// shaped returns the tensor in another shape of the same size.
func (v *value) shaped(dims []int) *value {
	w := *v
	w.dims = dims
	return &w
}

// with returns a tensor like v with other cells.
func (v *value) with(dims []int, cells []cell) *value {
	return &value{kind: v.kind, dims: dims, cells: cells, raw: v.raw, labels: v.labels}
}

// strides returns how far apart neighbours of each dimension are.
func strides(dims []int) []int {
	s := make([]int, len(dims))
	n := 1
	for i := len(dims) - 1; i >= 0; i-- {
		s[i] = n
		n *= dims[i]
	}
	return s
}

// axis returns an axis from the front.
func axis(a int64, rank int) (int, error) {
	if a < 0 {
		a += int64(rank)
	}
	if a < 0 || a >= int64(rank) {
		return 0, fmt.Errorf("axis %d of %d dimensions", a, rank)
	}
	return int(a), nil
}
