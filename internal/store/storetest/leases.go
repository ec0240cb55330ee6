package storetest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/besra-ml/besra/internal/store"
)

func refs(ns ...int) []store.Ref {
	out := make([]store.Ref, len(ns))
	for i, n := range ns {
		out[i].Key = Key(n)
	}
	return out
}

func lease(t *testing.T, s store.Store, l *store.Lease, ns ...int) {
	t.Helper()
	if err := s.Lease(t.Context(), refs(ns...), l); err != nil {
		t.Fatal(err)
	}
	if len(l.Refs) != len(ns) || len(l.States) != len(ns) || len(l.Changed) != len(ns) {
		t.Fatalf("a lease of %d has %d refs, %d states, %d changed", len(ns), len(l.Refs), len(l.States), len(l.Changed))
	}
	for i := range ns {
		if l.Refs[i].Key != Key(ns[i]) || l.Changed[i] {
			t.Fatalf("ref %d is %v, changed %v", i, l.Refs[i], l.Changed[i])
		}
	}
}

func advance(t *testing.T, s store.Store, l *store.Lease) {
	t.Helper()
	if err := s.Advance(t.Context(), l, 1); err != nil {
		t.Fatal(err)
	}
}

func set(t *testing.T, s store.Store, n int, state []byte) {
	t.Helper()
	var l store.Lease
	lease(t, s, &l, n)
	l.States[0], l.Changed[0] = state, true
	advance(t, s, &l)
}

func get(t *testing.T, s store.Store, n int) []byte {
	t.Helper()
	var l store.Lease
	lease(t, s, &l, n)
	defer s.Release(&l)
	if l.States[0] == nil {
		return nil
	}
	return bytes.Clone(l.States[0])
}

// state returns a state of n bytes that is unlike others.
func state(seed uint64, n int) []byte {
	out := make([]byte, n)
	r := rand.New(rand.NewPCG(seed, 0))
	for i := range out {
		out[i] = byte(r.Uint32())
	}
	if n >= 8 {
		binary.LittleEndian.PutUint64(out, seed)
	}
	return out
}

func aStateComesBack(t *testing.T, s store.Store) {
	var l store.Lease
	lease(t, s, &l, 1, 2)
	if l.States[0] != nil || l.States[1] != nil {
		t.Fatal("an empty store has states")
	}
	a, b := state(1, 20), state(2, 3000)
	l.States[0], l.States[1] = bytes.Clone(a), bytes.Clone(b)
	l.Changed[0], l.Changed[1] = true, true
	advance(t, s, &l)

	lease(t, s, &l, 2, 3, 1)
	defer s.Release(&l)
	if !bytes.Equal(l.States[0], b) || l.States[1] != nil || !bytes.Equal(l.States[2], a) {
		t.Fatal("other states came back")
	}
}

func unmarkedIsNotStored(t *testing.T, s store.Store) {
	set(t, s, 1, state(1, 40))
	var l store.Lease
	lease(t, s, &l, 1, 2, 3)
	l.States[0], l.States[1], l.States[2] = state(7, 40), state(8, 40), state(9, 40)
	l.Changed[2] = true
	advance(t, s, &l)
	if !bytes.Equal(get(t, s, 1), state(1, 40)) || get(t, s, 2) != nil || !bytes.Equal(get(t, s, 3), state(9, 40)) {
		t.Fatal("not what was marked was stored")
	}
}

func releasedIsNotStored(t *testing.T, s store.Store) {
	set(t, s, 1, state(1, 40))
	var l store.Lease
	lease(t, s, &l, 1, 2)
	l.States[0], l.States[1] = state(7, 40), state(8, 400)
	l.Changed[0], l.Changed[1] = true, true
	s.Release(&l)
	s.Release(&l) // which is left alone
	if !bytes.Equal(get(t, s, 1), state(1, 40)) || get(t, s, 2) != nil {
		t.Fatal("a released state was stored")
	}
}

func aStateGrowsAndShrinks(t *testing.T, s store.Store) {
	const keys = 5
	want := make([][]byte, keys)
	r := rand.New(rand.NewPCG(1, 2))
	var l store.Lease
	for round := range 400 {
		lease(t, s, &l, 0, 1, 2, 3, 4)
		for i := range keys {
			if !bytes.Equal(l.States[i], want[i]) {
				t.Fatalf("round %d: state %d of %d bytes is not what was stored", round, i, len(want[i]))
			}
			l.Changed[i] = true
			st := l.States[i]
			switch r.IntN(5) {
			case 0: // grows where it is, as far as it can
				st = append(st, state(uint64(round), 1+r.IntN(300))...)
			case 1: // shrinks where it is
				st = st[:min(len(st), 8+r.IntN(len(st)+1))]
			case 2: // loses its beginning
				st = st[min(len(st), r.IntN(40)):]
			case 3: // another
				st = state(uint64(round), 8+r.IntN(2000))
			default:
				l.Changed[i] = false
				continue
			}
			l.States[i] = st
			want[i] = bytes.Clone(st)
		}
		advance(t, s, &l)
		for i := range want {
			if len(want[i]) == 0 {
				want[i] = nil
			}
		}
	}
}

func anEmptyStateIsNone(t *testing.T, s store.Store) {
	set(t, s, 1, state(1, 40))
	set(t, s, 1, nil)
	set(t, s, 2, []byte{})
	if get(t, s, 1) != nil || get(t, s, 2) != nil {
		t.Fatal("an empty state was kept")
	}
}

