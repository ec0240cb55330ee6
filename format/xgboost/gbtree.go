package xgboost

import (
	"errors"
	"fmt"
	"slices"

	"github.com/besra-ml/besra/forest"
)

// trees is what a file says about all trees.
type trees struct {
	list     []savedTree
	vectors  []float64 // vector leaves
	sets     []forest.Set
	setBytes int
	groups   []int32 // tree_info: the output of every tree
	rounds   []int32 // iteration_indptr; nil before XGBoost 2.0
	count    int     // num_trees
	parallel int     // num_parallel_tree
	names    []dictionary
}

// A savedTree is a tree as it lies in the file.
type savedTree struct {
	id    int
	size  int // of its vector leaves; 0: scalars
	nodes []forest.Node
}

func (r *reader) treeParameters() error {
	r.trees.parallel = 1
	return r.Object(func(key []byte) (err error) {
		switch string(key) {
		case "num_trees":
			r.trees.count, err = r.decimal(forest.MaxNodes)
		case "num_parallel_tree":
			if r.trees.parallel, err = r.decimal(forest.MaxNodes); err == nil && r.trees.parallel == 0 {
				err = errors.New("0 trees")
			}
		default:
			return r.Skip()
		}
		return in(string(key), err)
	})
}

func (r *reader) readTrees() error {
	t := treeReader{reader: r}
	var broken error // in a tree, which needs no other place
	err := r.Array(func() error {
		var saved savedTree
		if saved, broken = t.read(); broken != nil {
			return broken
		}
		r.trees.list = append(r.trees.list, saved)
		return nil
	})
	if broken != nil {
		return fmt.Errorf("tree %d: %w", len(r.trees.list), broken)
	}
	return in("trees", err)
}

// forest returns the trees in the order of their ids.
func (r *reader) forest(base []float64) (*forest.Forest, error) {
	t := &r.trees
	n := len(t.list)
	if n != t.count {
		return nil, fmt.Errorf("%d trees, but num_trees is %d", n, t.count)
	}
	if len(t.groups) != n {
		return nil, fmt.Errorf("tree_info: %d values for %d trees", len(t.groups), n)
	}
	if r.booster == "dart" && len(r.drop) < n { // a dart model that was updated keeps the weights of its former trees
		return nil, fmt.Errorf("weight_drop: %d values for %d trees", len(r.drop), n)
	}
	f := &forest.Forest{
		Features: r.params.features,
		Outputs:  r.params.outputs(),
		Input:    forest.Float32,
		Sum:      forest.Float32,
		Trees:    make([]forest.Tree, n),
		Sets:     t.sets,
		Vectors:  t.vectors,
		Base:     base,
	}
	for i, s := range t.list {
		if s.id < 0 || s.id >= n {
			return nil, fmt.Errorf("tree %d: id %d of %d trees", i, s.id, n)
		}
		tree := &f.Trees[s.id]
		if tree.Nodes != nil {
			return nil, fmt.Errorf("tree %d: another tree has the id %d too", i, s.id)
		}
		if err := r.checkLeaves(s); err != nil {
			return nil, fmt.Errorf("tree %d: %w", i, err)
		}
		*tree = forest.Tree{Nodes: s.nodes, Output: int(t.groups[s.id]), Weight: 1}
		if r.booster == "dart" {
			tree.Weight = float64(r.drop[s.id])
			unsignZeros(tree.Nodes)
		}
	}
	var err error
	f.Rounds, err = t.roundStarts()
	return f, err
}

// unsignZeros makes leaves of -0 into 0: dart adds each leaf to a 0 of its own before it weighs it.
func unsignZeros(nodes []forest.Node) {
	for i := range nodes {
		if n := &nodes[i]; n.Feature == forest.Leaf && n.Value == 0 {
			n.Value = 0
		}
	}
}

// checkLeaves wants all trees to have leaves of one kind, and vectors as wide as the model.
func (r *reader) checkLeaves(s savedTree) error {
	switch {
	case s.size == 0 && len(r.trees.vectors) > 0:
		return errors.New("scalar leaves beside trees with vector leaves")
	case s.size > 0 && s.size != r.params.outputs():
		return fmt.Errorf("vector leaves of %d for %d outputs", s.size, r.params.outputs())
	case s.size > 0 && r.booster == "dart":
		return errors.New("vector leaves in a dart booster")
	}
	return nil
}

// roundStarts returns the tree at which each boosting round begins, then the number of trees. Files
// before 2.0 do not say: there a round has num_parallel_tree trees for every output.
func (t *trees) roundStarts() ([]int, error) {
	if t.rounds == nil {
		if t.count == 0 {
			return []int{0}, nil
		}
		groups := int(slices.Max(t.groups)) + 1
		if groups < 1 || t.count%(t.parallel*groups) != 0 {
			return nil, fmt.Errorf("%d trees do not make rounds of %d trees for each of %d groups", t.count, t.parallel, groups)
		}
		each := t.parallel * groups
		starts := make([]int, t.count/each+1)
		for i := range starts {
			starts[i] = i * each
		}
		return starts, nil
	}
	if len(t.rounds) == 0 {
		return nil, errors.New("iteration_indptr is empty")
	}
	starts := make([]int, len(t.rounds))
	for i, v := range t.rounds {
		if starts[i] = int(v); v < 0 || int(v) > t.count || i > 0 && v < t.rounds[i-1] {
			return nil, fmt.Errorf("iteration_indptr: round %d begins at tree %d of %d", i, v, t.count)
		}
	}
	if starts[0] != 0 || starts[len(starts)-1] != t.count {
		return nil, fmt.Errorf("iteration_indptr: from tree %d to %d, want 0 to %d", starts[0], starts[len(starts)-1], t.count)
	}
	return starts, nil
}
