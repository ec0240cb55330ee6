package plan

import (
	"math"
	"math/rand/v2"
	"time"
)

// A Service is how long an environment works on a request: lognormal, by mean and coefficient of variation (standard
// deviation over mean; 0: always the mean).
type Service struct {
	Mean time.Duration
	CV   float64
}

// parameters returns those of the logarithm, in seconds.
func (s Service) parameters() (mu, sigma float64) {
	variance := math.Log1p(s.CV * s.CV)
	return math.Log(s.Mean.Seconds()) - variance/2, math.Sqrt(variance)
}

// within returns the share that takes at most so many seconds.
func (s Service) within(seconds float64) float64 {
	mu, sigma := s.parameters()
	switch {
	case seconds <= 0:
		return 0
	case sigma == 0 && seconds >= s.Mean.Seconds():
		return 1
	case sigma == 0:
		return 0
	}
	return math.Erfc((mu-math.Log(seconds))/(sigma*math.Sqrt2)) / 2
}

// spent returns the mean of what has been worked after so many seconds, on those that still are and those that are not: the
// integral of 1-within.
func (s Service) spent(seconds float64) float64 {
	mu, sigma := s.parameters()
	switch {
	case seconds <= 0:
		return 0
	case sigma == 0:
		return min(seconds, s.Mean.Seconds())
	}
	z := (math.Log(seconds) - mu - sigma*sigma) / sigma
	return seconds*(1-s.within(seconds)) + s.Mean.Seconds()*math.Erfc(-z/math.Sqrt2)/2
}

// draw returns a time in seconds.
func (s Service) draw(r *rand.Rand) float64 {
	mu, sigma := s.parameters()
	if sigma == 0 {
		return s.Mean.Seconds()
	}
	return math.Exp(mu + sigma*r.NormFloat64())
}

// billed returns the mean of what is billed of it, in seconds: each begun millisecond.
func (s Service) billed() float64 {
	total := 0.0
	for ms := 0; ms < 1_000_000; ms++ {
		longer := 1 - s.within(float64(ms)/1000)
		if total += longer / 1000; longer < 1e-9 {
			break
		}
	}
	return total
}

// A mixture is the latency of answered requests: share Cold of them waits for an environment to start first.
type mixture struct {
	service Service
	always  float64 // seconds that each takes besides: the front door, the network, the cache
	start   float64 // seconds of a start
	cold    float64
}

// within returns the share of answers that take at most so many seconds.
func (m mixture) within(seconds float64) float64 {
	at := seconds - m.always
	return (1-m.cold)*m.service.within(at) + m.cold*m.service.within(at-m.start)
}

// quantile returns the time in which the share q is answered.
func (m mixture) quantile(q float64) time.Duration {
	low, high := 0.0, m.always+m.start+1
	for m.within(high) < q && high < 1e6 {
		high *= 2
	}
	for range 60 {
		if middle := (low + high) / 2; m.within(middle) < q {
			low = middle
		} else {
			high = middle
		}
	}
	return time.Duration(high * float64(time.Second))
}
