package plan

import (
	"math"
	"testing"
	"time"

	"github.com/besra-ml/besra/internal/tools/scaling"
)

// recursion is Erlang's formula as textbooks compute it, one environment after the other.
func recursion(environments int, load float64) float64 {
	b := 1.0
	for n := 1; n <= environments; n++ {
		b = load * b / (float64(n) + load*b)
	}
	return b
}

func TestErlang(t *testing.T) {
	for _, n := range []int{1, 2, 5, 20, 75, 100, 1000, 5000} {
		for _, load := range []float64{0.01, 0.5, 3, 19, 54.16, 80, 999, 1001, 20_000} {
			got, want := erlangB(float64(n), load), recursion(n, load)
			if math.Abs(got-want) > 1e-9*want+1e-28 {
				t.Errorf("%d environments, load %v: %v, want %v", n, load, got, want)
			}
		}
	}
	for load := 1.0; load < 300; load *= 1.7 {
		last := 1.0
		for n := 0.0; n < 400; n += 0.25 {
			if b := erlangB(n, load); b > last+1e-12 {
				t.Fatalf("load %v: %v environments refuse more than %v: %v, %v", load, n, n-0.25, b, last)
			} else {
				last = b
			}
		}
	}
	for _, share := range []float64{1e-2, 1e-4, 1e-6} {
		for _, load := range []float64{0.1, 5, 54.16, 700} {
			n := environmentsFor(load, share)
			if recursion(n, load) > share || recursion(n-1, load) <= share {
				t.Errorf("load %v, share %v: %d is not the smallest number", load, share, n)
			}
		}
	}
}

func TestPoisson(t *testing.T) {
	for _, mean := range []float64{0.3, 4, 60, 700, 800, 5000} {
		for _, k := range []int{0, 1, 7, 60, 690, 800, 5040} {
			lgamma, _ := math.Lgamma(float64(k) + 1)
			at, below := poisson(k, mean)
			if want := math.Exp(float64(k)*math.Log(mean) - mean - lgamma); math.Abs(at-want) > 1e-9*want+1e-300 {
				t.Errorf("P(%d) at %v is %v, want %v", k, mean, at, want)
			}
			sum := 0.0
			for i := range k {
				lg, _ := math.Lgamma(float64(i) + 1)
				sum += math.Exp(float64(i)*math.Log(mean) - mean - lg)
			}
			if math.Abs(below-sum) > 1e-8 {
				t.Errorf("fewer than %d at %v: %v, want %v", k, mean, below, sum)
			}
		}
	}
}

// TestErlangAgainstSimulation: with nothing but provisioned environments, lost requests are Erlang's share, however
// service times are spread.
func TestErlangAgainstSimulation(t *testing.T) {
	for _, cv := range []float64{0, 0.4, 2} {
		w := workload{
			service: Service{Mean: 5 * time.Millisecond, CV: cv},
			limits:  scaling.Limits{Concurrency: 60, Provisioned: 60}, slow: time.Second,
		}
		s := measure(t, w, []segment{{70, 10_000}}, 10, 3)
		if want := recursion(60, 50); math.Abs(s.throttled-want) > 4*s.throttledError+0.01*want {
			t.Errorf("cv %v: %.4f ± %.4f are lost, want %.4f", cv, s.throttled, s.throttledError, want)
		}
	}
}

func TestService(t *testing.T) {
	for _, cv := range []float64{0, 0.4, 1.5} {
		s := Service{Mean: 5 * time.Millisecond, CV: cv}
		t.Run("is as long as its mean says", func(t *testing.T) {
			if got := s.spent(1e6); math.Abs(got-0.005) > 1e-12 {
				t.Errorf("cv %v: the integral is %v", cv, got)
			}
			total, step := 0.0, 1e-6
			for x := 0.0; x < 0.01; x += step {
				total += step * (1 - s.within(x+step/2))
			}
			if got := s.spent(0.01); math.Abs(got-total) > 1e-6 {
				t.Errorf("cv %v: spent(10 ms) is %v, want %v", cv, got, total)
			}
		})
		t.Run("is billed by begun milliseconds", func(t *testing.T) {
			got := s.billed()
			if cv == 0 && math.Abs(got-0.005) > 1e-12 || cv > 0 && (got < 0.0054 || got > 0.0056) {
				t.Errorf("cv %v: %v", cv, got)
			}
		})
	}
}
