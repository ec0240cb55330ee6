package onnx

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/besra-ml/besra/forest"
	"github.com/besra-ml/besra/pipeline"
)

// freeColumns is how many columns a file may have however small it is; beyond them it has no more than bytes.
const freeColumns = 1 << 14

// maxCells bounds the cells that a graph may make in all, for a file of that size.
func maxCells(size int) int { return 1<<18 + size/2 }

// A builder walks a graph and turns it into columns and steps.
type builder struct {
	*model
	size   int // of the file
	budget int // of cells

	made  map[string]bool   // names that nodes make
	alive []bool            // the nodes that the values need
	value map[string]*value // by name

	classes map[string]bool // the names of what tells a class, which is not computed

	columns   []pipeline.Column
	names     []*names // of columns of strings, by column
	rows      forest.Width
	steps     []pipeline.Step
	slots     int
	constants map[uint64]int32 // the slots of numbers that are the same in every row, by their bits
	notes     []string

	tracked, untracked bool // there are trees that send missing values a way of their own; that do not
}

var errBudget = errors.New("the graph makes more numbers than a file of its size should")

// charge takes n cells from the budget.
func (b *builder) charge(n int) error {
	if n < 0 || n > b.budget {
		return errBudget
	}
	b.budget -= n
	return nil
}

func (b *builder) build() error {
	b.value, b.constants, b.classes = map[string]*value{}, map[uint64]int32{}, map[string]bool{}
	if err := b.link(); err != nil {
		return err
	}
	if err := b.addColumns(); err != nil {
		return err
	}
	for i := range b.nodes {
		if !b.alive[i] {
			continue
		}
		if err := b.run(&b.nodes[i]); err != nil {
			return b.at(i, err)
		}
	}
	return nil
}

// at says at which node an error is.
func (b *builder) at(i int, err error) error {
	n := &b.nodes[i]
	if n.name == "" || n.name == n.op {
		return fmt.Errorf("node %d, %.40s: %w", i, n.op, err)
	}
	return fmt.Errorf("node %d, %.40s %.40q: %w", i, n.op, n.name, err)
}

// link finds who makes what, and which nodes the graph's values need.
func (b *builder) link() error {
	b.made = make(map[string]bool, len(b.nodes))
	for _, p := range b.inputs {
		if b.made[p.name] {
			return fmt.Errorf("two inputs are called %.40q", p.name)
		}
		b.made[p.name] = true
	}
	for i := range b.nodes {
		for _, name := range b.nodes[i].outputs {
			if name == "" {
				continue
			}
			if _, constant := b.model.constants[name]; constant || b.made[name] {
				return b.at(i, fmt.Errorf("output %.40q is made a second time", name))
			}
			b.made[name] = true
		}
	}
	wanted := map[string]bool{}
	for _, p := range b.results() {
		wanted[p.name] = true
	}
	if len(wanted) == 0 {
		return errors.New("no output of numbers: the graph tells classes and no scores")
	}
	b.alive = make([]bool, len(b.nodes))
	for i := len(b.nodes) - 1; i >= 0; i-- {
		n := &b.nodes[i]
		if !slices.ContainsFunc(n.outputs, func(name string) bool { return wanted[name] }) {
			continue
		}
		b.alive[i] = true
		for _, name := range n.inputs {
			wanted[name] = true
		}
	}
	return nil
}

// lookup returns the value of a name: what a node has made, an input, or a constant of the file.
func (b *builder) lookup(name string) (*value, error) {
	if v := b.value[name]; v != nil {
		return v, nil
	}
	message, ok := b.model.constants[name]
	if !ok {
		if b.classes[name] {
			return nil, fmt.Errorf("input %.40q is the class that a model tells, of which only scores are read", name)
		}
		if b.made[name] {
			return nil, fmt.Errorf("input %.40q is made by a later node, or by a cycle", name)
		}
		return nil, fmt.Errorf("input %.40q is made by nobody", name)
	}
	v, err := b.constant(message)
	if err != nil {
		return nil, fmt.Errorf("initializer %.40q: %w", name, err)
	}
	b.value[name] = v
	return v, nil
}

