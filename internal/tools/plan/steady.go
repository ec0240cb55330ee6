package plan

import (
	"math"
	"time"
)

// steadily describes a function at a rate that has not changed for long: the share of its requests that find no
// environment and start one, and how many environments there are on average, busy or idle. Environments beyond the
// provisioned ones are taken away after they were idle for so long.
//
// The environment that was used last is used next. So the k-th of them, counted from the one that is used most, is busy
// exactly while k or more requests are in flight, and idle while fewer are. A request that raises those in flight to k finds it
// gone if there have been fewer for the idle time. These rises have rate u = λ·P(k-1 in flight), and on average
// P(fewer than k)/u passes between them: with the chance load/(load+k-1) that the next request comes before
// anything else ends, nothing to speak of, else a time more or less exponential. In flight are as many as in Poisson's distribution.
// With one request at a time all this is exp(-λ·idle).
func steadily(rate float64, s Service, provisioned int, idle time.Duration) (cold, environments float64) {
	load := rate * s.Mean.Seconds()
	highest := int(load+12*math.Sqrt(load)) + 12
	at, below := poisson(provisioned, load) // in flight when the next is number provisioned+1, or fewer
	for k := provisioned + 1; k <= provisioned+highest; k++ {
		below = min(1, below+at)
		gone, long := 0.0, 1.0
		if k > 1 {
			long -= load / (load + float64(k-1))
		}
		if idle > 0 && below > 0 {
			gone = math.Exp(-idle.Seconds() * long * rate * at / below)
		}
		cold += at * long * gone
		environments += 1 - below*gone
		if at < 1e-15 && float64(k) > load {
			break
		}
		at *= load / float64(k)
	}
	return cold, environments
}
