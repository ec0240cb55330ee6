package onnx

import (
	"errors"
	"fmt"
	"math"

	"github.com/besra-ml/besra/forest"
	"github.com/besra-ml/besra/pipeline"
)

// An ensemble is what a node of trees says. Its forest is made when it is known what of it is needed.
type ensemble struct {
	op     string
	inputs []cell
	trees  []forest.Tree
	sets   []forest.Set
	votes  func(vote func(tree, leaf int32, class int64, weight float64) error) error // all votes of leaves, in file order

	classes    int // classes or targets
	base       []float64
	link       pipeline.LinkKind
	average    bool
	extreme    pipeline.ReduceFunc // Least or Largest, when that is what is taken of the trees
	classifier bool
	labels     []string
	wide       bool // sums are float64
	scores     kind // float64 only from TreeEnsemble of doubles: its older siblings round their scores to float32

	tally tally
	cells []cell // once it is placed
}

// A tally is what there is to know of votes before any row is seen.
type tally struct {
	leaves   int
	votes    int
	positive bool   // no vote is negative
	always   []bool // classes that get a vote from some tree whatever the row; for few classes only
	never    []bool // classes that no leaf votes for
	single   bool   // every leaf has one vote
	uniform  bool   // and all leaves of a tree vote for the same class
}

const fewClasses = 16

