package auth

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"
)

// address returns one of many addresses.
func address(n int) netip.Addr {
	return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, 10<<24+uint32(n))))
}

func TestAnAddressMayFailTenTimesAndThenOnceASecond(t *testing.T) {
	a, now := newAttempts(), time.Unix(1_800_000_000, 0)
	who := address(1)
	for i := range 10 {
		if !a.may(who, now) {
			t.Fatalf("refused after %d", i)
		}
		a.failed(who, now)
	}
	for range 3 {
		if a.may(who, now) || a.may(who, now.Add(999*time.Millisecond)) || !a.may(address(2), now) {
			t.Fatal("want it refused for a second, and others not")
		}
		now = now.Add(time.Second)
		if !a.may(who, now) {
			t.Fatal("refused after a second")
		}
		a.failed(who, now)
	}
	if now = now.Add(-time.Hour); a.may(who, now) {
		t.Error("a clock that goes back gives attempts")
	}
}

func TestWhatFailedAtOnceIsPaidForByWaiting(t *testing.T) {
	a, now := newAttempts(), time.Unix(1_800_000_000, 0)
	for range 30 {
		a.failed(address(1), now)
	}
	if a.may(address(1), now.Add(20*time.Second)) || !a.may(address(1), now.Add(21*time.Second)) {
		t.Error("want 30 failures to cost 21 s")
	}
	for range 10_000 {
		a.failed(address(2), now)
	}
	if a.may(address(2), now.Add(60*time.Second)) || !a.may(address(2), now.Add(61*time.Second)) {
		t.Error("want it let in after a minute at most")
	}
}

func TestAddressesThatOneClientMayHaveAreOne(t *testing.T) {
	a, now := newAttempts(), time.Unix(1_800_000_000, 0)
	for range 10 {
		a.failed(netip.MustParseAddr("2001:db8:0:1::1"), now)
		a.failed(netip.MustParseAddr("::ffff:192.0.2.1"), now)
		a.failed(netip.MustParseAddr("fe80::1%eth0"), now)
		a.failed(netip.Addr{}, now)
	}
	for text, want := range map[string]bool{
		"2001:db8:0:1:ffff::2": false, "2001:db8:0:2::1": true, "192.0.2.1": false, "192.0.2.2": true, "fe80::2%eth1": false,
	} {
		if a.may(netip.MustParseAddr(text), now) != want {
			t.Errorf("%s: want %v", text, want)
		}
	}
	if !a.may(netip.Addr{}, now) {
		t.Error("who comes from nowhere is one with others who do")
	}
}

// The table has room for so many; who has failed most is remembered longest.
func TestAFloodOfAddressesDoesNotWashOutTheWorst(t *testing.T) {
	a, now := newAttempts(), time.Unix(1_800_000_000, 0)
	worst := address(0)
	for range 30 {
		a.failed(worst, now)
	}
	for i := range 100_000 {
		a.failed(address(1+i), now)
	}
	if a.may(worst, now) {
		t.Error("it is forgotten")
	}
	full := 0
	for i := range a.sets {
		for k := range a.sets[i] {
			if a.sets[i][k].address.IsValid() {
				full++
			}
		}
	}
	if full != attemptSets*attemptWays {
		t.Errorf("%d of %d places are taken by 100,000 addresses", full, attemptSets*attemptWays)
	}
}
