package policyfit

import (
	"math"
	"strconv"
)

// A Proposal is a pair of cutoffs and what becomes of the payments by them.
type Proposal struct {
	Review, Decline             float64 // NaN: none is
	Approved, Reviewed, Refused Tally   // by what is done with them
	Cost                        float64 // of all
}

// Fit returns the cutoffs of least cost. Among pairs that cost the same it declines, and then reviews, as few
// payments as it can. A cutoff that no payment reaches is left out; when both are, the cheapest is to approve
// everything.
func (p *Payments) Fit(c Costs) Proposal {
	// To split at i and j is to approve the payments before i, to review those before j and to decline the
	// rest. Its cost is the sum of a term of i and a term of j, so that the best i for every j is the best of
	// those before: one pass will do.
	best, bestEarly := math.Inf(1), math.Inf(1)
	var i, j, earliest split
	p.splits(func(s split) {
		rest := p.All.minus(s.before)
		if early := c.Approved(s.before) - c.Reviewed(s.before); early <= bestEarly {
			bestEarly, earliest = early, s
		}
		if cost := bestEarly + (c.Reviewed(s.before) + c.Declined(rest)); cost <= best {
			best, i, j = cost, earliest, s
		}
	})
	return p.propose(c, i, j)
}

// A split is a place between two scores.
type split struct {
	at     int   // how many payments are before it
	before Tally // and their sum
}

// splits calls f for every place where the payments can be split, with the scores rising.
func (p *Payments) splits(f func(split)) {
	var s split
	for k, x := range p.sorted {
		if k == 0 || x.Score != p.sorted[k-1].Score {
			s.at = k
			f(s)
		}
		s.before.add(x)
	}
	s.at = len(p.sorted)
	f(s)
}

func (p *Payments) propose(c Costs, i, j split) Proposal {
	r := Proposal{
		Review: math.NaN(), Decline: math.NaN(),
		Approved: i.before, Reviewed: j.before.minus(i.before), Refused: p.All.minus(j.before),
	}
	if i.at < j.at {
		r.Review = p.cutoff(i.at)
	}
	if j.at < len(p.sorted) {
		r.Decline = p.cutoff(j.at)
	}
	r.Cost = c.Approved(r.Approved) + c.Reviewed(r.Reviewed) + c.Declined(r.Refused)
	return r
}

// cutoff returns a number of few digits that the payments before k are below, and no other.
func (p *Payments) cutoff(k int) float64 {
	score := p.sorted[k].Score
	switch {
	case k > 0:
		return between(p.sorted[k-1].Score, score)
	case score >= 0:
		return 0
	}
	return between(2*score, score)
}

// Above returns a cutoff of few digits that no payment reaches: one that approves everything.
func (p *Payments) Above() float64 {
	_, highest := p.Range()
	if p.Probabilities() && highest < 1 {
		return 1
	}
	return between(highest, highest+max(math.Abs(highest), 1))
}

// between returns a number above low and not above high, low < high. It is one of those with the fewest
// digits, near the middle if it can be.
func between(low, high float64) float64 {
	middle := low/2 + high/2
	for digits := range 17 {
		for _, x := range []float64{middle, high} {
			x, err := strconv.ParseFloat(strconv.FormatFloat(x, 'e', digits, 64), 64)
			if err == nil && low < x && x <= high {
				return x + 0 // not -0
			}
		}
	}
	return high
}
