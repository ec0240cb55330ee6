package storetest

import (
	"crypto/rand"
	"encoding/binary"
	"slices"
	"sync"
	"testing"
	"time"

	mrand "math/rand/v2"

	"github.com/besra-ml/besra/internal/store"
)

// A list is a Changer whose states are, behind a time, the ops in the order in which they were carried out.
type list struct{}

func (list) Change(_ int, state, op []byte, undo bool) []byte {
	if len(op) != 8 {
		return state
	}
	if !undo {
		if state == nil {
			state = make([]byte, 8)
		}
		return append(state, op...)
	}
	for at := len(state) - 8; at >= 8; at -= 8 {
		if string(state[at:at+8]) == string(op) {
			return slices.Delete(state, at, at+8)
		}
	}
	return state
}

func number(n int) []byte { return binary.LittleEndian.AppendUint64(nil, uint64(n)) }

func tag() (t store.Tag) {
	_, _ = rand.Read(t[:])
	return t
}

// held returns what a list holds.
func held(state []byte) (all []int) {
	for at := 8; at+8 <= len(state); at += 8 {
		all = append(all, int(binary.LittleEndian.Uint64(state[at:])))
	}
	return all
}

// announce leases states and announces that n is to be appended to each.
func announce(t *testing.T, s store.Store, l *store.Lease, n int, keys ...int) {
	t.Helper()
	announceAs(t, s, l, tag(), n, keys...)
}

func announceAs(t *testing.T, s store.Store, l *store.Lease, of store.Tag, n int, keys ...int) {
	t.Helper()
	l.Tag, l.Undo, l.Change, l.Ops = of, false, list{}, l.Ops[:0]
	for range keys {
		l.Ops = append(l.Ops, number(n))
	}
	lease(t, s, l, keys...)
}

// carry carries out what was announced.
func carry(t *testing.T, s store.Store, l *store.Lease) {
	t.Helper()
	for i := range l.Refs {
		if l.Ops[i] != nil {
			l.States[i], l.Changed[i] = l.Change.Change(i, l.States[i], l.Ops[i], l.Undo), true
		}
	}
	advance(t, s, l)
}

func appendTo(t *testing.T, s store.Store, n int, keys ...int) {
	t.Helper()
	var l store.Lease
	announce(t, s, &l, n, keys...)
	carry(t, s, &l)
}

// expect reads a list.
func expect(t *testing.T, s store.Store, key int, want ...int) {
	t.Helper()
	if got := whole(t, s, key); !slices.Equal(got, want) {
		t.Fatalf("the list is %v, want %v", got, want)
	}
}

func whole(t *testing.T, s store.Store, key int) []int {
	t.Helper()
	l := store.Lease{Change: list{}}
	lease(t, s, &l, key)
	defer s.Release(&l)
	return held(l.States[0])
}

func aChangeIsSeen(t *testing.T, s store.Store) {
	var l store.Lease
	for n := range 50 {
		announce(t, s, &l, n, 1, 2)
		for i := range 2 {
			if got := held(l.States[i]); len(got) != n || n > 0 && got[n-1] != n-1 {
				t.Fatalf("before %d the list is %v", n, got)
			}
		}
		carry(t, s, &l)
	}
	expect(t, s, 3)
}

func whatIsReadStays(t *testing.T, s store.Store) {
	appendTo(t, s, 1, 1)
	l := store.Lease{Tag: tag(), Change: list{}, Ops: [][]byte{nil, number(2)}}
	lease(t, s, &l, 1, 2)
	if got := held(l.States[0]); !slices.Equal(got, []int{1}) {
		t.Fatal(got)
	}
	carry(t, s, &l)
	expect(t, s, 1, 1)
	expect(t, s, 2, 2)
}

func releasedHasNeverBeen(t *testing.T, s store.Store) {
	appendTo(t, s, 1, 1)
	var l store.Lease
	announce(t, s, &l, 2, 1, 2)
	s.Release(&l)
	s.Release(&l) // which is left alone
	expect(t, s, 1, 1)
	expect(t, s, 2)
	appendTo(t, s, 3, 1)
	expect(t, s, 1, 1, 3)
}

func aChangeCanBeUndone(t *testing.T, s store.Store) {
	of := tag()
	var l store.Lease
	appendTo(t, s, 1, 1)
	announceAs(t, s, &l, of, 2, 1)
	carry(t, s, &l)
	appendTo(t, s, 3, 1)
	l.Tag, l.Undo, l.Ops = of, true, append(l.Ops[:0], number(2))
	lease(t, s, &l, 1)
	carry(t, s, &l)
	expect(t, s, 1, 1, 3)
}

func aGroupHasOneNumber(t *testing.T, s store.Store) {
	a, b := s.Group([16]byte{1}, time.Hour), s.Group([16]byte{2}, time.Hour)
	if a == b || s.Group([16]byte{1}, 2*time.Hour) != a {
		t.Fatal("groups share a number, or one has two")
	}
}

// observed is what leases have seen of some lists.
type observed struct {
	mu    sync.Mutex
	lists map[int][][]int
}

func (o *observed) add(key int, list []int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.lists == nil {
		o.lists = map[int][][]int{}
	}
	o.lists[key] = append(o.lists[key], list)
}

// check holds what was seen against the lists as they are at the end.
func (o *observed) check(t *testing.T, s store.Store) {
	t.Helper()
	for key, lists := range o.lists {
		end := whole(t, s, key)
		if len(end) != len(lists) {
			t.Errorf("list %d has %d of %d changes", key, len(end), len(lists))
		}
		seen := map[int]bool{}
		for _, l := range lists {
			if len(l) > len(end) || !slices.Equal(l, end[:len(l)]) {
				t.Fatalf("list %d: %v was seen, and it became %v", key, l, end)
			}
			if seen[len(l)] {
				t.Errorf("list %d: two leases were the %d-th", key, len(l))
			}
			seen[len(l)] = true
		}
	}
}

// What is released while others look may be seen by them, where the store is shared; so nothing is here.
func allSeeOneOrder(t *testing.T, s store.Store) {
	const writers, rounds, keys = 8, 100, 5
	var o observed
	var wg sync.WaitGroup
	for g := range writers {
		wg.Go(func() {
			r := mrand.New(mrand.NewPCG(uint64(g), 1))
			o.rounds(t, s, r, g, rounds, keys, 0)
		})
	}
	wg.Wait()
	o.check(t, s)
}

// rounds appends numbers to random lists, and notes what was there before.
func (o *observed) rounds(t *testing.T, s store.Store, r *mrand.Rand, who, rounds, keys int, pause time.Duration) {
	var l store.Lease
	for n := range rounds {
		ns := some(r, 1+r.IntN(3), keys)
		announce(t, s, &l, who*100_000+n, ns...)
		lists := make([][]int, len(ns))
		for i := range ns {
			lists[i] = held(l.States[i])
		}
		carry(t, s, &l)
		for i, key := range ns {
			o.add(key, lists[i])
		}
		time.Sleep(pause)
	}
}
