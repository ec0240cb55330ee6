package lightgbm

import (
	"bytes"
	"fmt"
	"math"

	"github.com/besra-ml/besra/forest"
	"github.com/besra-ml/besra/internal/strictjson"
)

// A key is what a line of a tree says.
type key uint8

// The keys of a tree, in the order in which LightGBM writes them.
const (
	numLeaves key = iota
	numCat
	splitFeature
	splitGain
	threshold
	decisionType
	leftChild
	rightChild
	leafValue
	leafWeight
	leafCount
	internalValue
	internalWeight
	internalCount
	catBoundaries
	catThreshold
	isLinear
	leafConst
	numFeatures
	leafFeatures
	leafCoeff
	shrinkage
	keyCount
)

var keyNames = [keyCount]string{
	"num_leaves", "num_cat", "split_feature", "split_gain", "threshold", "decision_type", "left_child", "right_child",
	"leaf_value", "leaf_weight", "leaf_count", "internal_value", "internal_weight", "internal_count",
	"cat_boundaries", "cat_threshold", "is_linear", "leaf_const", "num_features", "leaf_features", "leaf_coeff", "shrinkage",
}

// A tree is what a file says of one: splits first, then leaves; and the category sets and lines that they refer to.
type tree struct {
	nodes []forest.Node
	sets  []forest.Set
	lines []forest.Line
}

// A treeReader reads one tree after the other.
type treeReader struct {
	lines
	tree
	columns int // of the model
	first   int // line of the tree
	fields  [keyCount]field

	met     []bool  // nodes that are somebody's child
	stack   []int32 // nodes to look at
	scanner strictjson.Scanner
}

// read takes a tree apart: its number, lines up to an empty one, nothing behind it.
func (t *treeReader) read(text lines) (tree, error) {
	t.lines, t.tree, t.fields = text, tree{}, [keyCount]field{}
	t.next() // its number
	t.first = t.number
	if err := t.readFields(); err != nil {
		return tree{}, err
	}
	var err error
	t.nodes, err = t.readNodes()
	return t.tree, err
}

func (t *treeReader) readFields() error {
	for {
		line, ok := t.next()
		if !ok {
			return fmt.Errorf("line %d: no empty line follows", t.number)
		}
		if len(line) == 0 {
			break
		}
		name, value, ok := bytes.Cut(line, []byte("="))
		if !ok {
			return fmt.Errorf("line %d: %.40q is no key and value", t.number, line)
		}
		k := keyOf(name)
		if k == keyCount {
			continue // nothing that predicting needs
		}
		if f := t.fields[k]; f.there() {
			return f.twice(keyNames[k], t.number)
		}
		t.fields[k] = field{value, t.number}
	}
	if line, ok := t.solid(); ok {
		return fmt.Errorf("line %d: %.40q behind an empty line", t.number, line)
	}
	return nil
}

func keyOf(name []byte) key {
	for k := range keyCount {
		if keyNames[k] == string(name) {
			return k
		}
	}
	return keyCount
}

// need returns the field of a key that must be there.
func (t *treeReader) need(k key) (field, error) {
	f := t.fields[k]
	if !f.there() {
		return f, fmt.Errorf("line %d: there is no %s", t.first, keyNames[k])
	}
	return f, nil
}

// whole returns the integer of a key, from least to most.
func (t *treeReader) whole(k key, least, most int) (int, error) {
	f, err := t.need(k)
	if err != nil {
		return 0, err
	}
	return f.whole(keyNames[k], least, most)
}

// list begins to read the n values of a key. They take room for themselves and what is between them, so that n is known
// to be within the file.
func (t *treeReader) list(k key, n int) (values, error) {
	f, err := t.need(k)
	if err != nil {
		return values{}, err
	}
	if len(f.value) < 2*n-1 {
		return values{}, f.in(keyNames[k], fmt.Errorf("there are %d values, not %d", f.count(), n))
	}
	v := f.values(keyNames[k], n)
	v.scanner = &t.scanner
	return v, nil
}

// readNodes makes the nodes of a tree: first its splits, then its leaves.
func (t *treeReader) readNodes() ([]forest.Node, error) {
	leaves, err := t.whole(numLeaves, 1, forest.MaxNodes/2)
	if err != nil {
		return nil, err
	}
	categories, err := t.whole(numCat, 0, forest.MaxNodes)
	if err != nil {
		return nil, err
	}
	splits := leaves - 1
	if splits > 0 && categories > splits {
		return nil, t.fields[numCat].in(keyNames[numCat], fmt.Errorf("%d category sets for %d splits", categories, splits))
	}
	src, err := t.list(leafValue, leaves)
	if err != nil {
		return nil, err
	}
	nodes := make([]forest.Node, splits+leaves)
	for i := range leaves {
		nodes[splits+i] = forest.Node{Feature: forest.Leaf, Value: src.finite(), ID: int32(i), Ref: -1}
	}
	if err := src.close(); err != nil {
		return nil, err
	}
	if err := t.linearLeaves(nodes[splits:]); err != nil {
		return nil, err
	}
	if splits == 0 {
		return nodes, nil
	}
	if err := t.checkLengths(leaves); err != nil {
		return nil, err
	}
	if err := t.splits(nodes, splits); err != nil {
		return nil, err
	}
	return nodes, t.rules(nodes[:splits], categories)
}

