package store

import (
	"context"
	"fmt"
	"time"
)

// Absent is the shared store of processes that have none, and whose own memory is worth nothing: there are many of them,
// and each may end at any moment. It is always down, so that what besra does without a store is what it does when one
// cannot be reached, and is told alike.
type Absent struct{ Since time.Time }

// ErrAbsent is what is asked of an Absent store. It is an ErrDown.
var ErrAbsent = fmt.Errorf("%w: there is none", ErrDown)

var _ Shared = Absent{}

func (Absent) Group([16]byte, time.Duration) int { return 0 }

func (Absent) Claim(_ context.Context, _ Key, _ Digest, _ bool, dst []byte) (Claimed, []byte, error) {
	return Pending, dst, ErrAbsent
}

func (Absent) Complete(context.Context, Key, Digest, []byte) error { return ErrAbsent }

func (Absent) Abandon(context.Context, Key, Digest) error { return ErrAbsent }

// Lease of no states is not refused: an event without entities has no history to miss.
func (Absent) Lease(_ context.Context, refs []Ref, l *Lease) error {
	l.Reset(refs)
	if len(refs) > 0 {
		return ErrAbsent
	}
	return nil
}

func (Absent) Advance(context.Context, *Lease, uint64) error { return nil }

func (Absent) Release(*Lease) {}

func (Absent) Run(context.Context) {}

func (Absent) Wake(context.Context) error { return ErrAbsent }

func (Absent) Begin(_ context.Context, _ Key, _ Digest, dst []byte, _ []Ref, _ *Lease) (Claimed, []byte, error) {
	return Pending, dst, ErrAbsent
}

func (Absent) Delete(context.Context, Key) (bool, error) { return false, ErrAbsent }

// Status says that there is none.
func (a Absent) Status() SharedStatus {
	return SharedStatus{Since: a.Since, Why: "there is none: valkey.address"}
}

func (Absent) Call(context.Context, string, string, ...string) ([]int64, error) {
	return nil, ErrAbsent
}

func (Absent) Get(context.Context, string) ([]byte, error) { return nil, ErrAbsent }

func (Absent) Put(string, []byte, time.Duration) {}

func (Absent) Close() {}
