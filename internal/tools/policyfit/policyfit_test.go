package policyfit_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/besra-ml/besra/internal/tools/policyfit"
)

// bruteForce tries every pair of splits, and returns the least cost, by whole numbers alone.
func bruteForce(payments []policyfit.Payment, c policyfit.Costs) float64 {
	cutoffs := []float64{math.Inf(1)}
	for _, p := range payments {
		cutoffs = append(cutoffs, p.Score)
	}
	best := math.Inf(1)
	for _, review := range cutoffs {
		for _, decline := range cutoffs {
			if review <= decline {
				best = min(best, costOf(payments, c, review, decline))
			}
		}
	}
	return best
}

func costOf(payments []policyfit.Payment, c policyfit.Costs, review, decline float64) (cost float64) {
	for _, p := range payments {
		switch {
		case p.Score >= decline && !p.Fraud():
			cost += c.Decline + c.DeclineShare*p.Amount()
		case p.Score >= decline:
		case p.Score >= review:
			cost += c.Review
			if p.Fraud() {
				cost += (1 - c.Catches) * p.Amount()
			}
		case p.Fraud():
			cost += p.Amount()
		}
	}
	return cost
}

// random returns payments of few or many distinct scores, with whole amounts so that sums are exact.
func random(r *rand.Rand, n int) []policyfit.Payment {
	grain := []float64{4, 20, 1 << 40}[r.IntN(3)]
	shift := []float64{0, 0, -0.5}[r.IntN(3)]
	payments := make([]policyfit.Payment, n)
	for i := range payments {
		fraud := r.IntN(4) == 0
		score := r.Float64()
		if fraud {
			score = math.Sqrt(score)
		}
		payments[i] = policyfit.NewPayment(math.Floor(score*grain)/grain+shift, float64(r.IntN(100)), fraud)
	}
	return payments
}

func TestFitCostsWhatTheBestOfAllPairsCosts(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 400 {
		payments := random(r, 1+r.IntN(40))
		costs := policyfit.Costs{
			Review: float64(r.IntN(12)), Catches: float64(r.IntN(5)) / 4,
			Decline: float64(r.IntN(30)), DeclineShare: float64(r.IntN(3)) / 2,
		}
		want := bruteForce(payments, costs)
		got := policyfit.New(slices.Clone(payments)).Fit(costs)
		if got.Cost != want {
			t.Fatalf("%+v: costs %v, the best pair %v", costs, got.Cost, want)
		}
		review, decline := orNever(got.Review), orNever(got.Decline)
		if again := costOf(payments, costs, spelled(t, review), spelled(t, decline)); again != want {
			t.Fatalf("%+v: the cutoffs %v and %v cost %v, not %v", costs, review, decline, again, want)
		}
		if !math.IsNaN(got.Review) && !math.IsNaN(got.Decline) && got.Review >= got.Decline {
			t.Fatalf("review from %v, decline from %v", got.Review, got.Decline)
		}
	}
}

// orNever returns a cutoff that no score reaches for one that is left out.
func orNever(cutoff float64) float64 {
	if math.IsNaN(cutoff) {
		return math.Inf(1)
	}
	return cutoff
}

