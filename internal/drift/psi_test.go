package drift

import (
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// draw counts n rows of bins with these shares.
func draw(r *rand.Rand, shares []float64, n int) []uint64 {
	counts := make([]uint64, len(shares))
	for range n {
		x, bin := r.Float64(), 0
		for bin < len(shares)-1 && x >= shares[bin] {
			x -= shares[bin]
			bin++
		}
		counts[bin]++
	}
	return counts
}

// distributions are shares of bins as references have them.
var distributions = map[string][]float64{
	"ten equal bins":               {0, 0, .1, .1, .1, .1, .1, .1, .1, .1, .1, .1},
	"a flag":                       {0, .8, .2},
	"counts with a few frequent":   {0, 0, .35, .2, .15, .1, .08, .05, .03, .02, .015, .005},
	"a share that is mostly zero":  {.0, .97, .004, .004, .003, .003, .003, .003, .003, .003, .002, .002},
	"history that is often absent": {.4, .1, .05, .05, .05, .05, .05, .05, .05, .05, .05, .05},
	"bins that hardly ever come":   {.0001, .0001, .2, .2, .2, .2, .1994, .0001, .0001, .0001, .00001, .00009},
}

func TestSamplesOfOneDistributionStaySteady(t *testing.T) {
	trials := 400
	if testing.Short() {
		trials = 100
	}
	random := rand.New(rand.NewPCG(1, 2))
	for _, name := range slices.Sorted(maps.Keys(distributions)) {
		shares := distributions[name]
		for _, size := range []struct{ live, reference int }{
			{1000, 200_000}, {2000, 200_000}, {10_000, 200_000}, {1000, 1000}, {10_000, 1000}, {5000, 5000},
		} {
			var mean, square, largest, expected float64
			reference := draw(random, shares, size.reference)
			for range trials {
				if size.reference < 10_000 {
					reference = draw(random, shares, size.reference)
				}
				live := draw(random, shares, size.live)
				psi, noise := PSI(live, reference)
				mean += psi / float64(trials)
				square += psi * psi / float64(trials)
				expected += noise / float64(trials)
				told := distance(live, reference)
				largest = max(largest, told)
				if v := VerdictOf(told); v != Steady {
					t.Errorf("%s, %d rows against %d: %v, PSI %v less %v", name, size.live, size.reference, v, psi, noise)
				}
			}
			deviation := math.Sqrt(square - mean*mean)
			t.Logf("%-30s %6d against %6d: PSI %.5f ± %.5f, expected %.5f; at most %.4f told", name, size.live, size.reference, mean, deviation, expected, largest)
			if largest > WarnAt*3/4 {
				t.Errorf("%s, %d rows against %d: %v is told, which nearly warns", name, size.live, size.reference, largest)
			}
			// Bins that hardly ever come have less noise than is taken off, and never more.
			one := 1/float64(size.live) + 1/float64(size.reference)
			bias, unsure := mean-expected, 4*deviation/math.Sqrt(float64(trials))
			if bias > 0.6*one+unsure || bias < -6*one-unsure {
				t.Errorf("%s, %d rows against %d: the mean PSI is %v, and %v is expected", name, size.live, size.reference, mean, expected)
			}
		}
	}
}

// The noise of ten equal bins is what was derived: (b-1)(1/n+1/m), with the deviation of χ².
func TestTheNoiseIsWhatWasDerived(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	shares := distributions["ten equal bins"]
	const n, m, trials = 2000, 20_000, 2000
	var all []float64
	mean := 0.0
	for range trials {
		psi, noise := PSI(draw(random, shares, n), draw(random, shares, m))
		if want := 9 * (1.0/n + 1.0/m); math.Abs(noise-want) > 1e-12 {
			t.Fatalf("noise %v, want %v", noise, want)
		}
		all = append(all, psi)
		mean += psi / trials
	}
	square := 0.0
	for _, x := range all {
		square += (x - mean) * (x - mean) / trials
	}
	one := 1.0/n + 1.0/m
	if math.Abs(mean/(9*one)-1) > .05 {
		t.Errorf("mean %v, want %v", mean, 9*one)
	}
	if got, want := math.Sqrt(square), math.Sqrt(18)*one; math.Abs(got/want-1) > .1 {
		t.Errorf("deviation %v, want %v", got, want)
	}
	slices.Sort(all)
	if q, want := all[trials*99/100], 21.67*one; math.Abs(q/want-1) > .1 { // of χ² with 9 degrees of freedom
		t.Errorf("one in a hundred is above %v, want %v", q, want)
	}
}

func TestPSI(t *testing.T) {
	t.Run("of two distributions is the sum of its parts", func(t *testing.T) {
		psi, _ := PSI([]uint64{500, 500}, []uint64{250, 750})
		want := .25*math.Log(2) + -.25*math.Log(.5/.75)
		if math.Abs(psi-want) > 1e-15 {
			t.Errorf("%v, want %v", psi, want)
		}
	})
	t.Run("is the same from either side", func(t *testing.T) {
		a, b := []uint64{700, 0, 300, 12}, []uint64{60_000, 90, 30_000, 0}
		x, nx := PSI(a, b)
		y, ny := PSI(b, a)
		if math.Abs(x-y) > 1e-12 || nx != ny {
			t.Errorf("%v and %v, %v and %v", x, y, nx, ny)
		}
	})
	t.Run("of nothing is no number", func(t *testing.T) {
		for _, c := range [][2][]uint64{{{0, 0}, {1, 2}}, {{1, 2}, {0, 0}}, {{}, {}}} {
			if psi, noise := PSI(c[0], c[1]); psi == psi || noise == noise {
				t.Errorf("%v: %v, %v", c, psi, noise)
			}
		}
	})
	t.Run("is told from a thousand rows on", func(t *testing.T) {
		for _, c := range []struct {
			live, reference uint64
			want            Verdict
		}{{999, 5000, None}, {5000, 999, None}, {1000, 1000, Steady}} {
			if got := VerdictOf(distance([]uint64{0, c.live}, []uint64{0, c.reference})); got != c.want {
				t.Errorf("%d rows against %d: %v, want %v", c.live, c.reference, got, c.want)
			}
		}
	})
	t.Run("tells a feature that has become zero, and one that was never missing", func(t *testing.T) {
		reference := []uint64{0, 0, 50_000, 50_000, 100_000}
		for name, live := range map[string][]uint64{
			"zero":                   {0, 1000, 0, 0, 0},
			"a third is zero":        {0, 340, 165, 165, 330},
			"a tenth is missing":     {100, 0, 225, 225, 450},
			"one part is gone":       {0, 0, 0, 400, 600},
			"what never was is here": {30, 20, 240, 240, 470},
		} {
			if d := distance(live, reference); VerdictOf(d) != Drifted {
				t.Errorf("%s: %v", name, d)
			}
		}
	})
	t.Run("says nothing of a bin that was not to be expected", func(t *testing.T) {
		reference := []uint64{1, 2, 499_997, 500_000}
		if psi, _ := PSI([]uint64{0, 0, 500, 500}, reference); psi > 1e-9 {
			t.Errorf("%v", psi)
		}
	})
}

func TestVerdicts(t *testing.T) {
	for psi, want := range map[float64]string{
		0: "steady", .0999: "steady", WarnAt: "warn", .2499: "warn", DriftedAt: "drifted", 14: "drifted", math.Inf(1): "drifted",
	} {
		if got := VerdictOf(psi).String(); got != want {
			t.Errorf("%v is %s, want %s", psi, got, want)
		}
	}
	if got := VerdictOf(math.NaN()).String(); got != "none" {
		t.Error(got)
	}
}
