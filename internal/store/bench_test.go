package store_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/besra-ml/besra/internal/store"
)

func BenchmarkLease(b *testing.B) {
	for _, n := range []int{5000, 1_000_000} {
		b.Run(fmt.Sprintf("keys=%d", n), func(b *testing.B) {
			m := store.NewMemory(store.Options{Bytes: 4 << 30})
			for i := range n {
				put(b, m, mixed(uint64(i)), 200+i%601)
			}
			r := rand.New(rand.NewPCG(1, 1))
			draws := make([]int32, 1<<16)
			for i := range draws {
				draws[i] = int32(r.IntN(n))
			}
			refs := make([]store.Ref, 2)
			var l store.Lease
			ctx := b.Context()
			i := 0
			b.ReportAllocs()
			for b.Loop() {
				i = (i + 2) % len(draws)
				refs[0].Key = mixed(uint64(draws[i]))
				refs[1].Key = mixed(uint64(draws[i+1]))
				if m.Lease(ctx, refs, &l) != nil {
					continue // the same twice
				}
				for k := range refs {
					binary.LittleEndian.PutUint64(l.States[k], uint64(i))
					l.Changed[k] = true
				}
				if err := m.Advance(ctx, &l, uint64(i)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkClaim(b *testing.B) {
	text := make([]byte, 300)
	b.Run("won", func(b *testing.B) {
		m := store.NewMemory(store.Options{ReplayBytes: 64 << 20})
		ctx := b.Context()
		i := uint64(0)
		claim := func() {
			i++
			key := mixed(i)
			if got, _, err := m.Claim(ctx, key, store.Digest{}, true, nil); got != store.Won || err != nil {
				b.Fatal(got, err)
			}
			if err := m.Complete(ctx, key, store.Digest{}, text); err != nil {
				b.Fatal(err)
			}
		}
		for range 300_000 {
			claim()
		}
		b.ReportAllocs()
		for b.Loop() {
			claim()
		}
	})
	b.Run("answered", func(b *testing.B) {
		m := store.NewMemory(store.Options{})
		const n = 100_000
		for i := range uint64(n) {
			answer(b, m, mixed(i), text)
		}
		ctx := b.Context()
		dst := make([]byte, 0, 512)
		i := uint64(0)
		b.ReportAllocs()
		for b.Loop() {
			i = (i + 7919) % n
			key := mixed(i)
			if got, _, err := m.Claim(ctx, key, store.Digest(key), true, dst); got != store.Answered || err != nil {
				b.Fatal(got, err)
			}
		}
	})
}

// BenchmarkHeld reports what an entity of 800 bytes really takes.
func BenchmarkHeld(b *testing.B) {
	for _, n := range []int{5000, 1_000_000} {
		b.Run(fmt.Sprintf("keys=%d", n), func(b *testing.B) {
			for b.Loop() {
				before := heap()
				m := store.NewMemory(store.Options{Bytes: 4 << 30})
				for i := range n {
					put(b, m, mixed(uint64(i)), 800)
				}
				b.ReportMetric(float64(m.Stats().Bytes)/float64(n), "counted-B/entity")
				b.ReportMetric(float64(heap()-before)/float64(n), "heap-B/entity")
				runtime.KeepAlive(m)
			}
		})
	}
}
