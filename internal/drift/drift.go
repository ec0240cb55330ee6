// Package drift compares what a model sees with what it was made for.
//
// A [Reference] is made with a bundle: how the model's scores and each of its features were distributed then, in
// bins. A [Watch] counts the rows that the model scores into the same bins, over a window that slides, and says how
// far the two are apart ([PSI]). Nothing but counts is kept: neither file nor watch holds anybody's row.
package drift

import (
	"fmt"
	"math"
)

// MinRows is how many rows there must be on both sides before a distance says something: below, sampling alone
// may look like drift.
const MinRows = 1000

// WarnAt and DriftedAt are the distances from which on a distribution is worth a look, and a call.
const (
	WarnAt    = 0.1
	DriftedAt = 0.25
)

// A Verdict says what a distance means.
type Verdict uint8

// The verdicts.
const (
	None    Verdict = iota // there were too few rows to tell
	Steady                 // as it was
	Warn                   // from WarnAt on
	Drifted                // from DriftedAt on
)

// String returns the verdict's word: none, steady, warn or drifted.
func (v Verdict) String() string {
	if v > Drifted {
		return fmt.Sprintf("Verdict(%d)", uint8(v))
	}
	return [...]string{"none", "steady", "warn", "drifted"}[v]
}

// VerdictOf returns what a distance means; NaN is none.
func VerdictOf(psi float64) Verdict {
	switch {
	case psi != psi:
		return None
	case psi >= DriftedAt:
		return Drifted
	case psi >= WarnAt:
		return Warn
	}
	return Steady
}

// A Reference is how the scores and the features of a model were distributed over the rows that it was made of.
type Reference struct {
	Rows     int
	Golden   bool       // the rows are the bundle's golden ones
	Missing  *float64   // a number that stands for missing, as narrow as the rows; nil: none
	Narrow   bool       // the model sees numbers as float32, and so does a Watch; the rows were rounded before
	Output   int        // which of a row's values is the score
	Score    *Histogram // nil: none is
	Features []Feature  // one for each of the model's columns, in the order of a row
}

// A Feature is the distribution of a column.
type Feature struct {
	Histogram
	Name string
	// Calendar says that the feature is of the event's time alone, such as the hour. A window shorter than a week
	// sees other hours than the reference for no other reason than the clock, and is not judged by it.
	Calendar bool

	names  bool    // its values are codes of names, which are not rounded
	absent float64 // among these: the code of what is missing; NaN: none
}

// A Histogram counts values in bins. Values that are missing have the first. Of numbers the second is for those
// that are zero, which is what is left of a feature whose source has gone; the others lie between edges. Of
// categories the second is for those without a bin of their own.
type Histogram struct {
	Edges      []float64  // of numbers, ascending: a bin holds its lower edge, and not its upper one
	Categories []Category // those with a bin of their own; nil: the values are numbers
	Counts     []uint64   // by bin
}

// A Category is a value that is a code.
type Category struct {
	Name string
	Code float64
}

// The bins that every histogram begins with.
const (
	missing = iota
	zero    // of numbers
	first   // between edges, or the first category
	other   = zero
)

// IsCategories reports whether the values are codes of categories.
func (h *Histogram) IsCategories() bool { return h.Categories != nil }

// Bin returns the bin of a value; NaN is missing.
func (h *Histogram) Bin(x float64) int {
	if x != x {
		return missing
	}
	if h.Categories != nil {
		for i := range h.Categories {
			if h.Categories[i].Code == x {
				return first + i
			}
		}
		return other
	}
	if x == 0 {
		return zero
	}
	bin := first
	for _, e := range h.Edges {
		if x < e {
			break
		}
		bin++
	}
	return bin
}

// A Bin is a part of a distribution, and the shares that it has of the reference and of what was seen since.
type Bin struct {
	Kind     BinKind
	From, To float64 // of a Range: from ≤ x < to; infinite at the ends
	Category string  // of a Named bin

	Reference, Live float64 // shares, 0 to 1; Live is NaN while there are no rows
}

// BinKind says what a bin holds.
type BinKind uint8

// The kinds of bins.
const (
	Missing BinKind = iota
	Zero            // numbers that are zero
	Range           // other numbers
	Other           // categories without a bin of their own
	Named           // a category
)

// String returns what the bin holds, for people.
func (b *Bin) String() string {
	low, high := math.IsInf(b.From, -1), math.IsInf(b.To, 1)
	switch {
	case b.Kind == Missing:
		return "missing"
	case b.Kind == Zero:
		return "0"
	case b.Kind == Other:
		return "other"
	case b.Kind == Named:
		return b.Category
	case low && high:
		return "any"
	case low:
		return fmt.Sprintf("below %v", b.To)
	case high:
		return fmt.Sprintf("from %v", b.From)
	}
	return fmt.Sprintf("%v to %v", b.From, b.To)
}

// bins returns the parts of a distribution of which live is what was seen.
func (h *Histogram) bins(live []uint64) []Bin {
	all := make([]Bin, len(h.Counts))
	for i := range all {
		b := &all[i]
		switch {
		case i == missing:
			b.Kind = Missing
		case h.IsCategories() && i == other:
			b.Kind = Other
		case h.IsCategories():
			b.Kind, b.Category = Named, h.Categories[i-first].Name
		case i == zero:
			b.Kind = Zero
		default:
			b.Kind, b.From, b.To = Range, math.Inf(-1), math.Inf(1)
			if i > first {
				b.From = h.Edges[i-first-1]
			}
			if i-first < len(h.Edges) {
				b.To = h.Edges[i-first]
			}
		}
	}
	was, is := float64(sum(h.Counts)), float64(sum(live))
	for i := range all {
		all[i].Reference, all[i].Live = float64(h.Counts[i])/was, float64(live[i])/is
	}
	return all
}

func sum(counts []uint64) (n uint64) {
	for _, c := range counts {
		n += c
	}
	return n
}
