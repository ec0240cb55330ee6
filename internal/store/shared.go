package store

import (
	"context"
	"crypto/tls"
	"log/slog"
	"time"
)

// A Shared is a Store that many processes have together, outside of all of them.
type Shared interface {
	Store

	// Run looks after the connection until ctx ends: it is made anew when it has failed, and what could not be said
	// while it was down is said. Before Run, and after it, the store works as long as the connection does.
	Run(ctx context.Context)

	// Wake sees to it that the connection is there, as after the process was stopped for a while: one that has died
	// meanwhile is made anew, within the time that ctx has. An error says that it could not be had.
	Wake(ctx context.Context) error

	// Begin is Claim without waiting, and, if the claim is won, Lease: in one trip where that can be had. Only then l is
	// held. After an error neither is: what may have come of it is taken back when the store is there again.
	Begin(ctx context.Context, key Key, d Digest, dst []byte, refs []Ref, l *Lease) (Claimed, []byte, error)

	// Delete removes a state, and reports whether there was one.
	Delete(ctx context.Context, key Key) (bool, error)

	// Status says how the store is, without asking it.
	Status() SharedStatus

	// Call runs a script of Lua on one key at the store, and returns a reply of integers. It is for those who keep other
	// things there, such as limits. Keys are told apart from states and answers by their first letter.
	Call(ctx context.Context, script, key string, args ...string) ([]int64, error)

	// Get returns what Put has put under a key; nil: nothing. They are for what can be done without, and keys are told
	// apart as Call's are. Put does not wait, and may come to nothing.
	Get(ctx context.Context, key string) ([]byte, error)
	Put(key string, value []byte, ttl time.Duration)

	// Close ends the connection. Nothing may be asked any more.
	Close()
}

// SharedStatus is how a shared store is.
type SharedStatus struct {
	Address   string
	Up        bool
	Since     time.Time // when it came up, or went down
	Why       string    // it is down; "" when it is up
	Server    string    // its name and version
	Cluster   bool
	Eviction  string // its policy at the limit of its memory; noeviction is the right one
	Evicted   int64  // states and answers that it has dropped for want of memory
	Waiting   int    // what is still to be said
	Losses    int    // times that it had lost its memory, since this process knows it
	Used, Max int64  // its memory, bytes; 0: not known, or no limit
}

// SharedOptions say where a shared store is.
type SharedOptions struct {
	Addresses []string // host:port, one or several of a cluster
	Prefix    string   // of all keys
	TLS       *tls.Config
	Name      string // of this client

	// Login returns the user and password for a new connection, and when they should be given anew; zero: never.
	// nil: there are none.
	Login func(ctx context.Context) (user, password string, renew time.Time, err error)

	Lazy     bool          // Open does not wait for a connection: Run makes it
	Deadline time.Duration // for each call; 0: 2 ms
	TTL      time.Duration // of answers; 0: 24 h
	Log      *slog.Logger
}
