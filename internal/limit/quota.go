package limit

import (
	"math"
	"strconv"
	"time"
)

// A Quota is how an identity's rate stands, as its client is told. The zero Quota is of no limit.
type Quota struct {
	Rate       float64 // requests a second; 0: no limit
	Burst      int     // requests at once
	Remaining  int     // of burst
	RetryAfter time.Duration
}

func (q Quota) after(d time.Duration) Quota {
	q.RetryAfter = d
	return q
}

// Seconds returns d in whole seconds, rounded up, at least 1: what Retry-After says.
func Seconds(d time.Duration) int {
	return int(max((d+time.Second-1)/time.Second, 1))
}

// AppendPolicy appends the value of RateLimit-Policy: burst requests in the time that it takes to gain them.
// See draft-ietf-httpapi-ratelimit-headers-10.
func (q Quota) AppendPolicy(dst []byte) []byte {
	dst = append(dst, `"default";q=`...)
	dst = strconv.AppendInt(dst, int64(q.Burst), 10)
	dst = append(dst, ";w="...)
	return strconv.AppendInt(dst, q.secondsFor(q.Burst), 10)
}

// AppendRateLimit appends the value of RateLimit: what remains, and the time until all of burst does.
func (q Quota) AppendRateLimit(dst []byte) []byte {
	dst = append(dst, `"default";r=`...)
	dst = strconv.AppendInt(dst, int64(q.Remaining), 10)
	dst = append(dst, ";t="...)
	return strconv.AppendInt(dst, q.secondsFor(q.Burst-q.Remaining), 10)
}

// secondsFor returns in how many whole seconds n are gained, at least 1.
func (q Quota) secondsFor(n int) int64 {
	const most = 1e9 // what any client can read
	return int64(min(max(math.Ceil(float64(n)/q.Rate), 1), most))
}
