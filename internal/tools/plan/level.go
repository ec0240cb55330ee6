package plan

import "math"

// A level is a bucket of tokens as fluid sees it: not one level but how likely each is. Requests come as in Poisson's
// process, so the level moves like a particle that drifts by what comes in less what is taken, and diffuses, between
// walls: at the empty one requests are turned away, at the full one tokens are lost.
type level struct {
	rate, depth float64
	holds       float64   // on average
	chance      []float64 // of each part of the depth; nil: it holds just what it holds on average
}

const levelParts = 64

func newLevel(rate, depth float64) *level {
	depth = max(depth, 1)
	return &level{rate: rate, depth: depth, holds: depth}
}

// take offers requests for dt, and returns how many get a token and how many do not.
func (b *level) take(came, dt float64) (taken, turned float64) {
	switch {
	case b == nil:
		return came, 0
	case came <= 0:
		b.holds, b.chance = min(b.depth, b.holds+b.rate*dt), nil
		return 0, 0
	}
	lambda := came / dt
	theta := 2 * (lambda - b.rate) / lambda // at rest the chance of a level falls as exp(-θ·level)
	switch x := theta * b.depth; {
	case x > 10: // it runs empty, and far from there chance is too small to matter
		b.chance = nil
		b.holds = max(b.holds-(lambda-b.rate)*dt, 1/theta)
		if b.holds > 1/theta {
			return came, 0
		}
		turned = came - b.rate*dt
	case x < -40: // it fills, and is as good as full
		b.chance = nil
		b.holds = min(b.holds+(b.rate-lambda)*dt, b.depth)
	default:
		b.diffuse(lambda, dt)
		local := theta * b.depth / levelParts
		turned = came / 2 * b.chance[0] * levelParts / b.depth
		if math.Abs(local) > 1e-9 { // the chance at the wall, not on average in the last part
			turned *= local / -math.Expm1(-local)
		}
	}
	turned = min(max(turned, 0), came)
	return came - turned, turned
}

// diffuse moves the chances by dt, by an implicit step, whose flows between parts are exact for what is at rest
// (Scharfetter and Gummel's).
func (b *level) diffuse(lambda, dt float64) {
	h := b.depth / levelParts
	if b.chance == nil {
		b.chance = make([]float64, levelParts)
		b.chance[min(levelParts-1, max(0, int(b.holds/h)))] = 1
	}
	// Per unit of chance: up to the next part, down to the one before.
	x := 2 * (b.rate - lambda) / lambda * h
	spread := lambda / 2 / (h * h)
	up, down := spread*bernoulli(-x), spread*bernoulli(x)
	// Solve (1 + out·dt)·new[i] - up·dt·new[i-1] - down·dt·new[i+1] = old[i], by elimination.
	var ratio [levelParts]float64
	p := b.chance
	for i := range p {
		out := 0.0
		if i > 0 {
			out += down
		}
		if i < levelParts-1 {
			out += up
		}
		divide := 1 + out*dt
		if i > 0 {
			divide -= up * dt * ratio[i-1]
			p[i] += up * dt * p[i-1]
		}
		ratio[i] = down * dt / divide
		p[i] /= divide
	}
	b.holds = 0
	for i := levelParts - 1; i >= 0; i-- {
		if i < levelParts-1 {
			p[i] += ratio[i] * p[i+1]
		}
		b.holds += p[i] * (float64(i) + 0.5) * h
	}
}

// bernoulli is x/(exp(x)-1).
func bernoulli(x float64) float64 {
	if math.Abs(x) < 1e-6 {
		return 1 - x/2
	}
	return x / math.Expm1(x)
}

// turnedAtRest returns the share that a bucket turns away when the rate has been the same for long. Below its own rate that
// is exp(-s·depth) or so, where s is how the chance of ever longer bursts falls: λ(exp(s)-1) = rate·s.
func turnedAtRest(lambda, rate, depth float64) float64 {
	switch {
	case lambda <= 0:
		return 0
	case math.Abs(lambda/rate-1) < 1e-6:
		return 1 / (2 * depth)
	}
	s := 2 * (rate - lambda) / lambda
	if lambda < rate {
		low, high := 1e-9, s // the root lies below the diffusion's
		for range 60 {
			if s = (low + high) / 2; lambda*math.Expm1(s) > rate*s {
				high = s
			} else {
				low = s
			}
		}
	}
	return (rate - lambda) / lambda / math.Expm1(s*depth)
}
