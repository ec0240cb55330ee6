package onnx

import (
	"errors"
	"fmt"
	"math"

	"github.com/besra-ml/besra/forest"
	"github.com/besra-ml/besra/pipeline"
)

// The operator of trees from ai.onnx.ml 5 on: splits and leaves in lists of their own, and sets of members.

// The modes of splits.
const (
	modeLEQ = iota
	modeLT
	modeGTE
	modeGT
	modeEQ
	modeNEQ
	modeMember
)

func (c *call) treeEnsemble() ([]*value, error) {
	v, err := c.row()
	if err != nil {
		return nil, err
	}
	targets := c.integer("n_targets", 0)
	if targets < 1 || targets > forest.MaxOutputs {
		return nil, fmt.Errorf("attribute n_targets is %d", targets)
	}
	e := &ensemble{op: c.node.op, inputs: v.cells, wide: v.kind == float64s, scores: float32s, classes: int(targets)}
	// The specification has SOFTMAX before LOGISTIC; ONNX Runtime does not.
	transforms := []string{"NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO", "PROBIT"}
	n := c.integer("post_transform", 0)
	if n == 1 || n == 2 {
		c.note("The post_transform of TreeEnsemble is read as ONNX Runtime does: 1 is LOGISTIC and 2 SOFTMAX, the other way round than ONNX has it.")
	}
	if n < 0 || n >= int64(len(transforms)) {
		return nil, fmt.Errorf("attribute post_transform is %d", n)
	}
	if e.link, err = transform(transforms[n]); err != nil {
		return nil, err
	}
	if e.wide {
		e.scores = float64s
		if e.link == pipeline.SoftmaxZero32 {
			e.link = pipeline.SoftmaxZero
		}
	}
	s := splitLists{call: c, ensemble: e}
	if err := s.read(); err != nil {
		return nil, err
	}
	aggregates := []string{"AVERAGE", "SUM", "MIN", "MAX"}
	if n = c.integer("aggregate_function", 1); n < 0 || n >= int64(len(aggregates)) {
		return nil, fmt.Errorf("attribute aggregate_function is %d", n)
	}
	if err := e.aggregate(aggregates[n]); err != nil {
		return nil, err
	}
	return one(c.finish(e))
}

// splitLists are the lists of splits and leaves.
type splitLists struct {
	*call
	*ensemble

	features, whenTrue, whenFalse, trueLeaf, falseLeaf, tracks []int64
	modes, thresholds                                          []float64
	targets                                                    []int64
	weights                                                    []float64
	members                                                    [][]float64 // of each split
	taken                                                      int         // nodes so far
}

func (s *splitLists) read() error {
	if err := s.lists(); err != nil {
		return err
	}
	if err := s.readMembers(); err != nil {
		return err
	}
	for i, root := range s.integers("tree_roots") {
		t, err := s.tree(root)
		if err != nil {
			return fmt.Errorf("tree %d: %w", i, err)
		}
		s.trees = append(s.trees, t)
	}
	targets, weights := s.targets, s.weights
	trees := s.trees
	s.votes = func(vote func(tree, leaf int32, class int64, weight float64) error) error {
		for i := range trees {
			nodes := trees[i].Nodes
			for j := range nodes {
				if nodes[j].Feature != forest.Leaf {
					continue
				}
				leaf := nodes[j].ID
				if err := vote(int32(i), int32(j), targets[leaf], weights[leaf]); err != nil {
					return fmt.Errorf("tree %d, leaf %d: %w", i, leaf, err)
				}
			}
		}
		return nil
	}
	return nil
}

func (s *splitLists) lists() error {
	a := s.attribute("nodes_modes")
	if a == nil || a.tensor == nil {
		return errors.New("no nodes_modes")
	}
	t, err := readTensor(a.tensor)
	if err != nil || t.kind != uint8s {
		return errors.Join(fmt.Errorf("attribute nodes_modes: %v", t.kind), err)
	}
	s.modes = t.numbers()
	n := len(s.modes)
	for _, l := range []struct {
		name string
		list *[]int64
	}{
		{"nodes_featureids", &s.features},
		{"nodes_truenodeids", &s.whenTrue},
		{"nodes_falsenodeids", &s.whenFalse},
		{"nodes_trueleafs", &s.trueLeaf},
		{"nodes_falseleafs", &s.falseLeaf},
	} {
		if *l.list = s.integers(l.name); len(*l.list) != n {
			return fmt.Errorf("attribute %s: %d values for %d nodes", l.name, len(*l.list), n)
		}
	}
	if s.tracks = s.integers("nodes_missing_value_tracks_true"); len(s.tracks) != 0 && len(s.tracks) != n {
		return fmt.Errorf("attribute nodes_missing_value_tracks_true: %d values for %d nodes", len(s.tracks), n)
	}
	if s.thresholds, err = s.all("nodes_splits"); err != nil {
		return err
	}
	if len(s.thresholds) != n {
		return fmt.Errorf("attribute nodes_splits: %d values for %d nodes", len(s.thresholds), n)
	}
	s.targets = s.integers("leaf_targetids")
	if s.weights, err = s.all("leaf_weights"); err != nil {
		return err
	}
	if len(s.targets) != len(s.weights) {
		return fmt.Errorf("attribute leaf_targetids: %d values for %d weights", len(s.targets), len(s.weights))
	}
	return nil
}

