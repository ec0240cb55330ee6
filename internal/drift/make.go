package drift

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/besra-ml/besra"
)

const (
	parts   = 10  // bins that the numbers of a column, or its categories, are split into
	maxName = 256 // bytes of a category that has a bin of its own
)

// Make makes the reference of rows, n×len(columns) and row-major, of which at least one must be there. scores are
// those of the rows; nil: the model has none.
func Make(columns []besra.Column, rows, scores []float64) *Reference {
	return MakeNamed(columns, rows, scores, nil)
}

// Names are the names of hashed columns' codes, by column: the codes themselves do not tell.
type Names map[int]map[float64]string

// MakeNamed is Make for a model with hashed columns. A category of theirs without a name has no bin of its own.
func MakeNamed(columns []besra.Column, rows, scores []float64, names Names) *Reference {
	n := len(rows) / len(columns)
	r := &Reference{Rows: n}
	values := make([]float64, n)
	for c := range columns {
		f := Feature{Name: columns[c].Name, names: columns[c].Type == besra.String, absent: columns[c].Absent()}
		for i := range values {
			values[i] = r.seen(&f, rows[i*len(columns)+c])
		}
		f.Histogram = histogram(&columns[c], values, names[c])
		r.Features = append(r.Features, f)
	}
	if scores != nil {
		copy(values, scores)
		h := numbers(values)
		r.Score = &h
	}
	return r
}

// histogram returns the distribution of a column's values, which it puts into another order.
func histogram(c *besra.Column, values []float64, names map[float64]string) Histogram {
	switch {
	case c.Hashed():
		return categories(values, func(code float64) (string, bool) { name, ok := names[code]; return name, ok })
	case c.Type == besra.String:
		dictionary := c.Dictionary()
		return categories(values, func(code float64) (string, bool) { return dictionary[int(code)], true })
	case c.Type == besra.Category:
		return categories(values, func(code float64) (string, bool) { return strconv.FormatFloat(code, 'f', -1, 64), true })
	}
	return numbers(values)
}

// categories gives the most frequent codes bins of their own.
func categories(values []float64, name func(float64) (string, bool)) Histogram {
	counts := map[float64]uint64{}
	for _, x := range values {
		if x == x && !math.IsInf(x, 0) {
			counts[x]++
		}
	}
	codes := slices.SortedFunc(maps.Keys(counts), func(a, b float64) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
	h := Histogram{Categories: []Category{}}
	for _, code := range codes {
		if n, ok := name(code); ok && len(h.Categories) < parts && utf8.ValidString(n) && len(n) <= maxName {
			h.Categories = append(h.Categories, Category{n, code})
		}
	}
	return h.filled(values)
}

// numbers splits numbers so that each bin has about as many, and a number that is frequent has one of its own.
func numbers(values []float64) Histogram {
	sorted := make([]float64, 0, len(values))
	for _, x := range values {
		if x == x && x != 0 {
			sorted = append(sorted, max(min(x, math.MaxFloat64), -math.MaxFloat64))
		}
	}
	slices.Sort(sorted)
	h := Histogram{Edges: edges(sorted)}
	return h.filled(values)
}

func (h Histogram) filled(values []float64) Histogram {
	h.Counts = make([]uint64, first+len(h.Categories))
	if !h.IsCategories() {
		h.Counts = make([]uint64, first+len(h.Edges)+1)
	}
	for _, x := range values {
		h.Counts[h.Bin(x)]++
	}
	return h
}

// edges returns where sorted numbers are parted. Equal numbers stay together; where they alone are the lowest or the
// highest bin, there is an edge beyond them too, so that what is lower or higher than all that was seen is told apart.
func edges(sorted []float64) []float64 {
	if len(sorted) == 0 {
		return nil
	}
	var all []float64
	begun := 0 // of the bin that is being filled
	for i := 0; i < len(sorted); {
		j := i + 1
		for j < len(sorted) && sorted[j] == sorted[i] {
			j++
		}
		left := parts - len(all)
		target := float64(len(sorted)-begun) / float64(left)
		if i > begun && left > 1 && float64(i-begun)+float64(j-i)/2 > target {
			all = append(all, between(sorted[i-1], sorted[i]))
			begun = i
		}
		i = j
	}
	lowest, highest := sorted[0], sorted[len(sorted)-1]
	if sorted[begun] == highest {
		if e := between(highest, highest+math.Abs(highest)/512); e > highest && !math.IsInf(e, 0) {
			all = append(all, e)
		}
	}
	if len(all) > 0 && sorted[countBelow(sorted, all[0])-1] == lowest {
		if e := between(lowest-math.Abs(lowest)/512, lowest); !math.IsInf(e, 0) {
			all = slices.Insert(all, 0, e)
		}
	}
	return all
}

// countBelow returns how many of sorted numbers are less than x.
func countBelow(sorted []float64, x float64) int {
	i, _ := slices.BinarySearch(sorted, x)
	return i
}

// between returns the shortest decimal between two numbers, near their middle; the higher one when there is none. It
// is away from both, as far as it may be, so that a number that is rounded to another width stays on its side.
func between(low, high float64) float64 {
	middle := low/2 + high/2
	var text [32]byte
	for digits := 1; digits <= 17; digits++ {
		x, err := strconv.ParseFloat(string(strconv.AppendFloat(text[:0], middle, 'e', digits-1, 64)), 64)
		if err == nil && low < x && x < high {
			return x
		}
	}
	return high
}
