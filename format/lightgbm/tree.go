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

// A treeText is a tree as it lies in the file: the field of every key.
type treeText struct {
	*reader
	fields [keyCount]field
	met    []bool  // nodes that are somebody's child
	stack  []int32 // nodes to look at

	scanner strictjson.Scanner
}

// readTrees takes all trees, up to the line that ends them.
func (r *reader) readTrees() error {
	r.Features, r.Outputs = r.head.columns, r.head.outputs
	sizes := r.head.sizes
	n := sizes.count()
	list := sizes.values("tree_sizes", n)
	const least = 40 // bytes of a tree
	r.Trees = make([]forest.Tree, 0, min(n, len(r.data)/least+1))
	t := treeText{reader: r}
	for {
		start := r.lines
		line, ok := r.next()
		switch {
		case !ok && sizes.there():
			return fmt.Errorf("line %d: %w: %d trees of %d, and no %q", r.number, errShort, len(r.Trees), n, endMark)
		case !ok:
			return fmt.Errorf("line %d: %w: no %q", r.number, errShort, endMark)
		case bytes.Equal(line, endMark):
			if len(r.Trees) < n {
				return sizes.in("tree_sizes", fmt.Errorf("%d sizes for %d trees", n, len(r.Trees)))
			}
			return list.close()
		}
		i := len(r.Trees)
		if string(line) != fmt.Sprintf("%s%d", treeMark, i) {
			return fmt.Errorf("line %d: want tree %d, found %.40q", r.number, i, line)
		}
		if sizes.there() && i == n {
			return sizes.in("tree_sizes", fmt.Errorf("%d sizes, but there are more trees", n))
		}
		tree, err := t.read()
		if err != nil {
			return fmt.Errorf("tree %d: %w", i, err)
		}
		tree.Output = i % r.Outputs
		r.Trees = append(r.Trees, tree)
		if !sizes.there() {
			r.skipEmpty()
			continue
		}
		size := list.int(0, math.MaxInt32)
		if list.err != nil {
			return list.close()
		}
		if err := r.checkSize(start, size); err != nil {
			return sizes.in("tree_sizes", fmt.Errorf("tree %d %w", i, err))
		}
	}
}

// checkSize passes over the empty lines behind a tree, and wants it to have taken size bytes, with or without carriage
// returns.
func (r *reader) checkSize(start lines, size int64) error {
	r.skipEmpty()
	took := int64(r.pos - start.pos)
	if plain := took - int64(r.returns-start.returns); took != size && plain != size {
		return fmt.Errorf("has %d bytes, not %d", plain, size)
	}
	return nil
}

// read takes the lines of a tree, up to an empty one.
func (t *treeText) read() (forest.Tree, error) {
	t.fields = [keyCount]field{}
	for {
		line, ok := t.next()
		if !ok {
			return forest.Tree{}, fmt.Errorf("line %d: %w", t.number, errShort)
		}
		if len(line) == 0 {
			break
		}
		name, value, ok := bytes.Cut(line, []byte("="))
		if !ok {
			return forest.Tree{}, fmt.Errorf("line %d: %.40q is no key and value", t.number, line)
		}
		k := keyOf(name)
		if k == keyCount {
			continue // nothing that predicting needs
		}
		if f := t.fields[k]; f.there() {
			return forest.Tree{}, f.twice(keyNames[k], t.number)
		}
		t.fields[k] = field{value, t.number}
	}
	nodes, err := t.nodes()
	return forest.Tree{Nodes: nodes, Weight: 1}, err
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
func (t *treeText) need(k key) (field, error) {
	f := t.fields[k]
	if !f.there() {
		return f, fmt.Errorf("line %d: there is no %s", t.number, keyNames[k])
	}
	return f, nil
}

// whole returns the integer of a key, from least to most.
func (t *treeText) whole(k key, least, most int) (int, error) {
	f, err := t.need(k)
	if err != nil {
		return 0, err
	}
	return f.whole(keyNames[k], least, most)
}

// list begins to read the n values of a key. They take room for themselves and what is between them, so that n is known
// to be within the file.
func (t *treeText) list(k key, n int) (values, error) {
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

// nodes makes the nodes of a tree: first its splits, then its leaves.
func (t *treeText) nodes() ([]forest.Node, error) {
	leaves, err := t.whole(numLeaves, 1, forest.MaxNodes/2)
	if err != nil {
		return nil, err
	}
	categories, err := t.whole(numCat, 0, forest.MaxNodes)
	if err != nil {
		return nil, err
	}
	splits := leaves - 1
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
func (t *treeText) checkLengths(leaves int) error {
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
func (t *treeText) splits(nodes []forest.Node, splits int) error {
	src, err := t.list(splitFeature, splits)
	if err != nil {
		return err
	}
	for i := range splits {
		nodes[i].Feature = int32(src.int(0, int64(t.Features-1)))
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
func (t *treeText) reached(nodes []forest.Node) int {
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
func (t *treeText) child(src *values, splits int) int32 {
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
func (t *treeText) rules(nodes []forest.Node, categories int) error {
	first, err := t.sets(categories)
	if err != nil {
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
		*n = forest.Node{Feature: n.Feature, Left: n.Left, Right: n.Right, Op: forest.In, Ref: first + int32(set)}
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

// sets reads the category sets of a tree and returns the index of the first: a list of 32-bit words, and where each set
// begins in it.
func (t *treeText) sets(n int) (int32, error) {
	first := int32(len(t.Sets))
	if n == 0 {
		return first, nil
	}
	bounds, err := t.list(catBoundaries, n+1)
	if err != nil {
		return 0, err
	}
	words, err := t.need(catThreshold)
	if err != nil {
		return 0, err
	}
	total := words.count()
	src := words.values(keyNames[catThreshold], total)
	all := make([]uint64, (total+n+1)/2)
	if begin := bounds.int(0, 0); begin != 0 {
		bounds.fail("the first is %d, not 0", begin)
	}
	at := int64(0)
	for range n {
		end := bounds.int(at, int64(total))
		if bounds.err != nil {
			break
		}
		size := (end - at + 1) / 2
		bits := all[:size:size]
		all = all[size:]
		for i := range end - at {
			bits[i/2] |= uint64(src.int(0, math.MaxUint32)) << (i % 2 * 32)
		}
		at = end
		t.Sets = append(t.Sets, trimmed(bits))
	}
	if at < int64(total) {
		bounds.fail("the last is %d, but cat_threshold has %d words", at, total)
	}
	if err := bounds.close(); err != nil {
		return 0, err
	}
	if err := src.close(); err != nil {
		return 0, err
	}
	return first, nil
}

// trimmed returns a set without the empty words at its ends.
func trimmed(bits []uint64) forest.Set {
	begin, end := 0, len(bits)
	for begin < end && bits[begin] == 0 {
		begin++
	}
	for end > begin && bits[end-1] == 0 {
		end--
	}
	return forest.Set{First: uint32(begin), Bits: bits[begin:end], Cast: forest.TruncateInt32}
}