func (b *builder) constant(message []byte) (*value, error) {
	t, err := readTensor(message)
	if err != nil {
		return nil, err
	}
	if err := b.charge(t.count); err != nil {
		return nil, err
	}
	return t.value(), nil
}

// addColumns makes columns of the graph's inputs.
func (b *builder) addColumns() error {
	var ports []port
	for _, p := range b.inputs {
		if _, constant := b.model.constants[p.name]; !constant {
			ports = append(ports, p)
		}
	}
	if len(ports) == 0 {
		return errors.New("no inputs")
	}
	b.rows = forest.Float32
	for _, p := range ports {
		if err := b.addPort(p, len(ports) == 1); err != nil {
			return fmt.Errorf("input %.40q: %w", p.name, err)
		}
	}
	b.slots = len(b.columns)
	if b.rows == forest.Float32 {
		return nil
	}
	for _, p := range ports {
		if kind(p.element) == float32s {
			if err := b.round(b.value[p.name]); err != nil {
				return err
			}
		}
	}
	return nil
}

// round makes a step that rounds a tensor of columns to float32, where rows are of float64 for others' sake.
func (b *builder) round(v *value) error {
	slots, err := b.materialise(v.cells)
	if err != nil {
		return err
	}
	at := b.append(&pipeline.Unary{Operator: "Cast", Func: pipeline.Round, Width32: true, X: slots})
	v.cells = slotCells(at, len(slots))
	return nil
}

// addPort makes columns of an input: one of its name, or one for each feature.
func (b *builder) addPort(p port, alone bool) error {
	k := kind(p.element)
	typ := pipeline.Float
	switch k {
	case float32s:
	case float64s:
		b.rows = forest.Float64
	case int32s, int64s:
		typ = pipeline.Int
		b.rows = forest.Float64
	case bools:
		typ = pipeline.Bool
	case texts:
		typ = pipeline.String
	default:
		return fmt.Errorf("elements of %v are not read", k)
	}
	dims, err := b.portDims(p)
	if err != nil {
		return err
	}
	width := elements(dims)
	if len(b.columns)+width > max(freeColumns, b.size) {
		return fmt.Errorf("%d columns in a file of %d bytes", len(b.columns)+width, b.size)
	}
	if err := b.charge(width); err != nil {
		return err
	}
	v := &value{kind: k, dims: dims, cells: make([]cell, width)}
	for i := range v.cells {
		name := p.name
		switch {
		case alone:
			name = "f" + strconv.Itoa(i)
		case width > 1:
			name += "_" + strconv.Itoa(i)
		}
		c := cell{slot: int32(len(b.columns))}
		var n *names
		if k == texts {
			n = &names{open: true}
			c.names = n
		}
		v.cells[i] = c
		b.columns = append(b.columns, pipeline.Column{Name: name, Type: typ})
		b.names = append(b.names, n)
	}
	b.value[p.name] = v
	return nil
}

// portDims returns the shape of an input that has one row.
func (b *builder) portDims(p port) ([]int, error) {
	dims := p.dims
	switch {
	case len(dims) == 1 && dims[0] <= 1:
		return []int{1}, nil
	case len(dims) != 2:
		return nil, fmt.Errorf("shape %v: want rows and features", dims)
	case dims[0] > 1:
		return nil, fmt.Errorf("shape %v: %d rows at once", dims, dims[0])
	case dims[1] == 0:
		n, err := b.guessWidth(p.name)
		if err != nil {
			return nil, err
		}
		return []int{1, n}, nil
	}
	if dims[1] > maxInputs {
		return nil, fmt.Errorf("%d features: want at most %d", dims[1], maxInputs)
	}
	return []int{1, int(dims[1])}, nil
}

