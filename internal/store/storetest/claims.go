package storetest

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/besra-ml/besra/internal/store"
)

// Key returns the n-th of a series of keys.
func Key(n int) store.Key {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], uint64(n))
	sum := sha256.Sum256(b[:])
	return store.Key(sum[:16])
}

var (
	first  = store.Digest{1}
	second = store.Digest{2}
)

func claim(t *testing.T, s store.Store, key store.Key, d store.Digest, want store.Claimed) []byte {
	t.Helper()
	got, answer, err := s.Claim(t.Context(), key, d, false, nil)
	if err != nil || got != want {
		t.Fatalf("the claim is %v, %v; want %v", got, err, want)
	}
	return answer
}

func complete(t *testing.T, s store.Store, key store.Key, d store.Digest, answer string) {
	t.Helper()
	if err := s.Complete(t.Context(), key, d, []byte(answer)); err != nil {
		t.Fatal(err)
	}
}

func aSecondClaimIsAnswered(t *testing.T, s store.Store) {
	claim(t, s, Key(1), first, store.Won)
	complete(t, s, Key(1), first, "yes")
	for range 3 {
		if got := claim(t, s, Key(1), first, store.Answered); string(got) != "yes" {
			t.Fatalf("the answer is %q", got)
		}
	}
	claim(t, s, Key(2), first, store.Won)
}

func anAnswerMayBeEmpty(t *testing.T, s store.Store) {
	claim(t, s, Key(1), first, store.Won)
	complete(t, s, Key(1), first, "")
	if got := claim(t, s, Key(1), first, store.Answered); len(got) != 0 {
		t.Fatalf("the answer is %q", got)
	}
}

func anAnswerIsAppended(t *testing.T, s store.Store) {
	got, dst, err := s.Claim(t.Context(), Key(1), first, true, []byte("so: "))
	if err != nil || got != store.Won || string(dst) != "so: " {
		t.Fatal(got, dst, err)
	}
	complete(t, s, Key(1), first, "yes")
	got, dst, err = s.Claim(t.Context(), Key(1), first, true, dst)
	if err != nil || got != store.Answered || string(dst) != "so: yes" {
		t.Fatalf("%v, %q, %v", got, dst, err)
	}
}

func anotherDigestIsReused(t *testing.T, s store.Store) {
	claim(t, s, Key(1), first, store.Won)
	got, _, err := s.Claim(t.Context(), Key(1), second, true, nil)
	if err != nil || got != store.Reused {
		t.Fatalf("while pending: %v, %v", got, err)
	}
	complete(t, s, Key(1), first, "yes")
	claim(t, s, Key(1), second, store.Reused)
	claim(t, s, Key(1), first, store.Answered)
	claim(t, s, Key(2), first, store.Won)
	if err := s.Abandon(t.Context(), Key(2), first); err != nil {
		t.Fatal(err)
	}
	claim(t, s, Key(2), second, store.Won) // an abandoned claim makes nothing known
}

func aClaimIsPending(t *testing.T, s store.Store) {
	claim(t, s, Key(1), first, store.Won)
	claim(t, s, Key(1), first, store.Pending)
	complete(t, s, Key(1), first, "yes")
	claim(t, s, Key(1), first, store.Answered)
}

// A waiter is a claim in a goroutine of its own.
type waiter struct {
	claimed store.Claimed
	answer  []byte
	err     error
}

func wait(ctx context.Context, s store.Store, key store.Key, n int) <-chan waiter {
	out := make(chan waiter, n)
	for range n {
		go func() {
			claimed, answer, err := s.Claim(ctx, key, first, true, nil)
			out <- waiter{claimed, answer, err}
		}()
	}
	return out
}

func whoWaitsGetsTheAnswer(t *testing.T, s store.Store) {
	claim(t, s, Key(1), first, store.Won)
	out := wait(t.Context(), s, Key(1), 20)
	complete(t, s, Key(1), first, "yes")
	for range 20 {
		if w := <-out; w.err != nil || w.claimed != store.Answered || string(w.answer) != "yes" {
			t.Fatalf("%v, %q, %v", w.claimed, w.answer, w.err)
		}
	}
}

