package scaling

import "time"

// A Bucket is a token bucket: Depth tokens at first, Rate more a second, never above Depth. Its zero value, apart
// from these two, is full. API Gateway's throttle is one of 10,000 requests a second and depth 5,000.
type Bucket struct {
	Rate, Depth float64

	spent float64 // tokens that are missing
	at    time.Duration
}

// Take takes a token, if there is one. now never goes back.
func (b *Bucket) Take(now time.Duration) bool {
	b.fill(now)
	if b.spent+1 > b.Depth {
		return false
	}
	b.spent++
	return true
}

// Level returns how many tokens there are.
func (b *Bucket) Level(now time.Duration) float64 {
	b.fill(now)
	return b.Depth - b.spent
}

func (b *Bucket) fill(now time.Duration) {
	if now > b.at {
		b.spent = max(0, b.spent-(now-b.at).Seconds()*b.Rate)
		b.at = now
	}
}
