package catboost

import (
	"fmt"
	"math"

	"github.com/besra-ml/besra/forest"
)

// maxDepth bounds the depth of a symmetric tree, as CatBoost does.
const maxDepth = 16

// trees are the trees of a file, one after the other.
type trees struct {
	symmetric bool
	sizes     []int32 // of a symmetric tree, its depth; else its nodes
	starts    []int32 // where each tree begins among splits; nil where the file does not say: they follow one another
	splits    []int32 // the splits of a symmetric tree's levels, from the leaves up; else that of each node
	leaves    []float64

	// Of a tree that is not symmetric:
	children [][2]int32 // of each node, how far behind it they stand; 0: there is a leaf
	ids      []uint32   // of each node that is a leaf or has one, where its values stand among leaves
}

// plant adds the trees to a forest.
func (t *trees) plant(f *forest.Forest, splits []split) error {
	if f.Outputs < 1 || f.Outputs > forest.MaxOutputs || len(t.leaves)%f.Outputs != 0 {
		return fmt.Errorf("%d values of leaves for %d outputs", len(t.leaves), f.Outputs)
	}
	if f.Outputs > 1 {
		f.Vectors = t.leaves
	}
	f.Trees = make([]forest.Tree, len(t.sizes))
	plant := t.plantFree
	if t.symmetric {
		plant = t.plantSymmetric
	}
	if err := plant(f, splits); err != nil {
		return err
	}
	return t.checkStarts()
}

// checkStarts wants trees to stand one behind the other.
func (t *trees) checkStarts() error {
	if t.starts == nil {
		return nil
	}
	if len(t.starts) != len(t.sizes) {
		return fmt.Errorf("%d trees with %d beginnings", len(t.sizes), len(t.starts))
	}
	next := int32(0)
	for i, s := range t.starts {
		if s != next {
			return fmt.Errorf("tree %d begins at split %d, want %d", i, s, next)
		}
		next += t.sizes[i]
	}
	return nil
}

// plantSymmetric grows trees that ask the same on each level. The last split is the root's: it has the highest bit of
// a leaf's number. Vector leaves need nodes, that they hang on.
func (t *trees) plantSymmetric(f *forest.Forest, splits []split) error {
	total := 0
	for i, depth := range t.sizes {
		if depth < 0 || depth > maxDepth {
			return fmt.Errorf("tree %d: a symmetric tree of depth %d, want 0 to %d", i, depth, maxDepth)
		}
		total += 1 << depth
	}
	if total*f.Outputs != len(t.leaves) {
		return fmt.Errorf("%d values for %d leaves of %d outputs", len(t.leaves), total, f.Outputs)
	}
	levels := make([]forest.Node, 0, len(t.splits))
	first, level := 0, 0 // the tree's first leaf and split
	for i, depth := range t.sizes {
		if int(depth) > len(t.splits)-level {
			return fmt.Errorf("tree %d: %d splits, %d are left", i, depth, len(t.splits)-level)
		}
		for d := range int(depth) {
			n, err := t.node(level+int(depth)-1-d, splits)
			if err != nil {
				return fmt.Errorf("tree %d: %w", i, err)
			}
			levels = append(levels, n)
		}
		tree := &f.Trees[i]
		if tree.Weight = 1; f.Outputs > 1 {
			tree.Nodes = forest.Spell(levels[level:], func(j int32) forest.Node { return t.leaf(f, first+int(j), int(j)) })
		} else {
			tree.Levels, tree.Leaves = levels[level:], t.leaves[first:first+1<<depth]
		}
		first, level = first+1<<depth, level+int(depth)
	}
	if level != len(t.splits) {
		return fmt.Errorf("%d splits for %d levels", len(t.splits), level)
	}
	return nil
}

// plantFree grows trees that say where each node's children are.
func (t *trees) plantFree(f *forest.Forest, splits []split) error {
	if len(t.children) != len(t.splits) || len(t.ids) != len(t.splits) {
		return fmt.Errorf("%d nodes with %d splits and %d leaves", len(t.children), len(t.splits), len(t.ids))
	}
	start, leaves := 0, 0
	for i, size := range t.sizes {
		if size < 1 || int(size) > len(t.splits)-start {
			return fmt.Errorf("tree %d: %d nodes, %d are left", i, size, len(t.splits)-start)
		}
		nodes, err := t.free(f, start, int(size), splits)
		if err != nil {
			return fmt.Errorf("tree %d: %w", i, err)
		}
		for j := range nodes {
			if nodes[j].Feature == forest.Leaf {
				leaves++
			}
		}
		if leaves > len(t.leaves)/f.Outputs {
			return fmt.Errorf("tree %d: trees share leaves: %d have their own values", i, len(t.leaves)/f.Outputs)
		}
		f.Trees[i] = forest.Tree{Nodes: nodes, Weight: 1}
		start += int(size)
	}
	if start != len(t.splits) {
		return fmt.Errorf("%d nodes in trees of %d", len(t.splits), start)
	}
	return nil
}

// free returns the nodes of one tree. A node that has a leaf on one side alone gets it from behind the others.
func (t *trees) free(f *forest.Forest, start, size int, splits []split) ([]forest.Node, error) {
	lowest := uint32(math.MaxUint32) // leaves count from there
	extra := 0
	for i := start; i < start+size; i++ {
		c := t.children[i]
		if c[0] != 0 && c[1] != 0 {
			continue
		}
		if c[0] != c[1] {
			extra++
		}
		id := t.ids[i]
		if int64(id) >= int64(len(t.leaves)) || int(id)%f.Outputs != 0 {
			return nil, fmt.Errorf("node %d: leaf at %d of %d values, %d each", i-start, id, len(t.leaves), f.Outputs)
		}
		lowest = min(lowest, id)
	}
	nodes := make([]forest.Node, size, size+extra)
	for i := range size {
		c := t.children[start+i]
		leaf := t.leaf(f, int(t.ids[start+i])/f.Outputs, int(t.ids[start+i]-lowest)/f.Outputs)
		if c == [2]int32{} {
			nodes[i] = leaf
			continue
		}
		n, err := t.node(start+i, splits)
		if err != nil {
			return nil, fmt.Errorf("node %d: %w", i, err)
		}
		for side, child := range []*int32{&n.Left, &n.Right} {
			switch d := int(c[side]); {
			case d == 0:
				*child = int32(len(nodes))
				nodes = append(nodes, leaf)
			case d < 0 || d >= size-i:
				return nil, fmt.Errorf("node %d: child %d of %d", i, i+d, size)
			default:
				*child = int32(i + d)
			}
		}
		nodes[i] = n
	}
	return nodes, nil
}

// node makes a node of split i of the trees.
func (t *trees) node(i int, splits []split) (forest.Node, error) {
	k := t.splits[i]
	if k < 0 || int(k) >= len(splits) {
		return forest.Node{}, fmt.Errorf("split %d of %d", k, len(splits))
	}
	s := &splits[k]
	return forest.Node{
		Feature: s.feature, Value: float64(s.border), Op: forest.LessEqual, DefaultLeft: !s.nanAbove,
	}, nil
}

// leaf makes a node of leaf i of all, which has that number in its tree.
func (t *trees) leaf(f *forest.Forest, i, number int) forest.Node {
	n := forest.Node{Feature: forest.Leaf, Ref: int32(i), ID: int32(number)}
	if f.Outputs == 1 && i < len(t.leaves) {
		n.Value = t.leaves[i]
	}
	return n
}
