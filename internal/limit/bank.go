package limit

import (
	"context"
	"time"
)

// A Bank keeps the rates and quotas of all identities for all processes. Its methods are called from many goroutines,
// never on a request's way, and return when ctx ends. What is asked of it may be carried out although it returns an
// error: then tokens are lost, or paid twice, and none is had for nothing.
type Bank interface {
	// Lease takes tokens from an identity's bucket, which gains Rate a second and holds up to Burst. A bucket that is new
	// is full. What is owed is taken first, also when the bucket falls below zero by it; then as much of what is wanted
	// as there is.
	Lease(ctx context.Context, d Demand) (Grant, error)

	// Spend takes tokens of an identity's quota in a period in the same way. Nothing is gained in it, and once it is
	// over nobody asks for it any more.
	Spend(ctx context.Context, d QuotaDemand) (Grant, error)

	// Peers counts the processes that have asked this of late, with the one that asks.
	Peers(ctx context.Context) (int, error)
}

// A Demand is what a process asks of an identity's bucket.
type Demand struct {
	ID    string
	Rate  float64 // tokens a second
	Burst int
	Owed  int // tokens that were taken before they were leased; below 0: that are given back
	Want  int
}

// A QuotaDemand is what a process asks of an identity's quota.
type QuotaDemand struct {
	ID     string
	Period string    // its name: 2026-11-26, or 2026-11
	Ends   time.Time // the period
	Most   int       // in it
	Owed   int       // as of a Demand
	Want   int
}

// A Grant is what a process gets.
type Grant struct {
	Granted   int           // up to what it wants
	Remaining int           // after that; below 0: more was owed than there was
	Retry     time.Duration // after which there will be one; 0: there is, or never will be
}
