package forest

import (
	"cmp"
	"hash/maphash"
	"math"
	"slices"
)

// Kernels compare by order. A split by equality or by a category set is decided when a row is loaded, once
// however many trees ask the same, and its outcome becomes a key of its own: below all when the row goes
// left, above all when it goes right.

// An outcome is such a split, apart from its place in a tree.
type outcome struct {
	feature     int32
	set         int32  // of equal sets, the first; -1 without one
	value       uint64 // the threshold's bits
	cast        Cast
	op          Op
	missing     Missing
	defaultLeft bool
}

// outcomes are the distinct outcomes of a forest. Each has a slot, counted from the first.
type outcomes struct {
	slots  map[outcome]int
	same   []int32 // for each set, the first that equals it
	walked []bool  // trees whose outcomes would cost more than walking them
	tables []table // outcomes of sets, by look-up
	loose  []Node  // the others, one by one, in the slots behind the tables'
}

// An asked is an outcome and one of the splits that ask it.
type asked struct {
	outcome
	split *Node
}

// From a table an outcome costs about a nanosecond, by itself looseCost; and treeCost is what walking a
// tree would.
const (
	looseCost = 8
	treeCost  = 64
)

// gather finds the outcomes of a forest and gives them their slots.
func gather(f *Forest) outcomes {
	o := outcomes{slots: map[outcome]int{}, walked: make([]bool, len(f.Trees))}
	if !f.anyNode(func(n *Node) bool { return n.Op >= Equal }) {
		return o
	}
	o.same = firstEqual(f.Sets)
	var all []asked
	cost := 0
	for i := range f.Trees {
		added, price := o.ask(f, &f.Trees[i], len(all))
		if cost+price > treeCost*(len(f.Trees)+1) {
			o.walked[i] = true
			for _, a := range added {
				delete(o.slots, a.outcome)
			}
			continue
		}
		cost += price
		all = append(all, added...)
	}
	o.arrange(f, all)
	return o
}

// ask returns the outcomes that tree t is the first to ask, and what deciding them costs.
func (o *outcomes) ask(f *Forest, t *Tree, known int) (added []asked, cost int) {
	for n := range t.splits() {
		if n.Op < Equal {
			continue
		}
		out := o.of(f, n)
		if _, ok := o.slots[out]; ok {
			continue
		}
		o.slots[out] = known + len(added)
		added = append(added, asked{out, n})
		if out.op == In && out.missing != ZeroAndNaN {
			cost++
		} else {
			cost += looseCost
		}
	}
	return added, cost
}

// arrange makes tables of outcomes that one look-up can decide, and gives all outcomes their slots: those of
// the tables first.
func (o *outcomes) arrange(f *Forest, all []asked) {
	slices.SortStableFunc(all, func(a, b asked) int { return a.compare(b) })
	budget := tableBudget(f)
	var looked, loose []asked
	for len(all) > 0 {
		n := 1
		for n < len(all) && all[n].compare(all[0]) == 0 {
			n++
		}
		if t, ok := newTable(f, all[:n], budget); ok {
			budget -= len(t.bits)
			o.tables = append(o.tables, t)
			looked = append(looked, all[:n]...)
		} else {
			loose = append(loose, all[:n]...)
		}
		all = all[n:]
	}
	for _, a := range loose {
		o.loose = append(o.loose, *a.split)
	}
	for i, a := range append(looked, loose...) {
		o.slots[a.outcome] = i
	}
}

// compare orders outcomes so that those that a table may decide together are equal.
func (a asked) compare(b asked) int {
	return cmp.Or(cmp.Compare(a.op, b.op), cmp.Compare(a.feature, b.feature),
		cmp.Compare(a.cast, b.cast), cmp.Compare(a.missing, b.missing))
}

// firstEqual returns, for each set, the index of the first that equals it.
func firstEqual(sets []Set) []int32 {
	same := make([]int32, len(sets))
	alike := make(map[uint64][]int32, len(sets)) // by hash
	seed := maphash.MakeSeed()
	for i := range sets {
		s := &sets[i]
		hash := maphash.Comparable(seed, [2]uint64{uint64(s.First), uint64(s.Cast)})
		for _, w := range s.Bits {
			hash = maphash.Comparable(seed, [2]uint64{hash, w})
		}
		same[i] = int32(i)
		for _, j := range alike[hash] {
			if t := &sets[j]; t.First == s.First && t.Cast == s.Cast && slices.Equal(t.Bits, s.Bits) {
				same[i] = j
			}
		}
		if same[i] == int32(i) {
			alike[hash] = append(alike[hash], int32(i))
		}
	}
	return same
}

func (o *outcomes) of(f *Forest, n *Node) outcome {
	out := outcome{feature: n.Feature, set: -1, op: n.Op, missing: n.Missing, defaultLeft: n.DefaultLeft}
	if n.Op == In {
		out.set, out.cast = o.same[n.Ref], f.Sets[n.Ref].Cast
	} else {
		out.value = math.Float64bits(n.Value)
	}
	return out
}

// fill writes the keys of all outcomes for a widened row.
func (o *outcomes) fill(f *Forest, keys []int64, x []float64) {
	for i := range o.tables {
		t := &o.tables[i]
		t.fill(keys[:t.count], x[t.feature])
		keys = keys[t.count:]
	}
	for i := range o.loose {
		n := &o.loose[i]
		keys[i] = keyHighest
		if f.goesLeft(n, x[n.Feature]) {
			keys[i] = keyLowest
		}
	}
}
