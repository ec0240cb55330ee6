//go:build !race

package store_test

import (
	"encoding/binary"
	"testing"

	"github.com/besra-ml/besra/internal/store"
	"github.com/besra-ml/besra/internal/store/storetest"
)

const racing = false

func TestALeaseAllocatesNothing(t *testing.T) {
	m := store.NewMemory(store.Options{})
	const n = 1000
	var keys [n]store.Key
	for i := range keys {
		keys[i] = storetest.Key(i)
		put(t, m, keys[i], 200)
	}
	var l store.Lease
	refs := make([]store.Ref, 4)
	i := 0
	allocs := testing.AllocsPerRun(5000, func() {
		for k := range refs {
			i = (i + 7) % n
			refs[k].Key = keys[i]
		}
		if err := m.Lease(t.Context(), refs, &l); err != nil {
			t.Fatal(err)
		}
		for k := range refs {
			binary.LittleEndian.PutUint64(l.States[k], uint64(i))
			l.Changed[k] = true
		}
		if err := m.Advance(t.Context(), &l, 1); err != nil {
			t.Fatal(err)
		}
	})
	if allocs != 0 {
		t.Errorf("a lease allocates %v times", allocs)
	}
}

func TestAClaimAllocatesNothing(t *testing.T) {
	m := store.NewMemory(store.Options{ReplayBytes: 1 << 20})
	answer := make([]byte, 300)
	ctx, d := t.Context(), store.Digest{1}
	i := 0
	round := func() {
		i++
		key := storetest.Key(i)
		if got, _, err := m.Claim(ctx, key, d, true, nil); got != store.Won || err != nil {
			t.Fatal(got, err)
		}
		if err := m.Complete(ctx, key, d, answer); err != nil {
			t.Fatal(err)
		}
	}
	for range 20_000 { // until the rings have their size
		round()
	}
	if allocs := testing.AllocsPerRun(2000, round); allocs != 0 {
		t.Errorf("a claim that wins allocates %v times", allocs)
	}
	dst := make([]byte, 0, 512)
	last := storetest.Key(i)
	allocs := testing.AllocsPerRun(2000, func() {
		if got, _, err := m.Claim(ctx, last, d, true, dst); got != store.Answered || err != nil {
			t.Fatal(got, err)
		}
	})
	if allocs != 0 {
		t.Errorf("a claim that is answered allocates %v times", allocs)
	}
}
