// Package forest holds ensembles of decision trees and evaluates them.
//
// A [Forest] is plain data, wide enough for every library that besra reads: what differs between them
// (comparison, width, missing values, categories, order and width of the sum) is a field here and never
// code in a format. [Compile] checks a Forest and turns it into an [Evaluator], the only way to run one.
package forest

import "math"

// Width is a width of floating-point arithmetic.
type Width uint8

// The widths.
const (
	Float64 Width = iota
	Float32
)

// Op says which values of a feature go to the left child.
type Op uint8

// The comparisons of a value x with a threshold t.
const (
	Less         Op = iota // x < t goes left
	LessEqual              // x <= t goes left
	Greater                // x > t goes left
	GreaterEqual           // x >= t goes left
	Equal                  // x == t goes left
	NotEqual               // x != t goes left
	In                     // x is in the category set goes left
	opCount
)

// Missing says what a split takes for missing; a missing value goes in the default direction.
type Missing uint8

// The rules for missing values.
const (
	NaN        Missing = iota // NaN is missing
	NaNAsZero                 // nothing is missing: NaN is read as 0
	ZeroAndNaN                // zeros (|x| <= ZeroLimit) and NaN are missing
	missingCount
)

// ZeroLimit bounds what [ZeroAndNaN] calls zero: LightGBM's kZeroThreshold, the float32 1e-35 as a double.
const ZeroLimit = float64(float32(1e-35))

// Leaf is the Feature of a leaf.
const Leaf = -1

// A Node is a split or a leaf.
type Node struct {
	Value       float64 // a split's threshold; a leaf's value
	Feature     int32   // the column that a split reads; [Leaf] for a leaf
	Left, Right int32   // a split's children, by index in the tree
	Ref         int32   // a split by [In]: index in Forest.Sets; a leaf: index in Forest.Vectors or Forest.Lines
	ID          int32   // a leaf's number in the library's own leaf prediction
	Op          Op
	Missing     Missing
	DefaultLeft bool // where a missing value goes
}

// A Tree is a list of nodes; the first is its root. Or it is symmetric: its splits are the same all along a level, and it
// has no nodes, but a split for each level, the root's first, and leaves. A split says one bit of a leaf's number, the
// root's the highest: 0 to the left, 1 to the right. That number is its place in Leaves and its ID.
type Tree struct {
	Nodes  []Node
	Levels []Node    // without children; at most 16
	Leaves []float64 // of scalar leaves, 1<<len(Levels); nil: the tree has nodes
	Output int       // the output that scalar leaves are added to
	Weight float64   // what a leaf is multiplied by, in the width of the sum; 1 but for DART
}

// Cast says how a value becomes the category that a set is asked for.
type Cast uint8

// The casts. A value that becomes no category is in no set.
const (
	Exact         Cast = iota // whole numbers only
	Truncate                  // toward zero, negative values excluded before the cut (XGBoost)
	TruncateInt32             // toward zero as x86 casts to int32: -0.5 is 0, out of range is negative (LightGBM)
	castCount
)

// A Set is a set of categories, from 0. It has words for the range of its categories only, since one may be
// large and alone.
type Set struct {
	First uint32   // the word that Bits begins with
	Bits  []uint64 // bit c%64 of word c/64-First says whether category c is in
	Cast  Cast
}

// category returns the category that x becomes; ok is false when it becomes none.
func (c Cast) category(x float64) (category uint64, ok bool) {
	if c == TruncateInt32 && x > -1 && x < 0 {
		x = 0
	}
	if !(x >= 0 && x < 1<<32) || c == Exact && x != math.Floor(x) || c == TruncateInt32 && x >= 1<<31 {
		return 0, false
	}
	return uint64(x), true
}

// Has reports whether x is in the set.
func (s *Set) Has(x float64) bool {
	c, ok := s.Cast.category(x)
	word := c/64 - uint64(s.First) // far beyond Bits when it is before them
	return ok && word < uint64(len(s.Bits)) && s.Bits[word]>>(c%64)&1 != 0
}

// A Line is a leaf that is a linear function of the row: Constant plus the sum of Coefficients[i] times
// column Features[i], in that order, where numbers within [ZeroLimit] of zero count as zero. When one of those columns is
// NaN the leaf's plain value counts.
type Line struct {
	Constant     float64
	Coefficients []float64
	Features     []int32
}

// A Forest is an ensemble of trees and how their leaves become margins.
//
// The margin of an output is the sum of its leaves, in the order of the trees and in the width Sum. Base
// comes first, or last with BaseLast; Average and Scale apply to the sum before a last Base.
type Forest struct {
	Features int   // columns of a row
	Outputs  int   // margins of a row
	Input    Width // rows are rounded to this width before anything is compared
	Sum      Width // leaves are weighted and added in this width

	Trees  []Tree
	Rounds []int // the first tree of each boosting round, then the number of trees; nil: a tree a round

	Sets    []Set     // the category sets that splits refer to
	Vectors []float64 // vector leaves, Outputs values each; when not empty every leaf is one
	Lines   []Line    // linear leaves; a leaf with Ref < 0 is plain

	Sentinel *float64 // a value of the input width that is missing beside NaN; nil: none

	Base     []float64 // a value for each output; nil: 0
	Later    []float64 // what stands for a last Base in a range of rounds that begins behind the first; nil: Base
	BaseLast bool      // Base is added after the sum, not before it
	Average  bool      // the sum is divided by the number of rounds that were summed
	Scale    float64   // what the sum is multiplied by; 0 counts as 1
}

// NumRounds returns the number of boosting rounds.
func (f *Forest) NumRounds() int {
	if f.Rounds == nil {
		return len(f.Trees)
	}
	return len(f.Rounds) - 1
}

// Round returns the index of the first tree of round i; of NumRounds, the number of trees.
func (f *Forest) Round(i int) int {
	if f.Rounds == nil {
		return i
	}
	return f.Rounds[i]
}
