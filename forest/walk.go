package forest

import "math"

// The plain evaluator: a walk down each tree that follows the definitions in forest.go to the letter. It
// is what every kernel must equal bit for bit, and it runs whatever a kernel does not take.

// Plain writes the margins that [Margin] writes, by the plain walk alone. It is slow and allocates; it is
// here to be compared with.
func Plain[T float32 | float64](e *Evaluator, dst []float64, rows []T, from, to int) {
	f := e.forest
	x := make([]float64, f.Features)
	for len(rows) >= f.Features {
		widen(f, x, rows[:f.Features])
		f.plain(dst[:f.Outputs], x, from, to)
		rows, dst = rows[f.Features:], dst[f.Outputs:]
	}
}

// Leaves writes the library's own leaf number for each row and tree of the rounds [from, to) into dst,
// row-major. The lengths are the caller's to check.
func Leaves[T float32 | float64](e *Evaluator, dst []int32, rows []T, from, to int) {
	f := e.forest
	trees := f.Trees[f.Round(from):f.Round(to)]
	x := make([]float64, f.Features)
	for len(rows) >= f.Features {
		widen(f, x, rows[:f.Features])
		for i := range trees {
			dst[i] = trees[i].node(f.leaf(&trees[i], x)).ID
		}
		rows, dst = rows[f.Features:], dst[len(trees):]
	}
}

// widen rounds a row to the forest's input width and turns the sentinel into NaN.
func widen[T float32 | float64](f *Forest, x []float64, row []T) {
	for i, v := range row {
		x[i] = f.round(float64(v))
	}
}

func (f *Forest) round(v float64) float64 {
	if f.Input == Float32 {
		v = float64(float32(v))
	}
	if f.Sentinel != nil && v == *f.Sentinel {
		return math.NaN()
	}
	return v
}

func (f *Forest) plain(dst, x []float64, from, to int) {
	clear(dst)
	if !f.BaseLast {
		copy(dst, f.Base)
	}
	for i := f.Round(from); i < f.Round(to); i++ {
		t := &f.Trees[i]
		leaf := t.node(f.leaf(t, x))
		f.addLeaf(dst, t, &leaf, x)
	}
	f.finish(dst, from, to)
}

// leaf returns the index of the leaf that x falls into: among the nodes, or the leaves of a symmetric tree.
func (f *Forest) leaf(t *Tree, x []float64) int32 {
	i := int32(0)
	if t.symmetric() {
		for j := range t.Levels {
			n := &t.Levels[j]
			i <<= 1
			if !f.goesLeft(n, x[n.Feature]) {
				i |= 1
			}
		}
		return i
	}
	for {
		n := &t.Nodes[i]
		switch {
		case n.Feature == Leaf:
			return i
		case f.goesLeft(n, x[n.Feature]):
			i = n.Left
		default:
			i = n.Right
		}
	}
}

func (f *Forest) goesLeft(n *Node, x float64) bool {
	nan := x != x
	switch n.Missing {
	case NaN:
		if nan {
			return n.DefaultLeft
		}
	case NaNAsZero:
		if nan {
			x = 0
		}
	case ZeroAndNaN:
		if nan || math.Abs(x) <= ZeroLimit {
			return n.DefaultLeft
		}
	}
	switch n.Op {
	case Less:
		return x < n.Value
	case LessEqual:
		return x <= n.Value
	case Greater:
		return x > n.Value
	case GreaterEqual:
		return x >= n.Value
	case Equal:
		return x == n.Value
	case NotEqual:
		return x != n.Value
	default:
		return f.Sets[n.Ref].Has(x)
	}
}

// addLeaf adds leaf n of tree t to the sums in dst.
func (f *Forest) addLeaf(dst []float64, t *Tree, n *Node, x []float64) {
	if len(f.Vectors) == 0 {
		v := n.Value
		if len(f.Lines) > 0 && n.Ref >= 0 {
			v = f.Lines[n.Ref].at(x, n.Value)
		}
		dst[t.Output] = f.add(dst[t.Output], f.weigh(v, t.Weight))
		return
	}
	f.addVector(dst, t, uint32(n.Ref))
}

// addVector adds a vector leaf of tree t to the sums in dst.
func (f *Forest) addVector(dst []float64, t *Tree, vector uint32) {
	v := f.Vectors[int(vector)*f.Outputs:][:f.Outputs]
	for k := range dst {
		dst[k] = f.add(dst[k], f.weigh(v[k], t.Weight))
	}
}

// sumVectors32 adds output k of vector leaves to sum, in float32 as addVector does.
func (f *Forest) sumVectors32(sum float32, trees []Tree, leaves []uint32, k int) float32 {
	for i, leaf := range leaves {
		v := float32(f.Vectors[int(leaf)*f.Outputs+k])
		sum += float32(v * float32(trees[i].Weight)) // rounded before it is added, on any machine
	}
	return sum
}

func (f *Forest) add(a, b float64) float64 {
	if f.Sum == Float32 {
		return float64(float32(a) + float32(b))
	}
	return a + b
}

func (f *Forest) weigh(v, w float64) float64 {
	if f.Sum == Float32 {
		return float64(float32(v) * float32(w))
	}
	return float64(v * w)
}

// at is the value of a linear leaf for row x; plain is the leaf's value when a column is missing.
func (l *Line) at(x []float64, plain float64) float64 {
	v := l.Constant
	for i, c := range l.Coefficients {
		xi := x[l.Features[i]]
		if xi != xi {
			return plain
		}
		if math.Abs(xi) <= ZeroLimit {
			xi = 0
		}
		v += float64(c * xi)
	}
	return v
}

// finish turns the sums of a row over the rounds [from, to) into margins.
func (f *Forest) finish(dst []float64, from, to int) {
	if !f.Average && f.Scale == 0 && !f.BaseLast {
		return
	}
	base := f.Base
	if from > 0 && f.Later != nil {
		base = f.Later
	}
	for k, v := range dst {
		if f.Average && to > from {
			v = f.divide(v, float64(to-from))
		}
		if f.Scale != 0 {
			v = f.weigh(v, f.Scale)
		}
		if f.BaseLast && len(base) > 0 {
			v = f.add(v, base[k])
		}
		dst[k] = v
	}
}

func (f *Forest) divide(a, b float64) float64 {
	if f.Sum == Float32 {
		return float64(float32(a) / float32(b))
	}
	return a / b
}
