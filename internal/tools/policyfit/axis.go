package policyfit

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// An axis maps values from low to high onto 0 to 1.
type axis struct {
	low, high float64
	logit     bool // by log-odds: as much room for 0.001 to 0.01 as for 0.99 to 0.999
}

func (a axis) stretch(x float64) float64 {
	if a.logit {
		return math.Log(x) - math.Log1p(-x)
	}
	return x
}

// at returns where x lies, at an end of the axis if it is beyond.
func (a axis) at(x float64) float64 {
	x = min(max(x, a.low), a.high)
	low := a.stretch(a.low)
	return (a.stretch(x) - low) / (a.stretch(a.high) - low)
}

// value returns what lies at t.
func (a axis) value(t float64) float64 {
	low, high := a.stretch(a.low), a.stretch(a.high)
	x := low + t*(high-low)
	if a.logit {
		return 1 / (1 + math.Exp(-x))
	}
	return x
}

// scoreAxis returns an axis for cutoffs of p, among them those of r.
func scoreAxis(p *Payments, r Proposal) axis {
	low, high := p.Range()
	for _, c := range []float64{r.Review, r.Decline} {
		if !math.IsNaN(c) {
			low, high = min(low, c), max(high, c)
		}
	}
	if !p.Probabilities() {
		room := 0.03 * (high - low)
		if !(room > 0) || math.IsInf(room, 0) {
			room = 1
		}
		return axis{low: low - room, high: high + room}
	}
	least, most := 1e-4, 1-1e-4 // there is nothing to see beyond, unless a cutoff is there
	for _, c := range []float64{r.Review, r.Decline} {
		if c > 0 && c < 1 {
			least, most = min(least, c/3), max(most, 1-(1-c)/3)
		}
	}
	low, high = min(max(low, least), 0.2), max(min(high, most), 0.8)
	return axis{low: low * 0.8, high: 1 - (1-high)*0.8, logit: true}
}

// ticks returns round values on the axis, far enough apart for their labels on a line of that many pixels.
func (a axis) ticks(pixels float64) []float64 {
	if !a.logit {
		return round(a.low, a.high, int(pixels/70))
	}
	candidates := []float64{0.5, 0.1, 0.9, 0.01, 0.99, 0.001, 0.999, 1e-4, 0.9999, 1e-5, 0.99999, 0.2, 0.8, 0.05, 0.95, 0.02, 0.98, 0.3, 0.7}
	var ticks []float64
	for _, c := range candidates {
		crowded := slices.ContainsFunc(ticks, func(t float64) bool { return math.Abs(a.at(t)-a.at(c))*pixels < 45 })
		if c > a.low && c < a.high && !crowded {
			ticks = append(ticks, c)
		}
	}
	slices.Sort(ticks)
	return ticks
}

// round returns about n round values from low to high.
func round(low, high float64, n int) []float64 {
	step := (high - low) / float64(max(n, 1))
	unit := math.Pow(10, math.Floor(math.Log10(step)))
	for _, m := range []float64{1, 2, 5, 10} {
		if m*unit >= step {
			step = m * unit
			break
		}
	}
	var values []float64
	for k := math.Ceil(low / step); k*step <= high && len(values) <= 2*n; k++ {
		values = append(values, k*step)
	}
	return values
}

// Short writes x with at most six significant digits.
func Short(x float64) string {
	x, _ = strconv.ParseFloat(strconv.FormatFloat(x, 'g', 6, 64), 64)
	return strconv.FormatFloat(x, 'g', -1, 64)
}

// Money writes an amount with commas: 12,345.60, or 12,345 without decimals.
func Money(x float64, decimals int) string {
	text := strconv.FormatFloat(math.Abs(x), 'f', decimals, 64)
	whole, rest, dotted := strings.Cut(text, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if dotted {
		whole += "." + rest
	}
	if x < 0 && strings.Trim(whole, "0.,") != "" {
		return "-" + whole
	}
	return whole
}
