package drift

import "math"

// PSI returns how far the shares p of what was seen are from the shares q of the reference, bin by bin: the
// population stability index, the sum of (p-q)·ln(p/q). It is 0 when they agree, and NaN when one side is empty.
//
// noise is the PSI that is to be expected when nothing has changed, and both sides are but samples of the same. Near
// q each part is (p-q)²/q, whose mean is (1-q)(1/n+1/m) for samples of n and m rows; over b bins that makes
// (b-1)(1/n+1/m). What is left when it is taken off has a standard deviation of √(2(b-1))·(1/n+1/m), as χ² of b-1
// degrees of freedom has, and is told as 0 when it is less.
//
// A bin that is empty on one side alone would make it infinite. It is taken for half a row, or for what the other
// side leads to expect of it if that is less: of a bin that has one row in a million, nothing is to be expected in a
// thousand, and its absence says nothing. A bin that is empty on both sides is none.
func PSI(live, reference []uint64) (psi, noise float64) {
	n, m := float64(sum(live)), float64(sum(reference))
	if n == 0 || m == 0 {
		return math.NaN(), math.NaN()
	}
	bins := 0
	for i, c := range reference {
		x, y := float64(live[i]), float64(c)
		switch {
		case x == 0 && y == 0:
			continue
		case x == 0:
			x = min(0.5, y*(n/m))
		case y == 0:
			y = min(0.5, x*(m/n))
		}
		bins++
		p, q := x/n, y/m
		psi += (p - q) * math.Log(p/q)
	}
	return psi, float64(bins-1) * (1/n + 1/m)
}

// distance returns what is told of a distribution: its PSI less the noise, NaN while there are too few rows.
func distance(live, reference []uint64) float64 {
	if sum(live) < MinRows || sum(reference) < MinRows {
		return math.NaN()
	}
	psi, noise := PSI(live, reference)
	return max(psi-noise, 0)
}
