package xgboost

import (
	"errors"
	"fmt"
	"slices"

	"github.com/besra-ml/besra/forest"
)

const (
	numerical   = 0
	categorical = 1

	// noCategory is the first number that is no category to XGBoost, 2^24: beyond it float32 cannot count.
	noCategory = 1 << 24
)

// A setReader reads the category sets of a tree: for each categorical node, in order, a segment of one
// list of categories.
type setReader struct {
	categories []int32
	nodes      []int32
	begins     []int64
	sizes      []int64
	used       int
}

func (s *setReader) reset() {
	s.categories, s.nodes, s.begins, s.sizes = s.categories[:0], s.nodes[:0], s.begins[:0], s.sizes[:0]
	s.used = 0
}

func (s *setReader) member(r *reader, key []byte) (err error) {
	switch string(key) {
	case "categories":
		s.categories, err = r.Ints(s.categories)
	case "categories_nodes":
		s.nodes, err = r.Ints(s.nodes)
	case "categories_segments":
		s.begins, err = r.Longs(s.begins)
	case "categories_sizes":
		s.sizes, err = r.Longs(s.sizes)
	}
	return err
}

// check holds the segments against the list, and the nodes against split_type.
func (s *setReader) check(kind []int32) error {
	if len(s.nodes) != len(s.begins) || len(s.nodes) != len(s.sizes) {
		return fmt.Errorf("categories_nodes has %d values, categories_segments %d, categories_sizes %d",
			len(s.nodes), len(s.begins), len(s.sizes))
	}
	for i, n := range s.nodes {
		if n < 0 || int(n) >= len(kind) || kind[n] != categorical {
			return fmt.Errorf("categories_nodes: node %d is not categorical", n)
		}
		if i > 0 && n <= s.nodes[i-1] {
			return fmt.Errorf("categories_nodes: node %d after node %d", n, s.nodes[i-1])
		}
		begin, size, all := s.begins[i], s.sizes[i], int64(len(s.categories))
		if begin < 0 || size < 1 || begin > all || size > all-begin {
			return fmt.Errorf("node %d: categories from %d, %d of them, in a list of %d", n, begin, size, all)
		}
	}
	for i, c := range s.categories {
		if c < 0 || c >= noCategory {
			return fmt.Errorf("categories: value %d is %d", i, c)
		}
	}
	for i, k := range kind {
		if k != numerical && k != categorical {
			return fmt.Errorf("node %d: split_type %d", i, k)
		}
	}
	return nil
}

// next returns the set of a categorical node; nodes come in ascending order.
func (s *setReader) next(r *reader, node int) (int32, error) {
	for s.used < len(s.nodes) && int(s.nodes[s.used]) < node {
		s.used++ // a leaf that was a split before it was pruned
	}
	if s.used == len(s.nodes) || int(s.nodes[s.used]) != node {
		return 0, errors.New("a categorical split without categories")
	}
	begin, size := s.begins[s.used], s.sizes[s.used]
	s.used++
	list := s.categories[begin : begin+size]
	first, last := slices.Min(list)/64, slices.Max(list)/64
	// A set takes a bit for every category between its ends: eight bytes of file could ask for 2 MB.
	t := &r.trees
	if t.setBytes += 8 * int(last-first+1); t.setBytes > 4<<20+32*r.size {
		return 0, fmt.Errorf("the category sets up to here take %d bytes, from a file of %d", t.setBytes, r.size)
	}
	set := forest.Set{First: uint32(first), Bits: make([]uint64, last-first+1), Cast: forest.Truncate}
	for _, c := range list {
		set.Bits[c/64-first] |= 1 << (c % 64)
	}
	t.sets = append(t.sets, set)
	return int32(len(t.sets) - 1), nil
}
