package onnx

import (
	"errors"
	"fmt"
	"math"

	"github.com/besra-ml/besra/forest"
)

// The operators of trees until ai.onnx.ml 4: a node for each place in lists of equal length, leaves' weights in lists of
// their own.

func (c *call) treeRegressor() ([]*value, error) {
	e := &ensemble{op: c.node.op}
	n := c.integer("n_targets", 0)
	if n < 1 || n > forest.MaxOutputs {
		return nil, fmt.Errorf("attribute n_targets is %d", n)
	}
	e.classes = int(n)
	return one(c.readTrees(e, "target"))
}

func (c *call) treeClassifier() ([]*value, error) {
	e := &ensemble{op: c.node.op, classifier: true}
	e.labels = c.classLabels("classlabels_int64s", "classlabels_strings")
	if c.attribute("classlabels_int64s") != nil && len(c.textsOf("classlabels_strings")) > 0 && len(c.integers("classlabels_int64s")) > 0 {
		return nil, errors.New("both classlabels_int64s and classlabels_strings")
	}
	if e.classes = len(e.labels); e.classes < 1 || e.classes > forest.MaxOutputs {
		return nil, fmt.Errorf("%d class labels", e.classes)
	}
	v, err := c.readTrees(e, "class")
	return []*value{nil, v}, err
}

// readTrees reads the lists; votes are those that are called what: target or class.
func (c *call) readTrees(e *ensemble, what string) (*value, error) {
	v, err := c.row()
	if err != nil {
		return nil, err
	}
	e.inputs, e.wide, e.scores = v.cells, v.kind == float64s, float32s
	if e.link, err = transform(c.text("post_transform", "NONE")); err != nil {
		return nil, err
	}
	if e.base, err = c.numbers("base_values"); err != nil {
		return nil, err
	}
	n := nodeLists{call: c, ensemble: e}
	if err := n.read(); err != nil {
		return nil, err
	}
	if err := n.readVotes(what); err != nil {
		return nil, err
	}
	if err := e.aggregate(c.text("aggregate_function", "SUM")); err != nil {
		return nil, err
	}
	return c.finish(e)
}

// A source is a list of floats, or a tensor of doubles in its place.
type source struct {
	list   list
	tensor *tensor
	count  int
	at     int
}

func (s *source) next() float64 {
	if s.tensor == nil {
		return float64(s.list.float())
	}
	s.at++
	switch {
	case s.at > s.tensor.count:
		return 0
	case s.tensor.isRaw:
		return s.tensor.rawNumber(s.at - 1)
	case s.tensor.kind == float64s:
		return s.list.double()
	}
	return float64(s.list.float())
}

// source returns the list of that name, or the tensor called name_as_tensor.
func (c *call) source(name string) (source, error) {
	a, t := c.attribute(name), c.attribute(name+"_as_tensor")
	if t == nil || t.tensor == nil {
		if a == nil {
			return source{}, nil
		}
		return source{list: floatsOf(a), count: a.floats}, nil
	}
	if a != nil && a.floats > 0 {
		return source{}, fmt.Errorf("both attribute %s and %s_as_tensor", name, name)
	}
	return c.tensorSource(name + "_as_tensor")
}

// tensorSource reads an attribute that is a tensor of floats or doubles, as wide as the input.
func (c *call) tensorSource(name string) (source, error) {
	a := c.attribute(name)
	if a == nil || a.tensor == nil {
		return source{}, nil
	}
	t, err := readTensor(a.tensor)
	if err != nil {
		return source{}, fmt.Errorf("attribute %s: %w", name, err)
	}
	if !t.kind.isFloat() || (t.kind == float64s) != (c.in[0].kind == float64s) {
		return source{}, fmt.Errorf("attribute %s: %v for an input of %v", name, t.kind, c.in[0].kind)
	}
	return source{list: t.elements(), tensor: &t, count: t.count}, nil
}

// numbers returns all of a source.
func (c *call) numbers(name string) ([]float64, error) {
	s, err := c.source(name)
	if err != nil {
		return nil, err
	}
	if err := c.charge(s.count); err != nil {
		return nil, err
	}
	var out []float64
	for range s.count {
		out = append(out, s.next())
	}
	return out, nil
}

// nodeLists are the lists of nodes.
type nodeLists struct {
	*call
	*ensemble

	places []places // of each tree
	ids    map[int64]int32
}

// places tells where a tree's nodes are, by their ids.
type places struct {
	first int64           // id of the first node
	size  int             // how many follow it, each with the next id
	other map[int64]int32 // in place of the two
}

func (p *places) find(id int64) (int32, bool) {
	if p.other != nil {
		i, ok := p.other[id]
		return i, ok
	}
	if i := id - p.first; i >= 0 && i < int64(p.size) {
		return int32(i), true
	}
	return 0, false
}

// read makes trees of the lists. The nodes of a tree stand together; the first is its root.
func (n *nodeLists) read() error {
	count, err := n.lengths()
	if err != nil {
		return err
	}
	tree, id := integersOf(n.attribute("nodes_treeids")), integersOf(n.attribute("nodes_nodeids"))
	n.ids = map[int64]int32{}
	var sizes []int
	last := int64(math.MinInt64)
	for i := range count {
		t, k := tree.integer(), id.integer()
		if i == 0 || t != last {
			if _, ok := n.ids[t]; ok {
				return fmt.Errorf("tree %d: its nodes do not stand together", t)
			}
			n.ids[t] = int32(len(sizes))
			sizes = append(sizes, 0)
			n.places = append(n.places, places{first: k})
			last = t
		}
		p := &n.places[len(n.places)-1]
		at := sizes[len(sizes)-1]
		if p.other == nil && k != p.first+int64(at) {
			p.other = make(map[int64]int32, at+1)
			for j := range at {
				p.other[p.first+int64(j)] = int32(j)
			}
		}
		if p.other != nil {
			if _, ok := p.other[k]; ok {
				return fmt.Errorf("tree %d: two nodes have the id %d", t, k)
			}
			p.other[k] = int32(at)
		}
		sizes[len(sizes)-1]++
		p.size++
	}
	n.trees = make([]forest.Tree, len(sizes))
	nodes := make([]forest.Node, count)
	for i, size := range sizes {
		n.trees[i].Nodes, nodes = nodes[:size:size], nodes[size:]
	}
	return n.fill()
}