func oneWaiterWins(t *testing.T, s store.Store) {
	claim(t, s, Key(1), first, store.Won)
	out := wait(t.Context(), s, Key(1), 20)
	// Ten times the claim is abandoned: each time one waiter wins, and no other moves.
	for range 10 {
		if err := s.Abandon(t.Context(), Key(1), first); err != nil {
			t.Fatal(err)
		}
		if w := <-out; w.err != nil || w.claimed != store.Won {
			t.Fatalf("%v, %v", w.claimed, w.err)
		}
	}
	complete(t, s, Key(1), first, "yes")
	for range 10 {
		if w := <-out; w.err != nil || w.claimed != store.Answered || string(w.answer) != "yes" {
			t.Fatalf("%v, %q, %v", w.claimed, w.answer, w.err)
		}
	}
}

func aWaitEndsAlone(t *testing.T, s store.Store) {
	claim(t, s, Key(1), first, store.Won)
	ctx, cancel := context.WithCancel(t.Context())
	leaving := wait(ctx, s, Key(1), 5)
	staying := wait(t.Context(), s, Key(1), 5)
	cancel()
	for range 5 {
		if w := <-leaving; !errors.Is(w.err, context.Canceled) || w.claimed != store.Pending {
			t.Fatalf("%v, %v", w.claimed, w.err)
		}
	}
	claim(t, s, Key(1), first, store.Pending)
	complete(t, s, Key(1), first, "yes")
	for range 5 {
		if w := <-staying; w.err != nil || w.claimed != store.Answered {
			t.Fatalf("%v, %v", w.claimed, w.err)
		}
	}
}

func anEndedContextDoesNotWait(t *testing.T, s store.Store) {
	claim(t, s, Key(1), first, store.Won)
	ctx, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	got, _, err := s.Claim(ctx, Key(1), first, true, nil)
	if got != store.Pending || !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("%v, %v", got, err)
	}
	complete(t, s, Key(1), first, "yes")
}

func onlyTheWinnerEnds(t *testing.T, s store.Store) {
	ends := func(key store.Key, d store.Digest) {
		t.Helper()
		if err := s.Complete(t.Context(), key, d, nil); !errors.Is(err, store.ErrNoClaim) {
			t.Fatal(err)
		}
		if err := s.Abandon(t.Context(), key, d); !errors.Is(err, store.ErrNoClaim) {
			t.Fatal(err)
		}
	}
	ends(Key(1), first)
	claim(t, s, Key(1), first, store.Won)
	ends(Key(1), second)
	complete(t, s, Key(1), first, "yes")
	ends(Key(1), first)
	if got := claim(t, s, Key(1), first, store.Answered); string(got) != "yes" {
		t.Fatalf("%q", got)
	}
}

func oneOfManyWins(t *testing.T, s store.Store) {
	const claimers, keys = 8, 200
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		wins = map[int]int{}
	)
	for g := range claimers {
		wg.Go(func() {
			for i := range keys {
				want := fmt.Sprint("answer ", i)
				switch got, answer, err := s.Claim(t.Context(), Key(i), first, true, nil); {
				case err != nil:
					t.Error(err)
				case got == store.Answered && string(answer) == want:
				case got != store.Won:
					t.Errorf("key %d: %v, %q", i, got, answer)
				case (i+g)%3 == 0: // not everyone who wins can answer, and then wants it no more
					if err := s.Abandon(t.Context(), Key(i), first); err != nil {
						t.Error(err)
					}
				default:
					mu.Lock()
					wins[i]++
					mu.Unlock()
					if err := s.Complete(t.Context(), Key(i), first, []byte(want)); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	for i := range keys {
		if wins[i] != 1 {
			t.Errorf("key %d was answered %d times", i, wins[i])
		}
	}
}
