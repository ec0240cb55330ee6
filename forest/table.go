package forest

import "math"

// A table decides, for one column, all outcomes of category sets at once: its row for a category has a bit
// for each of them, set when that category goes left.
type table struct {
	feature    int32
	cast       Cast
	count      int // outcomes
	categories int // rows of categories; behind them that of no category, and that of a missing value
	words      int // of a row
	bits       []uint64
}

// tableBudget returns how many words the tables of a forest may take: half a MiB, and four times what its
// sets do, so that a small file with a large category stays small.
func tableBudget(f *Forest) int {
	words := 64 << 10
	for i := range f.Sets {
		words += 4 * len(f.Sets[i].Bits)
	}
	return words
}

// newTable makes the table of outcomes that differ in their set and default direction only. It reports false
// for those that a table cannot decide: other splits than by sets, zeros that are missing, or more categories
// than the budget has words for.
func newTable(f *Forest, all []asked, budget int) (table, bool) {
	t := table{feature: all[0].feature, cast: all[0].cast, count: len(all), words: (len(all) + 63) / 64}
	if all[0].op != In || all[0].missing == ZeroAndNaN {
		return table{}, false
	}
	for _, a := range all {
		s := &f.Sets[a.set]
		t.categories = max(t.categories, 64*(int(s.First)+len(s.Bits)))
	}
	if (t.categories+2)*t.words > budget {
		return table{}, false
	}
	t.bits = make([]uint64, (t.categories+2)*t.words)
	for i, a := range all {
		for row := range t.categories + 2 {
			if f.goesLeft(a.split, t.example(row)) {
				t.bits[row*t.words+i/64] |= 1 << (i % 64)
			}
		}
	}
	return t, true
}

// example returns a value that belongs to the row.
func (t *table) example(row int) float64 {
	switch row - t.categories {
	case 0:
		return -1
	case 1:
		return math.NaN()
	}
	return float64(row)
}

// row returns the row of x.
func (t *table) row(x float64) int {
	if x != x {
		return t.categories + 1
	}
	if c, ok := t.cast.category(x); ok && c < uint64(t.categories) {
		return int(c)
	}
	return t.categories
}

// fill writes the keys of the table's outcomes for x.
func (t *table) fill(keys []int64, x float64) {
	bits := t.bits[t.row(x)*t.words:][:t.words]
	for i := range keys {
		left := bits[i/64] >> (i % 64) & 1
		keys[i] = int64(uint64(keyHighest) + left) // the highest and one more wraps around to the lowest
	}
}
