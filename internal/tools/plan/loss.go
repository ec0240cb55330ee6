package plan

import "math"

// A pool is environments that have started, and the requests that they serve.
type pool struct {
	serving []cohort
	busy    float64
}

// rest has served a rate for long.
func (p *pool) rest(s Service, rate float64) {
	_, sigma := s.parameters()
	const parts = 40
	oldest := s.Mean.Seconds() * (1 + 8*sigma)
	for i := range parts {
		c := cohort{from: -oldest * float64(parts-i) / parts, seconds: oldest / parts, amount: rate * oldest / parts}
		c.left = c.remain(s, 0, 0)
		p.serving = append(p.serving, c)
		p.busy += c.amount * c.left
	}
}

// serve offers it requests that come within dt up to now, and returns how many find all of so many environments busy.
//
// It looks for the load at which Erlang's formula has as many busy as there will be, and has that formula say how
// many are refused: at rest it is exact, and when all are busy it refuses what comes beyond what ends. peak is by how
// much the requests in flight vary more than Poisson's would, were none refused; Hayward's rule for that is to divide both numbers
// of the formula by it.
func (p *pool) serve(s Service, now, dt, came, environments, peak float64) (refused float64) {
	kept := p.serving[:0]
	staying := 0.0
	for _, c := range p.serving {
		if c.left = c.remain(s, now, 0); c.left > 0 {
			staying += c.amount * c.left
			kept = append(kept, c)
		}
	}
	p.serving, p.busy = kept, staying
	if came <= 0 {
		return 0
	}
	if environments < 1e-9 {
		return came
	}
	fresh := cohort{from: now - dt, seconds: dt}
	fresh.left = fresh.remain(s, now, 0)
	var lost, after float64
	low, high := math.Log(1e-9), math.Log(1e9)
	for range 48 {
		middle := (low + high) / 2
		load := math.Exp(middle)
		lost = erlangB(environments/peak, load/peak)
		after = load * (1 - lost)
		if after < staying+came*(1-lost)*fresh.left {
			low = middle
		} else {
			high = middle
		}
	}
	fresh.amount = came * (1 - lost)
	p.serving = append(p.serving, fresh)
	p.busy = staying + fresh.amount*fresh.left
	return came * lost
}

// join adds another's requests.
func (p *pool) join(o pool) {
	p.serving = append(p.serving, o.serving...)
	p.busy += o.busy
}

// overflowPeak is the peak of what spills over from a bucket of tokens. It comes in clumps: when the level is low, most of
// the requests between two tokens spill over. In the long run the variance is that of all requests; within a service
// time it is no more than a walk of that length can make it.
func overflowPeak(s Service, lambda, rate float64) float64 {
	whole := rate / math.Max(lambda-rate, 1e-9)
	short := math.Sqrt(lambda * s.Mean.Seconds())
	together := 1 - s.CV*0.56 // of two services that begin together, the mean of the shorter: exact for 0, near for 0.4 and 1
	return 1 + math.Max(0.3, together)*whole*short/(whole+short)
}
