package limit

import (
	"math"
	"strconv"
	"time"

	"github.com/besra-ml/besra/internal/identity"
)

// A Quota is how an identity's rate and quota stand, as its client is told. The zero Quota is of no limit.
type Quota struct {
	Rate      float64 // requests a second; 0: no limit
	Burst     int     // requests at once
	Remaining int     // of burst

	Quota identity.Quota // in a period; zero: no limit
	Left  int            // of it
	At    time.Time      // when

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

// Told reports whether there is a limit to tell of.
func (q Quota) Told() bool { return q.Rate > 0 || q.Quota.Requests > 0 }

// AppendPolicy appends the value of RateLimit-Policy: burst requests in the time that it takes to gain them, and those
// of the quota in its period. See draft-ietf-httpapi-ratelimit-headers-10.
func (q Quota) AppendPolicy(dst []byte) []byte {
	if q.Rate > 0 {
		dst = appendLimit(dst, `"default";q=`, int64(q.Burst), ";w=", q.secondsFor(q.Burst))
	}
	if q.Quota.Requests == 0 {
		return dst
	}
	if q.Rate > 0 {
		dst = append(dst, ", "...)
	}
	began, ends := q.Quota.Per.Bounds(q.At)
	return appendLimit(dst, `"quota";q=`, int64(q.Quota.Requests), ";w=", int64(Seconds(ends.Sub(began))))
}

// AppendRateLimit appends the value of RateLimit: what remains, and the time until all of it does.
func (q Quota) AppendRateLimit(dst []byte) []byte {
	if q.Rate > 0 {
		dst = appendLimit(dst, `"default";r=`, int64(q.Remaining), ";t=", q.secondsFor(q.Burst-q.Remaining))
	}
	if q.Quota.Requests == 0 {
		return dst
	}
	if q.Rate > 0 {
		dst = append(dst, ", "...)
	}
	_, ends := q.Quota.Per.Bounds(q.At)
	return appendLimit(dst, `"quota";r=`, int64(q.Left), ";t=", int64(Seconds(ends.Sub(q.At))))
}

func appendLimit(dst []byte, name string, n int64, in string, seconds int64) []byte {
	dst = strconv.AppendInt(append(dst, name...), n, 10)
	return strconv.AppendInt(append(dst, in...), seconds, 10)
}

// secondsFor returns in how many whole seconds n are gained, at least 1.
func (q Quota) secondsFor(n int) int64 {
	const most = 1e9 // what any client can read
	return int64(min(max(math.Ceil(float64(n)/q.Rate), 1), most))
}
