// Package store keeps what outlives a request: entities' histories and the answers to event ids.
//
// Store is what a scorer needs of it. Memory is the store of one process, Shared one that many processes have
// together; storetest.Run is the suite that every store must pass.
package store

import (
	"context"
	"errors"
	"time"
)

// A Key names an entity's state, or an event. Keys are keyed or cryptographic hashes: uniform, and nobody can
// choose them.
type Key [16]byte

// A Digest is the digest of an event's content.
type Digest [16]byte

// A Ref names one entity's state and what kind it is. The key alone identifies the state: entities of two groups
// must not share one.
type Ref struct {
	Key   Key
	Group int // as Store.Group registered it; an unknown one is never idle
}

// Claimed says what became of a claim.
type Claimed uint8

const (
	Won      Claimed = iota // the caller answers, and must Complete or Abandon
	Answered                // it was answered before
	Reused                  // the key is known with another digest
	Pending                 // another caller is answering it
)

func (c Claimed) String() string {
	switch c {
	case Won:
		return "won"
	case Answered:
		return "answered"
	case Reused:
		return "reused"
	case Pending:
		return "pending"
	default:
		return "unknown"
	}
}

var (
	// ErrFull says that the store has no room for a state or an answer, whatever else it forgets.
	ErrFull = errors.New("store: no room")
	// ErrTwice says that a lease was asked for one key twice.
	ErrTwice = errors.New("store: a key stands twice in a lease")
	// ErrNoClaim says that nobody holds the claim that is to be completed or abandoned.
	ErrNoClaim = errors.New("store: no such claim")
	// ErrHeld says that a Lease that is already held was to be leased again.
	ErrHeld = errors.New("store: the lease is held already")
	// ErrNotHeld says that a Lease that is not held was to be advanced.
	ErrNotHeld = errors.New("store: the lease is not held")
	// ErrDown says that a store outside of this process did not do what was asked, or nobody knows whether it did:
	// it cannot be reached, is slow, or refuses.
	ErrDown = errors.New("the shared store is down")
)

// A Store keeps what many requests remember together. Its methods are called from many goroutines.
//
// What must hold of every store:
//
//   - Of all callers that claim a key at once, exactly one wins, until it completes or abandons. A won claim is
//     the winner's alone: a waiter that leaves, or whose context ends, changes nothing for the winner or the others.
//     Where a winner's process may be gone, its claim expires. Then its Complete is refused, and changes nothing.
//   - An answer is given back byte for byte, and only together with the digest it was completed with. A store
//     may forget answers, never alter them. A forgotten key is won anew.
//   - Of each state, leases see one order: every lease sees the changes of all that came before it and were not
//     released, and of none that came after. Leases over overlapping sets of keys never deadlock, in whatever order
//     the keys stand.
//   - A change that was advanced stays. One that was released is as if it had never been for all who come after.
//   - A change is carried out once for each Lease.Tag, however often it is announced.
//   - A store may forget a state, never alter it or give an older one.
//   - No method keeps a slice of the caller's after it has returned.
//
// The store of one process has a stronger promise, by which its holders work: between Lease and Advance or Release
// nobody else reads or changes the leased states, which come back byte for byte as they were last advanced, all or
// none. It is what Advance finds in States that is stored there. A Shared store takes the announced change when it
// is leased: others see it from then on, and Advance has nothing left to do.
type Store interface {
	// Group registers a kind of state and returns its number: the same for the same id. An entity is idle when it
	// has not been touched for longer than its group's retention, the longest if several are given for an id.
	Group(id [16]byte, retention time.Duration) int

	// Claim asks for the right to answer the event under key.
	//
	// Won: the caller answers, and must Complete or Abandon. Answered: the answer is appended to dst. Reused: the
	// key is known with another digest; a claim that is pending makes it known. Pending: another caller is
	// answering it; this is returned only when wait is false. Else Claim waits for the outcome: the answer, or,
	// if the claim is abandoned, another race that one waiter wins. The end of ctx ends the wait with Pending and
	// ctx's error, and nothing else. The slice returned is dst, extended or as it was.
	Claim(ctx context.Context, key Key, d Digest, wait bool, dst []byte) (Claimed, []byte, error)

	// Complete ends a won claim with its answer, which all who wait get. After ErrFull the claim has ended and
	// those who waited have the answer, but it is not remembered. Without such a claim it returns ErrNoClaim.
	Complete(ctx context.Context, key Key, d Digest, answer []byte) error

	// Abandon ends a won claim without an answer: the key is as unknown as before, and one who waits wins it.
	// Without such a claim it returns ErrNoClaim.
	Abandon(ctx context.Context, key Key, d Digest) error

	// Lease takes hold of the states of refs until Advance or Release, and announces what is to become of them. l is
	// the caller's, and reused from lease to lease. A key that stands twice in refs is refused with ErrTwice.
	// After an error nothing is held. After ErrDown the announced change may have been carried out all the same; to
	// announce it again, with the same tag, is safe.
	Lease(ctx context.Context, refs []Ref, l *Lease) error

	// Advance stores what the holder changed, as of a journal position, and lets go, also when it fails. A
	// changed state of no bytes is removed. After ErrFull no state is replaced.
	Advance(ctx context.Context, l *Lease, position uint64) error

	// Release lets go and stores nothing. A lease that is not held is left alone, so that it can be deferred.
	Release(l *Lease)
}

// A Tag names a change for stores that processes share. Tags are random, or parts of keyed hashes.
type Tag [8]byte

// A Lease is a hold on the states of some entities. Its zero value is ready for Store.Lease.
//
// The first 8 bytes of a state are the time of its newest event, in milliseconds since 1970, little endian: all
// that a store knows of its inside. After Advance or Release no slice of States may be used.
type Lease struct {
	Refs []Ref

	// States holds a state for each ref, nil when there is none. The holder may write within a state's capacity,
	// and reslice it, or put a slice of its own in its place, which Advance copies (never a part of another
	// state). Whoever has written into a state's own bytes must Advance with Changed set: neither Release nor an error undoes that.
	States  [][]byte
	Changed []bool // the states that Advance stores

	At time.Time // when the states are touched; zero: when Advance is called

	// What is announced, set before Lease. A Shared store carries it out at once; any other leaves it to the holder.
	Ops    [][]byte // by ref, opaque to the store: a change, or nil to read alone. nil: all are read alone
	Tag    Tag      // of the changes: the same for those of one event, whoever announces them. Where one was announced before, the state is as it was before that
	Undo   bool     // Ops are to be undone: those that were announced under Tag before
	Change Changer  // what an op makes of a state

	Own any // the store's own memory

	held   bool
	order  []int32 // refs by key, so by shard
	places []int32 // by ref: where its state stands in the shard's index, or one of the values in lease.go
}

// A Changer makes of the state of the i-th ref what an op does to it, or what it was before. The result may be in the
// state's memory, or in the changer's own until its next use for the same ref. It must cope with any bytes.
type Changer interface {
	Change(i int, state, op []byte, undo bool) []byte
}

// Reset readies l for refs: no state, nothing changed. It is for stores.
func (l *Lease) Reset(refs []Ref) {
	l.At = time.Time{}
	l.Refs = append(l.Refs[:0], refs...)
	l.States = append(l.States[:0], make([][]byte, len(refs))...)
	l.Changed = append(l.Changed[:0], make([]bool, len(refs))...)
}