// count fills the tally, and checks the votes: of which leaves and for which classes they are.
func (e *ensemble) count() error {
	t := &e.tally
	t.positive, t.single, t.uniform = true, true, true
	t.never = make([]bool, e.classes)
	for k := range t.never {
		t.never[k] = true
	}
	leaves := make([]int, len(e.trees)) // of each tree
	first := make([]int64, len(e.trees))
	for i := range e.trees {
		first[i] = -1
		for j := range e.trees[i].Nodes {
			if e.trees[i].Nodes[j].Feature == forest.Leaf {
				leaves[i]++
			}
		}
		t.leaves += leaves[i]
	}
	few := e.classes <= fewClasses
	var voters []int32 // for each tree and class
	if few {
		voters = make([]int32, len(e.trees)*e.classes)
	}
	err := e.votes(func(tree, leaf int32, class int64, weight float64) error {
		if class < 0 || class >= int64(e.classes) {
			return fmt.Errorf("class or target %d of %d", class, e.classes)
		}
		if math.IsNaN(weight) || math.IsInf(weight, 0) {
			return fmt.Errorf("weight %v", weight)
		}
		t.positive = t.positive && !(weight < 0)
		n := &e.trees[tree].Nodes[leaf]
		if n.Feature != forest.Leaf {
			return nil // ONNX Runtime takes no notice of votes of splits
		}
		t.votes++
		t.never[class] = false
		t.uniform = t.uniform && (first[tree] < 0 || first[tree] == class)
		first[tree] = class
		if n.Ref++; n.Ref > 1 {
			t.single = false
		}
		if few {
			voters[int(tree)*e.classes+int(class)]++
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i := range e.trees {
		for j := range e.trees[i].Nodes {
			n := &e.trees[i].Nodes[j]
			if n.Feature != forest.Leaf {
				continue
			}
			if n.Ref == 0 {
				return fmt.Errorf("tree %d, node %d: a leaf without a weight", i, n.ID)
			}
			n.Ref = 0
		}
	}
	t.always = make([]bool, e.classes)
	for i := range e.trees {
		for k := range t.always {
			t.always[k] = t.always[k] || few && int(voters[i*e.classes+k]) == leaves[i]
		}
	}
	return nil
}

// plain is the link that leaves scores as they are.
func (e *ensemble) plain() pipeline.LinkKind {
	if e.wide && e.scores == float32s {
		return pipeline.Rounded32
	}
	return pipeline.Identity
}

func (e *ensemble) width() forest.Width {
	if e.wide {
		return forest.Float64
	}
	return forest.Float32
}

// number is a weight in the width of the sums. A vote of -0 is one of 0.
func (e *ensemble) number(x float64) float64 {
	if !e.wide {
		x = float64(float32(x))
	}
	return x + 0
}

// forest makes the forest. Its outputs are the classes, or the one class that is asked for, or each tree's own when an
// extreme is taken of them. With absent the sum of a class that gets no vote is -0.
func (e *ensemble) forest(class int, absent bool) (*forest.Forest, error) {
	f := &forest.Forest{
		Features: len(e.inputs), Outputs: e.classes, Input: e.width(), Sum: e.width(),
		Trees: make([]forest.Tree, len(e.trees)), Sets: e.sets, Average: e.average,
	}
	copy(f.Trees, e.trees)
	scalar := e.classes == 1 || e.tally.uniform && e.tally.single
	if class >= 0 {
		f.Outputs, scalar = 1, true
	}
	if e.extreme != 0 {
		f.Outputs = len(e.trees)
	}
	if absent {
		f.Base = make([]float64, f.Outputs)
		for i := range f.Base {
			f.Base[i] = math.Copysign(0, -1)
		}
	}
	for i := range f.Trees {
		f.Trees[i].Weight = 1
		if e.extreme != 0 {
			f.Trees[i].Output = i
		}
	}
	if scalar {
		return f, e.scalars(f, class)
	}
	return f, e.vectors(f, absent)
}

// scalars fills the leaves of a forest in which each has one number.
func (e *ensemble) scalars(f *forest.Forest, only int) error {
	for i := range f.Trees {
		nodes := f.Trees[i].Nodes
		for j := range nodes {
			if nodes[j].Feature == forest.Leaf {
				nodes[j].Value, nodes[j].Ref = 0, 0
			}
		}
	}
	return e.votes(func(tree, leaf int32, class int64, weight float64) error {
		n := &f.Trees[tree].Nodes[leaf]
		if n.Feature != forest.Leaf || only >= 0 && class != int64(only) {
			return nil
		}
		if n.Ref++; n.Ref > 1 {
			if e.classes == 1 {
				return nil // ONNX Runtime takes the first
			}
			return e.twice(tree, n, class)
		}
		n.Value = e.number(weight)
		if only < 0 && e.extreme == 0 {
			f.Trees[tree].Output = int(class)
		}
		return nil
	})
}

func (e *ensemble) twice(tree int32, n *forest.Node, class int64) error {
	return fmt.Errorf("tree %d, node %d: two weights for class or target %d", tree, n.ID, class)
}

// vectors fills the leaves of a forest in which each has a number for each class.
func (e *ensemble) vectors(f *forest.Forest, absent bool) error {
	if n := e.tally.leaves * f.Outputs; n > 1<<16 && n > 8*e.tally.votes {
		return fmt.Errorf("%d leaves with %d weights for %d classes or targets: too sparse", e.tally.leaves, e.tally.votes, f.Outputs)
	}
	empty := 0.0
	if absent {
		empty = math.Copysign(0, -1)
	}
	f.Vectors = make([]float64, e.tally.leaves*f.Outputs)
	for i := range f.Vectors {
		f.Vectors[i] = empty
	}
	seen := make([]uint64, (len(f.Vectors)+63)/64)
	next := int32(0)
	for i := range f.Trees {
		nodes := f.Trees[i].Nodes
		for j := range nodes {
			if nodes[j].Feature == forest.Leaf {
				nodes[j].Ref = next
				next++
			}
		}
	}
	return e.votes(func(tree, leaf int32, class int64, weight float64) error {
		n := &f.Trees[tree].Nodes[leaf]
		if n.Feature != forest.Leaf {
			return nil
		}
		at := int(n.Ref)*f.Outputs + int(class)
		if seen[at/64]>>(at%64)&1 == 1 {
			return e.twice(tree, n, class)
		}
		seen[at/64] |= 1 << (at % 64)
		f.Vectors[at] = e.number(weight)
		return nil
	})
}

// place makes steps of an ensemble whose scores a node reads, and gives the value its cells.
func (b *builder) place(v *value) error {
	e := v.scores
	if e == nil {
		return nil
	}
	if e.cells == nil {
		if err := b.placeEnsemble(e); err != nil {
			return fmt.Errorf("%s: %w", e.op, err)
		}
	}
	v.scores, v.cells = nil, e.cells
	return nil
}

func (b *builder) placeEnsemble(e *ensemble) error {
	f, err := e.forest(-1, e.extreme == 0)
	if err != nil {
		return err
	}
	if err := b.charge(f.Outputs + e.classes); err != nil {
		return err
	}
	inputs, err := b.materialise(e.inputs)
	if err != nil {
		return err
	}
	trees, err := pipeline.NewTrees(e.op, f, inputs)
	if err != nil {
		return err
	}
	sums := slotCells(b.append(trees), f.Outputs)
	if e.extreme != 0 {
		v, err := b.compute(e.scores, []int{1, 1}, [][]cell{sums}, func(s [][]int32) pipeline.Step {
			return &pipeline.Reduction{Operator: e.op, Func: e.extreme, X: s[0], Size: len(sums)}
		})
		if err != nil {
			return err
		}
		sums = v.cells
	}
	v, err := b.compute(e.scores, []int{1, e.classes}, [][]cell{sums}, func(s [][]int32) pipeline.Step {
		return &pipeline.Vote{
			Operator: e.op, Sums: s[0], Base: e.base, Link: e.link, Classifier: e.classifier, Width32: !e.wide,
			OneClass: e.classes == 2 && e.tally.never[0] != e.tally.never[1], Positive: e.tally.positive,
			Wide: e.scores == float64s,
		}
	})
	if err != nil {
		return err
	}
	e.cells = v.cells
	return nil
}

func slotCells(at int32, n int) []cell {
	cells := make([]cell, n)
	for i := range cells {
		cells[i] = cell{slot: at + int32(i)}
	}
	return cells
}

// transform returns the link that a post_transform is.
func transform(name string) (pipeline.LinkKind, error) {
	switch name {
	case "NONE":
		return pipeline.Identity, nil
	case "LOGISTIC":
		return pipeline.Mirrored32, nil
	case "SOFTMAX":
		return pipeline.SoftmaxSum32, nil
	case "SOFTMAX_ZERO":
		return pipeline.SoftmaxZero32, nil
	case "PROBIT":
		return pipeline.Probit32, nil
	}
	return 0, fmt.Errorf("attribute post_transform is %.40q", name)
}

// aggregate notes how trees add up.
func (e *ensemble) aggregate(name string) error {
	switch name {
	case "SUM":
	case "AVERAGE":
		e.average = true
	case "MIN":
		e.extreme = pipeline.Least
	case "MAX":
		e.extreme = pipeline.Largest
	default:
		return fmt.Errorf("attribute aggregate_function is %.40q", name)
	}
	if e.extreme != 0 && (e.classes != 1 || len(e.trees) > forest.MaxOutputs) {
		return fmt.Errorf("attribute aggregate_function %s is not supported for %d targets of %d trees", name, e.classes, len(e.trees))
	}
	return nil
}

// checkBase wants as many base values as ONNX Runtime does.
func (e *ensemble) checkBase() error {
	n := len(e.base)
	ok := n == 0 || n == e.classes
	if e.classifier && e.classes <= 2 {
		ok = n <= e.classes
	}
	if !ok {
		return fmt.Errorf("%d base_values for %d classes or targets", n, e.classes)
	}
	for i, x := range e.base {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return fmt.Errorf("base value %d is %v", i, x)
		}
		e.base[i] = e.number(x)
	}
	return nil
}

// finish checks an ensemble and returns its scores.
func (c *call) finish(e *ensemble) (*value, error) {
	if len(e.trees) == 0 {
		return nil, errors.New("no trees")
	}
	if err := c.merge(e); err != nil {
		return nil, err
	}
	if err := e.count(); err != nil {
		return nil, err
	}
	if err := e.checkBase(); err != nil {
		return nil, err
	}
	if t := &e.tally; e.classifier && e.classes == 2 && !t.always[1] && len(e.base) < 2 &&
		(e.link == pipeline.Probit32 || len(e.base) == 1 && !t.never[1]) {
		return nil, errors.New("rows in which no leaf votes for the second class: ONNX Runtime leaves its score undefined")
	}
	raw := e.link == pipeline.Identity && !e.tally.positive
	return &value{kind: e.scores, dims: []int{1, e.classes}, scores: e, labels: e.labels, raw: raw}, nil
}