// spelled returns x as it comes back from a file.
func spelled(t *testing.T, x float64) float64 {
	t.Helper()
	x, err := strconv.ParseFloat(strconv.FormatFloat(x, 'g', -1, 64), 64)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestCutoffsHaveFewDigits(t *testing.T) {
	pay := policyfit.NewPayment
	payments := []policyfit.Payment{ // those of cmd/besra/testdata/policy.txtar
		pay(0.0512345, 50, false), pay(0.1387654, 60, false),
		pay(0.2598765, 70, true), pay(0.3141592, 20, false),
		pay(0.91234567, 80, true), pay(0.93456789, 90, true),
	}
	costs := policyfit.Costs{Review: 1, Catches: 1, DeclineShare: 1}
	if best := bruteForce(payments, costs); best != 2 {
		t.Fatalf("the best pair costs %v", best)
	}
	got := policyfit.New(payments).Fit(costs)
	if got.Review != 0.2 || got.Decline != 0.6 || got.Cost != 2 {
		t.Errorf("review from %v, decline from %v, cost %v", got.Review, got.Decline, got.Cost)
	}
}

func TestEqualScoresStayTogether(t *testing.T) {
	pay := policyfit.NewPayment
	payments := policyfit.New([]policyfit.Payment{
		pay(0.5, 100, true), pay(0.5, 100, false), pay(math.Nextafter(0.5, 1), 100, true), pay(math.Nextafter(0.5, 0), 7, false),
	})
	got := payments.Fit(policyfit.Costs{Review: 60, Catches: 1, DeclineShare: 0.5})
	if got.Decline != 0.5 || !math.IsNaN(got.Review) || got.Refused.Payments != 3 || got.Cost != 50 {
		t.Errorf("%+v", got)
	}
}

func TestOfEqualCostsTheOneThatDisturbsFewest(t *testing.T) {
	pay := policyfit.NewPayment
	payments := policyfit.New([]policyfit.Payment{pay(0.1, 5, true), pay(0.2, 5, true), pay(0.3, 9, false)})
	got := payments.Fit(policyfit.Costs{Review: 5, Catches: 1, Decline: 10})
	if !math.IsNaN(got.Review) || !math.IsNaN(got.Decline) || got.Cost != 10 || got.Approved.Payments != 3 {
		t.Errorf("%+v", got)
	}
}

func TestNoPaymentReachesACutoffAboveAll(t *testing.T) {
	for _, c := range []struct{ highest, want float64 }{
		{0.7, 1}, {1, 2}, {7.25, 10}, {-3.5, -2}, {0, 1}, {1e300, 2e300},
	} {
		lowest := min(c.highest, 0)
		p := policyfit.New([]policyfit.Payment{policyfit.NewPayment(lowest, 1, false), policyfit.NewPayment(c.highest, 1, true)})
		got := p.Above()
		if got != c.want {
			t.Errorf("above %v: %v, want %v", c.highest, got, c.want)
		}
	}
}

func BenchmarkFit(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	payments := random(r, 1_000_000)
	for b.Loop() {
		policyfit.New(slices.Clone(payments)).Fit(policyfit.Costs{Review: 2, Catches: 1, DeclineShare: 0.1})
	}
}

func FuzzFit(f *testing.F) {
	f.Add(0.1, 0.2, 0.3, -1.5, 1.0)
	f.Add(5e-324, 1e300, -1e300, 0.0, 1e-300)
	f.Fuzz(func(t *testing.T, a, b, c, d, review float64) {
		var payments []policyfit.Payment
		for i, score := range []float64{a, b, c, d, a} {
			if math.IsNaN(score) || math.Abs(score) > 1e300 {
				return
			}
			payments = append(payments, policyfit.NewPayment(score, float64(i+1), i%2 == 1))
		}
		costs := policyfit.Costs{Review: math.Mod(math.Abs(review), 8), Catches: 1, Decline: 2}
		if costs.Review != costs.Review {
			return
		}
		p := policyfit.New(slices.Clone(payments))
		got := p.Fit(costs)
		n := [3]int{}
		for _, x := range payments {
			switch {
			case x.Score >= got.Decline:
				n[2]++
			case x.Score >= got.Review:
				n[1]++
			default:
				n[0]++
			}
		}
		if n != [3]int{got.Approved.Payments, got.Reviewed.Payments, got.Refused.Payments} {
			t.Fatalf("the cutoffs %v and %v split %v, not as %+v", got.Review, got.Decline, n, got)
		}
		if highest := slices.Max([]float64{a, b, c, d}); !(p.Above() > highest) {
			t.Fatalf("above %v: %v", highest, p.Above())
		}
	})
}