// all returns the numbers of an attribute that is a tensor.
func (s *splitLists) all(name string) ([]float64, error) {
	src, err := s.tensorSource(name)
	if err != nil || src.tensor == nil {
		return nil, err
	}
	return src.tensor.numbers(), nil
}

// readMembers deals the members of sets out to the splits that ask for one. NaN ends a set.
func (s *splitLists) readMembers() error {
	all, err := s.all("membership_values")
	if err != nil {
		return err
	}
	s.members = make([][]float64, len(s.modes))
	for i, m := range s.modes {
		if m != modeMember {
			continue
		}
		n := 0
		for n < len(all) && !math.IsNaN(all[n]) {
			n++
		}
		s.members[i] = all[:n]
		all = all[min(n+1, len(all)):]
		if n == 0 {
			return fmt.Errorf("node %d: a set without members", i)
		}
	}
	return nil
}

// tree copies the nodes that a root reaches, each parent before its children.
func (s *splitLists) tree(root int64) (forest.Tree, error) {
	type pending struct {
		place int64
		leaf  bool
	}
	var t forest.Tree
	if root < 0 || root >= int64(len(s.modes)) {
		return t, fmt.Errorf("root %d of %d nodes", root, len(s.modes))
	}
	lone := s.whenTrue[root] == s.whenFalse[root] && s.trueLeaf[root] != 0 && s.falseLeaf[root] != 0
	queue := []pending{{root, lone}}
	for at := 0; at < len(queue); at++ {
		if s.taken++; s.taken > len(s.modes)+len(s.weights) {
			return t, errors.New("a node is reached twice")
		}
		p := queue[at]
		var n forest.Node
		if p.leaf {
			if p.place < 0 || p.place >= int64(len(s.weights)) {
				return t, fmt.Errorf("leaf %d of %d", p.place, len(s.weights))
			}
			n = forest.Node{Feature: forest.Leaf, ID: int32(p.place)}
		} else {
			var err error
			if n, err = s.split(p.place); err != nil {
				return t, fmt.Errorf("node %d: %w", p.place, err)
			}
			n.Left, n.Right = int32(len(queue)), int32(len(queue)+1)
			queue = append(queue, pending{s.whenTrue[p.place], s.trueLeaf[p.place] != 0}, pending{s.whenFalse[p.place], s.falseLeaf[p.place] != 0})
		}
		t.Nodes = append(t.Nodes, n)
	}
	return t, nil
}

func (s *splitLists) split(i int64) (n forest.Node, err error) {
	if i < 0 || i >= int64(len(s.modes)) {
		return n, fmt.Errorf("there are %d", len(s.modes))
	}
	if f := s.features[i]; f < 0 || f >= int64(len(s.inputs)) {
		return n, fmt.Errorf("feature %d of %d", f, len(s.inputs))
	}
	n = forest.Node{Feature: int32(s.features[i]), Value: s.thresholds[i], ID: int32(i)}
	n.DefaultLeft = len(s.tracks) > 0 && s.tracks[i] == 1
	switch s.modes[i] {
	case modeLEQ:
		n.Op = forest.LessEqual
	case modeLT:
		n.Op = forest.Less
	case modeGTE:
		n.Op = forest.GreaterEqual
	case modeGT:
		n.Op = forest.Greater
	case modeEQ:
		n.Op = forest.Equal
	case modeNEQ:
		n.Op, n.DefaultLeft = forest.NotEqual, true // NaN equals nothing
	case modeMember:
		n.Value = 0
		if m := s.members[i]; len(m) == 1 && m[0] >= 0 && m[0] <= 30 {
			n.Op, n.Value = forest.Equal, m[0]
			return n, nil
		}
		n.Op, n.Ref = forest.In, int32(len(s.sets))
		set, err := s.memberSet(s.members[i])
		if err != nil {
			return n, err
		}
		s.sets = append(s.sets, set)
	default:
		return n, fmt.Errorf("mode %v", s.modes[i])
	}
	return n, nil
}

// memberSet returns the set of some members. ONNX Runtime compares with the members of a small set one by one; of those
// of a large one it takes no more than the whole number before the point, and of the value likewise.
func (b *builder) memberSet(members []float64) (forest.Set, error) {
	for _, m := range members {
		if len(members) >= 31 || m < 0 || m > 30 {
			return b.newSet(members, forest.TruncateInt32)
		}
	}
	return b.newSet(members, forest.Exact)
}
