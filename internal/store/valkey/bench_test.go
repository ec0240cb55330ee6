package valkey

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/besra-ml/besra/internal/store"
	"github.com/besra-ml/besra/internal/store/valkeytest"
	"github.com/besra-ml/besra/internal/telemetry"
)

// What a call costs depends on how many are made at once: they share writes and reads.
var benchCallers = []int{1, 64}

// benchStore returns a store at a server of its own.
func benchStore(b *testing.B) (s *Store, server *valkeytest.Server) {
	b.Helper()
	server = valkeytest.Start(b)
	s, err := Open(b.Context(), store.SharedOptions{
		Addresses: []string{server.Addr()}, Prefix: "besra", Deadline: 5 * time.Second,
	}, &telemetry.New(telemetry.Options{}).Store)
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var run sync.WaitGroup
	run.Go(func() { s.Run(ctx) })
	b.Cleanup(func() {
		cancel()
		run.Wait()
		s.Close()
	})
	return s, server
}

// benchRun makes b.N calls from several goroutines, and reports the server's processor time as well.
func benchRun(b *testing.B, server *valkeytest.Server, callers int, caller func() func(n int) error) {
	b.Helper()
	b.ReportAllocs()
	before := server.CPUSeconds()
	b.ResetTimer()
	var n, failed atomic.Int64
	var team sync.WaitGroup
	for range callers {
		call := caller()
		team.Go(func() {
			for i := n.Add(1); i <= int64(b.N); i = n.Add(1) {
				err := call(int(i))
				if errors.Is(err, store.ErrDown) { // the machine is shared, and connections are given up after a second
					failed.Add(1)
					time.Sleep(time.Millisecond)
				} else if err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	team.Wait()
	b.StopTimer()
	if f := failed.Load(); f > 0 {
		b.ReportMetric(float64(f)/float64(b.N), "failed/op")
	}
	b.ReportMetric((server.CPUSeconds()-before)*1e6/float64(b.N), "server-µs/op")
}

func benchKey(n uint64) (k store.Key) {
	r := rand.New(rand.NewPCG(n, 1))
	binary.LittleEndian.PutUint64(k[:], r.Uint64())
	binary.LittleEndian.PutUint64(k[8:], r.Uint64())
	return k
}

// sized changes states as histories do: a short change of a long state, whose length is that of its first change.
type sized struct{ memory [2][]byte }

const sizedOp = 40 // bytes: about what a payment is to a history

// Change changes a state.
func (c *sized) Change(i int, state, op []byte, undo bool) []byte {
	if len(state) == 0 {
		c.memory[i] = append(c.memory[i][:0], op...)
		return c.memory[i]
	}
	if !undo {
		copy(state[:min(len(op), sizedOp)], op)
	}
	return state
}

// BenchmarkLease announces an event to the histories of a card and a terminal, of 200 to 800 bytes, as the demo's
// are, and lets go. There are 5,000 cards, and 10,000 terminals or 4 for all.
func BenchmarkLease(b *testing.B) {
	const cards = 5_000
	for _, terminals := range []int{10_000, 4} {
		b.Run(fmt.Sprintf("terminals=%d", terminals), func(b *testing.B) {
			s, server := benchStore(b)
			ctx := b.Context()
			g := s.Group([16]byte{1}, 30*24*time.Hour)
			caller := func() func(card, terminal int, op []byte) error {
				l := store.Lease{Change: new(sized)}
				return func(card, terminal int, op []byte) error {
					refs := []store.Ref{{Key: benchKey(uint64(card)), Group: g}, {Key: benchKey(uint64(cards + terminal)), Group: g}}
					binary.LittleEndian.PutUint64(l.Tag[:], rand.Uint64())
					l.Ops = append(l.Ops[:0], op, op)
					if err := s.Lease(ctx, refs, &l); err != nil {
						return err
					}
					return s.Advance(ctx, &l, 0)
				}
			}
			fill := caller()
			for i := range max(cards, terminals) {
				if err := fill(i%cards, i%terminals, make([]byte, 200+i%601)); err != nil {
					b.Fatal(err)
				}
			}
			for _, callers := range benchCallers {
				b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
					benchRun(b, server, callers, func() func(int) error {
						call, op := caller(), make([]byte, sizedOp)
						return func(n int) error {
							binary.LittleEndian.PutUint64(op, uint64(n))
							return call(rand.IntN(cards), rand.IntN(terminals), op)
						}
					})
				})
			}
		})
	}
}

// BenchmarkClaimComplete claims events that nobody has claimed, and keeps their answers, of as many bytes as the demo's.
func BenchmarkClaimComplete(b *testing.B) {
	s, server := benchStore(b)
	ctx := b.Context()
	for _, callers := range benchCallers {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			answer, first := make([]byte, 130), rand.Uint64()
			benchRun(b, server, callers, func() func(int) error {
				return func(n int) error {
					key := benchKey(first + uint64(n))
					got, _, err := s.Claim(ctx, key, store.Digest(key), true, nil)
					if err != nil {
						return err
					}
					if got != store.Won {
						return fmt.Errorf("event %d: %v", n, got)
					}
					return s.Complete(ctx, key, store.Digest(key), answer)
				}
			})
		})
	}
}
