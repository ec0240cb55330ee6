package forest

import (
	"cmp"
	"encoding/binary"
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
	order, _ := levels(t.Nodes)
	for _, i := range order {
		n := &t.Nodes[i]
		if n.Feature == Leaf || n.Op < Equal {
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

// arrange puts outcomes that one look-up can decide side by side, makes their tables, and gives all
// outcomes their slots.
func (o *outcomes) arrange(f *Forest, all []asked) {
	slices.SortStableFunc(all, func(a, b asked) int {
		return cmp.Or(cmp.Compare(a.op, b.op)*-1, cmp.Compare(a.feature, b.feature), cmp.Compare(a.cast, b.cast), cmp.Compare(a.missing, b.missing))
	})
	for i := range all {
		o.slots[all[i].outcome] = i
	}
	for len(all) > 0 && all[0].op == In {
		n := 1
		for n < len(all) && all[n].op == In && all[n].feature == all[0].feature && all[n].cast == all[0].cast && all[n].missing == all[0].missing {
			n++
		}
		t, ok := newTable(f, all[:n])
		if !ok {
			break
		}
		o.tables = append(o.tables, t)
		all = all[n:]
	}
	for _, a := range all {
		o.loose = append(o.loose, *a.split)
	}
}

// firstEqual returns, for each set, the index of the first that equals it.
func firstEqual(sets []Set) []int32 {
	same := make([]int32, len(sets))
	seen := make(map[string]int32, len(sets))
	var content []byte
	for i := range sets {
		content = append(content[:0], byte(sets[i].Cast))
		for _, w := range sets[i].Bits {
			content = binary.LittleEndian.AppendUint64(content, w)
		}
		first, ok := seen[string(content)]
		if !ok {
			first = int32(i)
			seen[string(content)] = first
		}
		same[i] = first
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
