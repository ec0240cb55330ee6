package simulate

import (
	"math/rand/v2"
	"slices"
)

// A purpose keeps the streams of random numbers apart.
type purpose uint64

const (
	forCard purpose = iota + 1
	forTerminal
	forPayments
	forHitTerminals
	forHitCards
)

// dice are a random stream that can be set to any point of the simulation, so that what is drawn there
// depends on the seed and that point only.
type dice struct {
	*rand.Rand
	pcg *rand.PCG
}

func newDice() dice {
	pcg := rand.NewPCG(0, 0)
	return dice{rand.New(pcg), pcg}
}

// set starts the stream of one card, terminal or day.
func (d dice) set(seed uint64, p purpose, id, day int) {
	d.pcg.Seed(mix(seed+mix(uint64(p))), mix(uint64(id)<<32|uint64(day)))
}

// mix is the finaliser of SplitMix64: a bijection that leaves neighbouring numbers far apart.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// poisson counts the arrivals of a unit-rate process until mean.
func (d dice) poisson(mean float64) (n int) {
	for t := d.ExpFloat64(); t < mean; t += d.ExpFloat64() {
		n++
	}
	return n
}

// normal rounds the product before the sum: a fused multiply-add would give arm64 other bits than amd64.
func (d dice) normal(mean, deviation float64) float64 {
	return mean + float64(deviation*d.NormFloat64())
}

func (d dice) uniform(low, high float64) float64 {
	return low + float64((high-low)*d.Float64())
}

// sample draws k of the numbers 0 to n-1 without repeating one, by Floyd's method. k is small.
func (d dice) sample(k, n int) []int32 {
	chosen := make([]int32, 0, k)
	for last := n - k; last < n; last++ {
		v := int32(d.IntN(last + 1))
		if slices.Contains(chosen, v) {
			v = int32(last)
		}
		chosen = append(chosen, v)
	}
	return chosen
}
