package xgboost

import (
	"errors"
	"fmt"

	"github.com/besra-ml/besra/forest"
)

// A treeReader reads one tree after the other, in the same slices. A tree is saved as one array for each
// property of its nodes.
type treeReader struct {
	*reader

	left, right, feature []int32
	defaultLeft, kind    []int32
	value                []float32 // thresholds, and the values of leaves
	leaves               []float32 // vector leaves
	sets                 setReader

	nodes       int
	size        int // of vector leaves; 0 or 1: scalars
	id          int64
	baseWeights int  // where they begin
	placed      bool // the file has leaf_weights
	lengths     []arrayLength
}

// An arrayLength is the length of an array that is not needed but for its length.
type arrayLength struct {
	name string
	n    int
}

func (t *treeReader) read() (savedTree, error) {
	t.left, t.right, t.feature = t.left[:0], t.right[:0], t.feature[:0]
	t.defaultLeft, t.kind = t.defaultLeft[:0], t.kind[:0]
	t.value, t.leaves, t.lengths = t.value[:0], t.leaves[:0], t.lengths[:0]
	t.sets.reset()
	t.nodes, t.size, t.id, t.baseWeights, t.placed = -1, 0, -1, 0, false

	if err := t.Object(t.member); err != nil {
		return savedTree{}, err
	}
	if err := t.check(); err != nil {
		return savedTree{}, err
	}
	saved := savedTree{id: int(t.id), nodes: make([]forest.Node, t.nodes)}
	var err error
	if t.size > 1 {
		saved.size = t.size
		err = t.vectorNodes(saved.nodes)
	} else {
		err = t.scalarNodes(saved.nodes)
	}
	return saved, err
}

func (t *treeReader) member(key []byte) (err error) {
	switch string(key) {
	case "left_children":
		t.left, err = t.Ints(t.left)
	case "right_children":
		t.right, err = t.Ints(t.right)
	case "split_indices":
		t.feature, err = t.Ints(t.feature)
	case "split_conditions":
		t.value, err = t.Floats(t.value)
	case "default_left":
		t.defaultLeft, err = t.Ints(t.defaultLeft)
	case "split_type":
		t.kind, err = t.Ints(t.kind)
	case "leaf_weights":
		t.placed = true
		t.leaves, err = t.Floats(t.leaves)
	case "base_weights":
		t.baseWeights = t.At()
		_, err = t.Count()
	case "parents", "loss_changes", "sum_hessian":
		var n int
		n, err = t.Count()
		t.lengths = append(t.lengths, arrayLength{string(key), n})
	case "categories", "categories_nodes", "categories_segments", "categories_sizes":
		err = t.sets.member(t.reader, key)
	case "id":
		t.id, err = t.Integer()
	case "tree_param":
		err = t.parameters()
	default:
		return t.Skip()
	}
	return in(string(key), err)
}

func (t *treeReader) parameters() error {
	return t.Object(func(key []byte) (err error) {
		switch string(key) {
		case "num_nodes":
			t.nodes, err = t.decimal(forest.MaxNodes)
		case "size_leaf_vector":
			t.size, err = t.decimal(forest.MaxOutputs)
		default:
			return t.Skip()
		}
		return in(string(key), err)
	})
}

// check wants every array to have a value for each node.
func (t *treeReader) check() error {
	switch {
	case t.nodes < 0:
		return errors.New("no num_nodes")
	case t.nodes == 0:
		return errors.New("no nodes")
	case t.id < 0 || t.id > forest.MaxNodes:
		return fmt.Errorf("id %d", t.id)
	}
	lengths := append(t.lengths,
		arrayLength{"left_children", len(t.left)},
		arrayLength{"right_children", len(t.right)},
		arrayLength{"split_indices", len(t.feature)},
		arrayLength{"split_conditions", len(t.value)},
		arrayLength{"default_left", len(t.defaultLeft)})
	if len(t.kind) > 0 {
		lengths = append(lengths, arrayLength{"split_type", len(t.kind)})
	}
	for _, l := range lengths {
		if l.n != t.nodes {
			return fmt.Errorf("%s: %d values for %d nodes", l.name, l.n, t.nodes)
		}
	}
	return t.sets.check(t.kind)
}

// scalarNodes fills nodes. The value of a leaf lies where splits have their threshold.
func (t *treeReader) scalarNodes(nodes []forest.Node) error {
	for i := range nodes {
		n := &nodes[i]
		n.Value = float64(t.value[i])
		n.ID = int32(i)
		if t.left[i] == -1 {
			if t.right[i] != -1 {
				return fmt.Errorf("node %d: no left child, but %d to the right", i, t.right[i])
			}
			n.Feature = forest.Leaf
			continue
		}
		if err := t.split(n, i); err != nil {
			return fmt.Errorf("node %d: %w", i, err)
		}
	}
	return nil
}

// vectorNodes fills nodes of a tree with vector leaves. From 3.2 on a leaf's right child is its place in
// leaf_weights; earlier files have a vector for every node, in base_weights.
func (t *treeReader) vectorNodes(nodes []forest.Node) error {
	everyNode := !t.placed
	if everyNode && t.baseWeights > 0 {
		after := t.At()
		t.Seek(t.baseWeights)
		var err error
		if t.leaves, err = t.Floats(t.leaves); err != nil {
			return in("base_weights", err)
		}
		t.Seek(after)
	}
	if len(t.leaves)%t.size != 0 || everyNode && len(t.leaves) != t.size*t.nodes {
		return fmt.Errorf("%d leaf weights do not make vectors of %d", len(t.leaves), t.size)
	}
	first := len(t.trees.vectors) / t.size
	for _, v := range t.leaves {
		t.trees.vectors = append(t.trees.vectors, float64(v))
	}
	for i := range nodes {
		n := &nodes[i]
		n.ID = int32(i)
		if t.left[i] != -1 {
			n.Value = float64(t.value[i])
			if err := t.split(n, i); err != nil {
				return fmt.Errorf("node %d: %w", i, err)
			}
			continue
		}
		place := i
		if !everyNode {
			place = int(t.right[i])
		}
		if place < 0 || place >= len(t.leaves)/t.size {
			return fmt.Errorf("node %d: leaf %d of %d", i, place, len(t.leaves)/t.size)
		}
		n.Feature = forest.Leaf
		n.Ref = int32(first + place)
	}
	return nil
}

// split fills a split. XGBoost finds the right child beside the left one, wherever right_children says.
func (t *treeReader) split(n *forest.Node, i int) error {
	n.Feature, n.Left, n.Right = t.feature[i], t.left[i], t.right[i]
	n.DefaultLeft = t.defaultLeft[i] == 1
	if n.Feature < 0 {
		return fmt.Errorf("feature %d", n.Feature)
	}
	if int64(n.Right) != int64(n.Left)+1 {
		return fmt.Errorf("children %d and %d are not neighbours", n.Left, n.Right)
	}
	if len(t.kind) == 0 || t.kind[i] == 0 {
		n.Op = forest.Less
		return nil
	}
	set, err := t.sets.next(t.reader, i)
	if err != nil {
		return err
	}
	// The categories in the set go right in XGBoost, left here.
	n.Op, n.Ref = forest.In, set
	n.Left, n.Right = n.Right, n.Left
	n.DefaultLeft = !n.DefaultLeft
	n.Value = 0
	return nil
}
