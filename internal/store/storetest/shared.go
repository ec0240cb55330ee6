package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	mrand "math/rand/v2"

	"github.com/besra-ml/besra/internal/store"
)

func oneTagCountsOnce(t *testing.T, a, b store.Shared) {
	of := tag()
	var l store.Lease
	appendTo(t, a, 1, 1, 2)
	announceAs(t, a, &l, of, 2, 1, 2)
	carry(t, a, &l)
	appendTo(t, b, 3, 1, 2)
	for _, s := range []store.Shared{a, b, a} {
		announceAs(t, s, &l, of, 2, 1, 2)
		for i := range 2 {
			if got := held(l.States[i]); !slices.Equal(got, []int{1}) {
				t.Fatalf("the second time the list was %v", got)
			}
		}
		if s == b {
			s.Release(&l) // which takes back its own announcement, not the first
		} else {
			carry(t, s, &l)
		}
		expect(t, s, 1, 1, 2, 3)
		expect(t, s, 2, 1, 2, 3)
	}
}

func aReleasedTagCountsAgain(t *testing.T, a, b store.Shared) {
	of := tag()
	var l store.Lease
	announceAs(t, a, &l, of, 1, 1)
	a.Release(&l)
	announceAs(t, b, &l, of, 1, 1)
	carry(t, b, &l)
	expect(t, a, 1, 1)
}

func aFoldedTagCountsOnce(t *testing.T, a, b store.Shared) {
	of, gone := tag(), tag()
	var want []int
	var l, kept store.Lease
	announceAs(t, a, &l, of, 0, 1)
	carry(t, a, &l)
	announceAs(t, a, &kept, gone, 1, 1) // is released long after
	want = append(want, 0, 1)
	for n := 2; n < 60; n++ {
		appendTo(t, b, n, 1)
		want = append(want, n)
		if n%20 == 0 {
			time.Sleep(400 * time.Millisecond) // what is settled is folded
		}
	}
	announceAs(t, b, &l, of, 0, 1)
	if got := held(l.States[0]); slices.Contains(got, 0) {
		t.Fatalf("the list is %v", got)
	}
	carry(t, b, &l)
	expect(t, a, 1, want...)
	a.Release(&kept)
	expect(t, b, 1, slices.DeleteFunc(want, func(n int) bool { return n == 1 })...)
}

// begin claims a key and announces that n is to be appended to lists.
func begin(t *testing.T, s store.Shared, l *store.Lease, of store.Tag, key store.Key, d store.Digest, n int, lists ...int) (store.Claimed, string) {
	t.Helper()
	l.Tag, l.Undo, l.Change, l.Ops = of, false, list{}, nil
	for range lists {
		l.Ops = append(l.Ops, number(n))
	}
	got, answer, err := s.Begin(t.Context(), key, d, []byte("so: "), refs(lists...), l)
	if err != nil {
		t.Fatal(err)
	}
	return got, string(answer)
}

func claimAndLeaseBegin(t *testing.T, a, b store.Shared) {
	appendTo(t, a, 1, 1, 2)
	var l store.Lease
	if got, answer := begin(t, a, &l, tag(), Key(9), first, 2, 1, 2); got != store.Won || answer != "so: " {
		t.Fatal(got, answer)
	}
	for i := range 2 {
		if before := held(l.States[i]); !slices.Equal(before, []int{1}) {
			t.Errorf("the list was %v", before)
		}
	}
	carry(t, a, &l)
	complete(t, a, Key(9), first, "yes")
	expect(t, b, 1, 1, 2)
	// One that is taken back is so in both.
	if got, _ := begin(t, b, &l, tag(), Key(8), first, 3, 1, 2); got != store.Won {
		t.Fatal(got)
	}
	b.Release(&l)
	if err := b.Abandon(t.Context(), Key(8), first); err != nil {
		t.Fatal(err)
	}
	expect(t, a, 2, 1, 2)
	claim(t, a, Key(8), second, store.Won)
}

