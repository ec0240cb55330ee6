package plan

import "math"

// erlangB returns the share of requests that find all of so many environments busy, when load are on average in
// flight: Erlang's formula for a loss system, which depends on the mean of the service time alone. environments need not be whole.
//
// Its inverse is 1 + n/a + n(n-1)/a² + …, a sum of positive terms that ends at n.
func erlangB(environments, load float64) float64 {
	switch {
	case environments <= 0:
		return 1
	case load <= 0:
		return 0
	}
	sum, term := 1.0, 1.0
	for k := environments; k > 0; k-- {
		term *= k / load
		sum += term
		if term < 1e-12*sum && k < load {
			break
		}
		if sum > 1e30 {
			return 0
		}
	}
	return 1 / sum
}

// environmentsFor returns the smallest number of environments that leaves at most share of the requests without one.
func environmentsFor(load, share float64) int {
	low, high := 0, 1
	for erlangB(float64(high), load) > share {
		low, high = high, high*2
	}
	for low+1 < high {
		if middle := (low + high) / 2; erlangB(float64(middle), load) > share {
			low = middle
		} else {
			high = middle
		}
	}
	return high
}

// poisson returns the chance of k and of fewer than k, where mean are expected.
func poisson(k int, mean float64) (at, below float64) {
	p := math.Exp(-mean)
	if p == 0 { // a large mean: begin far enough below it, and bring the sum to one
		return poissonFrom(k, mean)
	}
	for i := range k {
		below += p
		p *= mean / float64(i+1)
	}
	return p, min(below, 1)
}

func poissonFrom(k int, mean float64) (at, below float64) {
	n := max(float64(k), 1e-300)
	at = math.Exp(n*(1+math.Log(mean/n)) - mean) // Stirling's series
	if k > 0 {
		at *= math.Exp(-1/(12*n)+1/(360*n*n*n)) / math.Sqrt(2*math.Pi*n)
	}
	if at == 0 && n > mean {
		return 0, 1
	}
	term := at
	for i := k; i > 0 && term > 1e-18*at; i-- {
		term *= float64(i) / mean
		below += term
	}
	return at, min(below, 1)
}