func aKeyTwiceIsRefused(t *testing.T, s store.Store) {
	var l store.Lease
	if err := s.Lease(t.Context(), refs(1, 2, 1), &l); !errors.Is(err, store.ErrTwice) {
		t.Fatal(err)
	}
	lease(t, s, &l, 1, 2) // nothing was held
	s.Release(&l)
	lease(t, s, &l)
	advance(t, s, &l)
}

func aLeaseIsHeldOnce(t *testing.T, s store.Store) {
	var l store.Lease
	if err := s.Advance(t.Context(), &l, 1); !errors.Is(err, store.ErrNotHeld) {
		t.Fatal(err)
	}
	announce(t, s, &l, 7, 1)
	if err := s.Lease(t.Context(), refs(2), &l); !errors.Is(err, store.ErrHeld) {
		t.Fatal(err)
	}
	carry(t, s, &l)
	if err := s.Advance(t.Context(), &l, 1); !errors.Is(err, store.ErrNotHeld) {
		t.Fatal(err)
	}
	expect(t, s, 1, 7)
}

func anEndedContextLeasesNothing(t *testing.T, s store.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var l store.Lease
	if err := s.Lease(ctx, refs(1), &l); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	lease(t, s, &l, 1)
	s.Release(&l)
}

func argumentsStayTheCallers(t *testing.T, s store.Store) {
	given, op := refs(1, 2), number(7)
	l := store.Lease{Tag: tag(), Ops: [][]byte{op, op}, Change: list{}}
	if err := s.Lease(t.Context(), given, &l); err != nil {
		t.Fatal(err)
	}
	clear(given)
	carry(t, s, &l)
	clear(op)
	answer := []byte("yes")
	claim(t, s, Key(1), first, store.Won)
	if err := s.Complete(t.Context(), Key(1), first, answer); err != nil {
		t.Fatal(err)
	}
	clear(answer)
	expect(t, s, 1, 7)
	if got := claim(t, s, Key(1), first, store.Answered); string(got) != "yes" {
		t.Fatalf("the answer became %q", got)
	}
}

// add adds 1 to the counter that a state holds behind its time, and to that time.
func add(l *store.Lease, i int) {
	if l.States[i] == nil {
		l.States[i] = make([]byte, 16)
	}
	for at := 0; at < 16; at += 8 {
		n := binary.LittleEndian.Uint64(l.States[i][at:])
		binary.LittleEndian.PutUint64(l.States[i][at:], n+1)
	}
	l.Changed[i] = true
}

// some returns k of n numbers, in random order.
func some(r *rand.Rand, k, n int) []int { return r.Perm(n)[:k] }

func leasesExclude(t *testing.T, s store.Store) {
	const writers, rounds, keys = 8, 500, 6
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		total [keys]uint64
	)
	for g := range writers {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(g), 1))
			var l store.Lease
			var mine [keys]uint64
			for range rounds {
				ns := some(r, 1+r.IntN(4), keys)
				if err := s.Lease(t.Context(), refs(ns...), &l); err != nil {
					t.Error(err)
					return
				}
				if r.IntN(8) == 0 {
					s.Release(&l)
					continue
				}
				for i, n := range ns {
					add(&l, i)
					mine[n]++
					if r.IntN(4) == 0 { // states move, too
						l.States[i] = append(l.States[i], make([]byte, 1+r.IntN(50))...)
					} else if r.IntN(4) == 0 {
						l.States[i] = l.States[i][:16]
					}
				}
				if err := s.Advance(t.Context(), &l, 1); err != nil {
					t.Error(err)
				}
			}
			mu.Lock()
			defer mu.Unlock()
			for i, n := range mine {
				total[i] += n
			}
		})
	}
	wg.Wait()
	for i, want := range total {
		if got := binary.LittleEndian.Uint64(get(t, s, i)[8:]); got != want {
			t.Errorf("counter %d is %d after %d additions", i, got, want)
		}
	}
}

func statesChangeTogether(t *testing.T, s store.Store) {
	const keys = 4
	var wg sync.WaitGroup
	for g := range 6 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(g), 2))
			var l store.Lease
			for range 400 {
				if err := s.Lease(t.Context(), refs(some(r, keys, keys)...), &l); err != nil {
					t.Error(err)
					return
				}
				for i := range keys {
					if !bytes.Equal(l.States[i], l.States[0]) {
						t.Errorf("the states of one lease differ: %x, %x", l.States[0], l.States[i])
					}
				}
				if g%2 == 0 {
					s.Release(&l)
					continue
				}
				for i := range keys {
					add(&l, i)
				}
				if err := s.Advance(t.Context(), &l, 1); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func manyStatesStayApart(t *testing.T, s store.Store) {
	const n = 3000
	size := func(i int) int { return 8 + i*7%900 }
	for i := range n {
		set(t, s, i, state(uint64(i), size(i)))
	}
	for i := 0; i < n; i += 3 {
		set(t, s, i, nil)
	}
	for i := 1; i < n; i += 3 {
		set(t, s, i, state(uint64(i), size(i)*2))
	}
	for i := range n {
		got := get(t, s, i)
		switch i % 3 {
		case 0:
			if got != nil {
				t.Fatalf("state %d is back", i)
			}
		case 1:
			if !bytes.Equal(got, state(uint64(i), size(i)*2)) {
				t.Fatalf("state %d is another", i)
			}
		default:
			if !bytes.Equal(got, state(uint64(i), size(i))) {
				t.Fatalf("state %d is another", i)
			}
		}
	}
}