func aLostClaimLeasesNothing(t *testing.T, a, b store.Shared) {
	claim(t, a, Key(9), first, store.Won)
	var l store.Lease
	for _, c := range []struct {
		digest store.Digest
		want   store.Claimed
	}{{first, store.Pending}, {second, store.Reused}} {
		if got, answer := begin(t, b, &l, tag(), Key(9), c.digest, 1, 1); got != c.want || answer != "so: " {
			t.Fatal(got, answer)
		}
		if err := b.Advance(t.Context(), &l, 1); !errors.Is(err, store.ErrNotHeld) {
			t.Fatal(err)
		}
	}
	complete(t, a, Key(9), first, "yes")
	if got, answer := begin(t, b, &l, tag(), Key(9), first, 1, 1); got != store.Answered || answer != "so: yes" {
		t.Fatal(got, answer)
	}
	expect(t, a, 1)
	l.Ops = [][]byte{number(1), number(1)}
	if _, _, err := b.Begin(t.Context(), Key(7), first, nil, refs(1, 1), &l); !errors.Is(err, store.ErrTwice) {
		t.Error(err)
	}
	claim(t, a, Key(7), first, store.Won) // nothing was claimed
}

func processesSeeOneOrder(t *testing.T, a, b store.Shared) {
	var o observed
	var wg sync.WaitGroup
	for g, s := range []store.Shared{a, b, a, b} {
		wg.Go(func() {
			o.rounds(t, s, mrand.New(mrand.NewPCG(uint64(g), 2)), g, 250, 3, 3*time.Millisecond) // long enough for folds
		})
	}
	wg.Wait()
	o.check(t, a)
	o.check(t, b)
}

func anAnswerIsEverybodys(t *testing.T, a, b store.Shared) {
	claim(t, a, Key(1), first, store.Won)
	claim(t, b, Key(1), first, store.Pending)
	claim(t, b, Key(1), second, store.Reused)
	if err := b.Complete(t.Context(), Key(1), first, nil); !errors.Is(err, store.ErrNoClaim) {
		t.Fatal(err)
	}
	out := wait(t.Context(), b, Key(1), 20)
	complete(t, a, Key(1), first, "yes")
	for range 20 {
		if w := <-out; w.err != nil || w.claimed != store.Answered || string(w.answer) != "yes" {
			t.Fatalf("%v, %q, %v", w.claimed, w.answer, w.err)
		}
	}
	claim(t, b, Key(1), second, store.Reused)
}

func oneOfAllWins(t *testing.T, a, b store.Shared) {
	const twins = 500
	for i := range 3 {
		var won atomic.Int32
		var wg sync.WaitGroup
		for n := range 2 * twins {
			s := a
			if n%2 == 0 {
				s = b
			}
			wg.Go(func() {
				got, answer, err := s.Claim(t.Context(), Key(i), first, true, nil)
				switch {
				case err != nil:
					t.Error(err)
				case got == store.Won:
					won.Add(1)
					time.Sleep(5 * time.Millisecond)
					if err := s.Complete(t.Context(), Key(i), first, fmt.Append(nil, "answer ", i)); err != nil {
						t.Error(err)
					}
				case got != store.Answered || string(answer) != fmt.Sprint("answer ", i):
					t.Errorf("%v, %q", got, answer)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Errorf("%d won", won.Load())
		}
	}
}

func aClaimExpires(t *testing.T, a, b store.Shared) {
	soon, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if got, _, err := a.Claim(soon, Key(1), first, false, nil); got != store.Won || err != nil {
		t.Fatal(got, err)
	}
	got, _, err := b.Claim(t.Context(), Key(1), first, true, nil)
	if got != store.Won || err != nil {
		t.Fatal(got, err)
	}
	if err := a.Complete(t.Context(), Key(1), first, []byte("late")); !errors.Is(err, store.ErrNoClaim) {
		t.Errorf("the late answer was taken: %v", err)
	}
	complete(t, b, Key(1), first, "yes")
	if err := a.Abandon(t.Context(), Key(1), first); !errors.Is(err, store.ErrNoClaim) {
		t.Error(err)
	}
	for _, s := range []store.Shared{a, b} {
		if got := claim(t, s, Key(1), first, store.Answered); string(got) != "yes" {
			t.Fatalf("%q", got)
		}
	}
}