// guessWidth returns the number of features of an input that does not say: as many as the nodes that read it have
// numbers for.
func (b *builder) guessWidth(name string) (int, error) {
	for i := range b.nodes {
		n := &b.nodes[i]
		if len(n.inputs) == 0 || n.inputs[0] != name {
			continue
		}
		c := call{builder: b, node: n}
		if err := c.readAttributes(); err != nil {
			return 0, b.at(i, err)
		}
		if w := c.features(); w > 0 && w <= maxInputs {
			return w, nil
		}
	}
	return 0, errors.New("the file does not say how many features it has")
}

// features returns how many features a node's attributes are for; 0 when they do not say.
func (c *call) features() int {
	switch c.node.op {
	case "Scaler":
		if a := c.attribute("scale"); a != nil && a.floats > 1 {
			return a.floats
		}
	case "Imputer":
		if a := c.attribute("imputed_value_floats"); a != nil && a.floats > 1 {
			return a.floats
		}
	case "TreeEnsembleClassifier", "TreeEnsembleRegressor", "TreeEnsemble":
		most := int64(-1)
		if a := c.attribute("nodes_featureids"); a != nil {
			for _, f := range integerList(a) {
				most = max(most, f)
			}
		}
		return int(min(most+1, maxInputs+1))
	}
	return 0
}

// materialise returns the slots of cells. Constants get slots of their own.
func (b *builder) materialise(cells []cell) ([]int32, error) {
	if err := b.charge(len(cells)); err != nil {
		return nil, err
	}
	var fresh []float64
	slots := make([]int32, len(cells))
	for i, c := range cells {
		if !c.isConstant() {
			slots[i] = c.slot
			continue
		}
		bits := math.Float64bits(c.number)
		slot, ok := b.constants[bits]
		if !ok {
			slot = int32(b.slots + len(fresh))
			b.constants[bits] = slot
			fresh = append(fresh, c.number)
		}
		slots[i] = slot
	}
	if len(fresh) > 0 {
		b.append(&pipeline.Constants{Numbers: fresh})
	}
	return slots, nil
}

// append appends a step and returns its first slot.
func (b *builder) append(s pipeline.Step) int32 {
	at := b.slots
	b.steps = append(b.steps, s)
	b.slots += s.Width()
	return int32(at)
}

// compute makes a tensor of what a step computes from the operands. When they are all constant it is computed at once.
func (b *builder) compute(k kind, dims []int, operands [][]cell, step func(slots [][]int32) pipeline.Step) (*value, error) {
	n := elements(dims)
	if err := b.charge(n); err != nil {
		return nil, err
	}
	v := &value{kind: k, dims: dims, cells: make([]cell, n)}
	constant := true
	for _, cells := range operands {
		constant = constant && !slices.ContainsFunc(cells, func(c cell) bool { return !c.isConstant() })
	}
	slots := make([][]int32, len(operands))
	if constant {
		for _, cells := range operands {
			if err := b.charge(len(cells)); err != nil {
				return nil, err
			}
		}
		var row []float64
		for i, cells := range operands {
			for _, c := range cells {
				slots[i] = append(slots[i], int32(len(row)))
				row = append(row, c.number)
			}
		}
		out, err := pipeline.Once(step(slots), row)
		if err != nil {
			return nil, err
		}
		for i := range v.cells {
			v.cells[i] = constantCell(out[i])
		}
		return v, nil
	}
	for i, cells := range operands {
		var err error
		if slots[i], err = b.materialise(cells); err != nil {
			return nil, err
		}
	}
	if b.slots+n > pipeline.MaxSlots {
		return nil, fmt.Errorf("more than %d values of a row", pipeline.MaxSlots)
	}
	s := step(slots)
	if s.Width() != n {
		return nil, fmt.Errorf("%d values for dimensions %v", s.Width(), dims)
	}
	at := b.append(s)
	for i := range v.cells {
		v.cells[i] = cell{slot: at + int32(i)}
	}
	return v, nil
}

func (b *builder) note(text string) {
	if !slices.Contains(b.notes, text) {
		b.notes = append(b.notes, text)
	}
}