// lengths wants all lists of nodes to be equally long.
func (n *nodeLists) lengths() (int, error) {
	modes := n.attribute("nodes_modes")
	if modes == nil || modes.texts == 0 {
		return 0, errors.New("no nodes_modes")
	}
	if modes.texts > forest.MaxNodes {
		return 0, fmt.Errorf("%d nodes", modes.texts)
	}
	for _, name := range []string{"nodes_treeids", "nodes_nodeids", "nodes_featureids", "nodes_truenodeids", "nodes_falsenodeids"} {
		length := 0
		if a := n.attribute(name); a != nil {
			length = a.integers
		}
		if length != modes.texts {
			return 0, fmt.Errorf("attribute %s: %d values for %d nodes", name, length, modes.texts)
		}
	}
	return modes.texts, nil
}

// fill reads the nodes themselves.
func (n *nodeLists) fill() error {
	features, whenTrue, whenFalse := integersOf(n.attribute("nodes_featureids")), integersOf(n.attribute("nodes_truenodeids")), integersOf(n.attribute("nodes_falsenodeids"))
	modes := list{rest: n.attribute("nodes_modes").list, num: attributeStrings}
	id := integersOf(n.attribute("nodes_nodeids"))
	thresholds, err := n.source("nodes_values")
	if err != nil {
		return err
	}
	tracks := integersOf(n.attribute("nodes_missing_value_tracks_true"))
	total, tracked := 0, false
	for i := range n.trees {
		nodes := n.trees[i].Nodes
		total += len(nodes)
		for j := range nodes {
			node := &nodes[j]
			feature, yes, no, track := features.integer(), whenTrue.integer(), whenFalse.integer(), tracks.integer() == 1
			node.Value = thresholds.next()
			tracked = tracked || track
			if node.ID = int32(id.integer()); !n.mode(node, modes.bytes(), track) {
				return fmt.Errorf("tree %d, node %d: an unknown mode", i, node.ID)
			}
			if node.Feature == forest.Leaf {
				node.Value = 0
				continue
			}
			if feature < 0 || feature >= int64(len(n.inputs)) {
				return fmt.Errorf("tree %d, node %d: feature %d of %d", i, node.ID, feature, len(n.inputs))
			}
			node.Feature = int32(feature)
			var okYes, okNo bool
			node.Left, okYes = n.places[i].find(yes)
			node.Right, okNo = n.places[i].find(no)
			if !okYes || !okNo {
				return fmt.Errorf("tree %d, node %d: children %d and %d are no nodes of the tree", i, node.ID, yes, no)
			}
		}
	}
	if thresholds.count != total {
		return fmt.Errorf("attribute nodes_values: %d values for %d nodes", thresholds.count, total)
	}
	n.tracked, n.untracked = n.tracked || tracked, n.untracked || !tracked
	return nil
}

// mode notes how a node compares. What is true goes left.
func (n *nodeLists) mode(node *forest.Node, text []byte, track bool) bool {
	node.DefaultLeft = track
	switch string(text) {
	case "LEAF":
		node.Feature = forest.Leaf
	case "BRANCH_LEQ":
		node.Op = forest.LessEqual
	case "BRANCH_LT":
		node.Op = forest.Less
	case "BRANCH_GTE":
		node.Op = forest.GreaterEqual
	case "BRANCH_GT":
		node.Op = forest.Greater
	case "BRANCH_EQ":
		node.Op = forest.Equal
	case "BRANCH_NEQ":
		node.Op = forest.NotEqual
		node.DefaultLeft = true // NaN equals nothing
	default:
		return false
	}
	return true
}

// readVotes notes where the weights of leaves are.
func (n *nodeLists) readVotes(what string) error {
	weights, err := n.source(what + "_weights")
	if err != nil {
		return err
	}
	var lists [3]*attribute
	for i, name := range []string{"_ids", "_nodeids", "_treeids"} {
		lists[i] = n.attribute(what + name)
		length := 0
		if lists[i] != nil {
			length = lists[i].integers
		}
		if length != weights.count {
			return fmt.Errorf("attribute %s%s: %d values for %d weights", what, name, length, weights.count)
		}
	}
	class, node, tree := lists[0], lists[1], lists[2]
	places, ids := n.places, n.ids
	n.votes = func(vote func(tree, leaf int32, class int64, weight float64) error) error {
		classes, nodes, trees, weights := integersOf(class), integersOf(node), integersOf(tree), weights
		last, at := int64(math.MinInt64), int32(-1)
		for range weights.count {
			t, k := trees.integer(), nodes.integer()
			if t != last || at < 0 {
				var ok bool
				if at, ok = ids[t]; !ok {
					return fmt.Errorf("a weight of node %d of tree %d, which is not there", k, t)
				}
				last = t
			}
			leaf, ok := places[at].find(k)
			if !ok {
				return fmt.Errorf("a weight of node %d of tree %d, which is not there", k, t)
			}
			if err := vote(at, leaf, classes.integer(), weights.next()); err != nil {
				return fmt.Errorf("tree %d, node %d: %w", t, k, err)
			}
		}
		return nil
	}
	return nil
}
