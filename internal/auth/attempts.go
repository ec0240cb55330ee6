package auth

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"
)

// attempts bounds the work that an address can have us do with tokens that turn out to be wrong. Each address has a
// bucket of attempts that fail, refilled one a second; good tokens take nothing from it. One that is empty goes into
// debt: what was under way at once, before the first of it had failed, is paid for by waiting.
//
// Addresses are kept in a table of fixed size. Where it is full the one that has most left, which it would soon be
// forgotten for, makes room: somebody with more addresses than that is bounded by their number only.
type attempts struct {
	seed maphash.Seed
	mu   sync.Mutex
	sets [attemptSets][attemptWays]attempted
}

// attempted is an address that has failed. The zero one is free.
type attempted struct {
	address netip.Addr // the first of an IPv6 /64
	left    float64
	at      int64 // when left was right, in nanoseconds
}

const (
	attemptSets  = 1024
	attemptWays  = 4
	attemptBurst = 10.  // failures
	attemptRate  = 1e-9 // failures a nanosecond
	attemptDebt  = -60. // failures
)

func newAttempts() *attempts { return &attempts{seed: maphash.MakeSeed()} }

// may reports whether the address may try. Where a client is not known to come from any there is no limit: it would be
// one for all of them.
func (a *attempts) may(address netip.Addr, now time.Time) bool {
	if !address.IsValid() {
		return true
	}
	address = limited(address)
	a.mu.Lock()
	defer a.mu.Unlock()
	set := a.set(address)
	for i := range set {
		if set[i].address == address {
			return set[i].by(now.UnixNano()) >= 1
		}
	}
	return true
}

// failed counts a failed attempt.
func (a *attempts) failed(address netip.Addr, now time.Time) {
	if !address.IsValid() {
		return
	}
	address = limited(address)
	a.mu.Lock()
	defer a.mu.Unlock()
	set, at := a.set(address), now.UnixNano()
	one := &set[0]
	for i := range set {
		if set[i].address == address {
			one = &set[i]
			break
		}
		if set[i].by(at) > one.by(at) {
			one = &set[i]
		}
	}
	if one.address != address {
		*one = attempted{address: address, left: attemptBurst, at: at}
	}
	one.left, one.at = max(one.by(at)-1, attemptDebt), at
}

func (a *attempts) set(address netip.Addr) *[attemptWays]attempted {
	b := address.As16()
	return &a.sets[maphash.Bytes(a.seed, b[:])%attemptSets]
}

// by returns what is left at that time.
func (o *attempted) by(now int64) float64 {
	if !o.address.IsValid() {
		return attemptBurst + 1 // free: it goes first
	}
	return min(o.left+attemptRate*float64(max(now-o.at, 0)), attemptBurst)
}

// limited returns what stands for all addresses that one client may have: itself, or an IPv6 /64.
func limited(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if a.Is4() {
		return a
	}
	return prefix(a, 64).Addr()
}

// prefix returns the network of that many bits that a is in.
func prefix(a netip.Addr, bits int) netip.Prefix {
	p, _ := a.Prefix(bits) // fails for other numbers of bits than we have
	return p
}

// network returns where a client is as closely as a log may tell: a whole address is personal data.
func network(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	a = a.Unmap().WithZone("")
	if a.Is4() {
		return prefix(a, 24).String()
	}
	return prefix(a, 56).String()
}