// checkLengths wants the lists that nobody reads to be as long as they should.
func (t *treeReader) checkLengths(leaves int) error {
	for _, k := range []key{splitGain, leafWeight, leafCount, internalValue, internalWeight, internalCount} {
		want := leaves - 1
		if k == leafWeight || k == leafCount {
			want = leaves
		}
		if f := t.fields[k]; len(f.value) > 0 && !f.counts(want) {
			return f.in(keyNames[k], fmt.Errorf("there are %d values, not %d", f.count(), want))
		}
	}
	return nil
}

// splits reads features and children.
func (t *treeReader) splits(nodes []forest.Node, splits int) error {
	src, err := t.list(splitFeature, splits)
	if err != nil {
		return err
	}
	for i := range splits {
		nodes[i].Feature = int32(src.int(0, int64(t.columns-1)))
	}
	if err := src.close(); err != nil {
		return err
	}
	t.met = append(t.met[:0], make([]bool, len(nodes))...)
	t.met[0] = true // the root
	if src, err = t.list(leftChild, splits); err != nil {
		return err
	}
	for i := range splits {
		nodes[i].Left = t.child(&src, splits)
	}
	if err := src.close(); err != nil {
		return err
	}
	if src, err = t.list(rightChild, splits); err != nil {
		return err
	}
	for i := range splits {
		nodes[i].Right = t.child(&src, splits)
	}
	if err := src.close(); err != nil {
		return err
	}
	if n := t.reached(nodes); n < len(nodes) {
		return src.in(src.key, fmt.Errorf("no way leads from the root to %d of %d splits and leaves", len(nodes)-n, len(nodes)))
	}
	return nil
}

// reached returns the number of nodes that can be reached from the root. No two splits share a child: there are no circles
// on the way.
func (t *treeReader) reached(nodes []forest.Node) int {
	n := 0
	t.stack = append(t.stack[:0], 0)
	for len(t.stack) > 0 {
		last := len(t.stack) - 1
		node := &nodes[t.stack[last]]
		t.stack = t.stack[:last]
		n++
		if node.Feature != forest.Leaf {
			t.stack = append(t.stack, node.Left, node.Right)
		}
	}
	return n
}

// child takes a child's number, which is negative for leaves, and returns its place among the nodes. No two splits share
// one.
func (t *treeReader) child(src *values, splits int) int32 {
	c := src.int(int64(-splits-1), int64(splits-1))
	place := c
	if c < 0 {
		place = int64(splits) - c - 1
	}
	if t.met[place] {
		src.fail("value %d is %d, which has a parent already or is the root", src.i-1, c)
	}
	t.met[place] = true
	return int32(place)
}

// The bits of a decision_type.
const (
	categoricalBit = 1
	defaultLeftBit = 2
	missingShift   = 2
	mostDecision   = 11 // default left, NaN is missing
)

// rules reads thresholds, and what splits do with them.
func (t *treeReader) rules(nodes []forest.Node, categories int) error {
	if err := t.readSets(categories); err != nil {
		return err
	}
	src, err := t.list(threshold, len(nodes))
	if err != nil {
		return err
	}
	for i := range nodes {
		nodes[i].Value = src.float()
	}
	if err := src.close(); err != nil {
		return err
	}
	decisions := values{}
	if t.fields[decisionType].there() {
		if decisions, err = t.list(decisionType, len(nodes)); err != nil {
			return err
		}
	}
	for i := range nodes {
		kind := int64(0)
		if decisions.there() {
			kind = decisions.int(0, mostDecision)
		}
		n := &nodes[i]
		if kind&categoricalBit == 0 {
			n.Op = forest.LessEqual
			n.DefaultLeft = kind&defaultLeftBit != 0
			n.Missing = [...]forest.Missing{forest.NaNAsZero, forest.ZeroAndNaN, forest.NaN}[kind>>missingShift]
			n.Value = aroundZero(n.Value)
			continue
		}
		set := n.Value // the number of its categories' set
		if !(set >= 0 && set < float64(categories)) || set != math.Trunc(set) {
			return src.in(src.key, fmt.Errorf("value %d is %v, which is none of the tree's %d category sets", i, set, categories))
		}
		// What is in no set, a missing value too, goes right.
		*n = forest.Node{Feature: n.Feature, Left: n.Left, Right: n.Right, Op: forest.In, Ref: int32(set)}
	}
	return decisions.close()
}

// aroundZero returns the threshold that does for every number what t does when numbers within [forest.ZeroLimit] of zero
// are read as zero: before its trees see a row, LightGBM drops them.
func aroundZero(t float64) float64 {
	switch {
	case math.Abs(t) > forest.ZeroLimit:
		return t
	case t < 0:
		return math.Nextafter(-forest.ZeroLimit, math.Inf(-1))
	}
	return forest.ZeroLimit
}
