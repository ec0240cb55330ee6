// Package scaling is how AWS Lambda gives requests environments to run in: which one answers, when another is
// made, and when a request is throttled instead.
//
// A Pool is the state of one function. It has no clock, no goroutine and no lock: time is handed in, as what
// has passed since any moment, so that a simulation and a harness of real processes share it. An environment
// serves one request at a time. A request gets
//
//  1. a provisioned environment that is idle, while their own rate allows (Limits.ProvisionedRate); else it
//     spills over:
//  2. an idle environment on demand, the one that was used last;
//  3. a new one, if quota and scaling rate allow, which this request waits for, however soon another is idle;
//  4. nothing: it is throttled.
//
// What AWS documents is in docs.aws.amazon.com/lambda/latest/dg/scaling-behavior.html and lambda-concurrency.html.
// It does not document which idle environment is used, how deep the buckets of the rates are, or after what time
// an idle environment is taken away; the last two are parameters.
package scaling

import (
	"fmt"
	"math"
	"time"
)

// Limits are what holds a function. A zero of any means: no such limit.
type Limits struct {
	Concurrency int // requests in flight that the account may have: what is left for this function
	Reserved    int // of them, set apart for this function; also all that it may use
	Provisioned int // environments that are kept ready; they count as in flight while idle

	Burst  float64 // environments that can be made at once
	Refill float64 // and again in each second, up to Burst

	RequestRate     float64       // requests a second for each unit of Reserved, else of Concurrency
	ProvisionedRate bool          // provisioned environments too take RequestRate for each at most; beyond it requests spill over
	RateDepth       time.Duration // the buckets of both rates hold what comes in this time; 0: DefaultRateDepth

	Idle time.Duration // an environment on demand that was idle for so long is taken away
}

// DefaultRateDepth is how much of a second's requests may come at once. AWS does not document it.
const DefaultRateDepth = 100 * time.Millisecond

// Defaults returns the limits of a new production account, as AWS documents them in November 2026, and an idle time
// of 10 minutes, which is a guess.
func Defaults() Limits {
	return Limits{
		Concurrency: 1000, Burst: 1000, Refill: 100, RequestRate: 10, RateDepth: DefaultRateDepth, Idle: 10 * time.Minute,
	}
}

// Allowed returns how many requests the function may have in flight.
func (l Limits) Allowed() int {
	switch {
	case l.Reserved > 0 && (l.Concurrency == 0 || l.Reserved < l.Concurrency):
		return l.Reserved
	case l.Concurrency > 0:
		return l.Concurrency
	}
	return math.MaxInt
}

// check refuses what no account could have.
func (l Limits) check() error {
	switch {
	case l.Concurrency < 0, l.Reserved < 0, l.Provisioned < 0, l.RateDepth < 0, l.Idle < 0,
		!(l.Burst >= 0), !(l.Refill >= 0), !(l.RequestRate >= 0):
		return fmt.Errorf("a limit is negative or no number: %+v", l)
	case l.Concurrency > 0 && l.Reserved > l.Concurrency:
		return fmt.Errorf("reserved concurrency %d is above the account's %d", l.Reserved, l.Concurrency)
	case l.Provisioned > l.Allowed():
		return fmt.Errorf("provisioned concurrency %d is above the %d that the function may use", l.Provisioned, l.Allowed())
	}
	return nil
}

// A Kind is what a request got.
type Kind uint8

// What a request can get.
const (
	Warm        Kind = iota // an environment on demand that has served before
	Provisioned             // one of those that are kept ready
	Cold                    // a new one, which has yet to start
)

func (k Kind) String() string {
	switch k {
	case Warm:
		return "warm"
	case Provisioned:
		return "provisioned"
	default:
		return "cold"
	}
}

// A Throttle is why a request got nothing. Lambda answers it with 429, TooManyRequestsException.
type Throttle uint8

// Why a request is throttled.
const (
	OverConcurrency Throttle = iota // the account's requests in flight
	OverReserved                    // the function's own
	OverRate                        // requests a second
	OverScaling                     // environments made in a short time
)

// Throttles lists them all.
func Throttles() []Throttle { return []Throttle{OverConcurrency, OverReserved, OverRate, OverScaling} }

func (t Throttle) Error() string {
	switch t {
	case OverConcurrency:
		return "throttled: the account's concurrency is used up"
	case OverReserved:
		return "throttled: the function's reserved concurrency is used up"
	case OverRate:
		return "throttled: more requests a second than ten for each unit of concurrency"
	default:
		return "throttled: environments cannot be made so fast"
	}
}

// Reason returns the Reason of Lambda's answer. That it is the same for both rates is an assumption.
func (t Throttle) Reason() string {
	switch t {
	case OverConcurrency:
		return "ConcurrentInvocationLimitExceeded"
	case OverReserved:
		return "ReservedFunctionConcurrentInvocationLimitExceeded"
	default:
		return "FunctionInvocationRateLimitExceeded"
	}
}
