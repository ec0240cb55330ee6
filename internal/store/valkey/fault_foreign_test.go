package valkey

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/besra-ml/besra/internal/store"
	"github.com/besra-ml/besra/internal/store/valkeytest"
)

// What is under our keys and not ours counts as nothing, is told, and is put away.
func TestForeignValues(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 1000)
	value := string(appendChange(nil, kindAnnounce, newID(store.Tag{1}), 1, number(7)))
	other := (&log{}).newBase(append(make([]byte, 8), number(9)...), 0, 1)
	other[0] = 'C' // of a layout that is to come
	flipped := []byte(value)
	flipped[len(value)-8] ^= 1
	foreign := map[string][]string{ // how each gets there; KEY is its key
		"a list":                  {"RPUSH", "KEY", "a"},
		"a hash":                  {"HSET", "KEY", "a", "b"},
		"a set":                   {"SADD", "KEY", "a"},
		"a sorted set":            {"ZADD", "KEY", "1", "a"},
		"a stream":                {"XADD", "KEY", "*", "a", "b"},
		"no bytes":                {"SET", "KEY", ""},
		"one byte":                {"SET", "KEY", "I"},
		"a number":                {"SET", "KEY", "12345"},
		"a long text":             {"SET", "KEY", long},
		"another layout":          {"SET", "KEY", string(other)},
		"a claim that is torn":    {"SET", "KEY", "P123"},
		"an answer that is torn":  {"SET", "KEY", "A" + strings.Repeat("\x00", 30)},
		"a change that is torn":   {"SET", "KEY", value[:len(value)-1]},
		"a change with a bit off": {"SET", "KEY", string(flipped)},
		"a torn one after a good": {"SET", "KEY", value + value[:10]},
		"the letter of a miss":    {"SET", "KEY", "?"},
	}
	valkeytest.Each(t, func(t *testing.T, program valkeytest.Program) {
		server := valkeytest.Start(t, valkeytest.On(program))
		var processes [2]*Store
		for i := range processes {
			processes[i] = open(t, store.SharedOptions{Addresses: []string{server.Addr()}, Deadline: unhasty})
		}
		n := int64(0)
		put := func(t *testing.T, s *Store, command []string, kind byte) store.Key {
			t.Helper()
			n++
			key := keyOf(n)
			command = slices.Clone(command)
			command[1] = s.name(kind, key)
			server.Must(command...)
			return key
		}
		for name, command := range foreign {
			t.Run(name, func(t *testing.T) {
				s, o := processes[0], processes[1]
				read := func(t *testing.T, s *Store, key store.Key) []int64 {
					t.Helper()
					l := store.Lease{Change: list{}}
					if err := s.Lease(t.Context(), []store.Ref{{Key: key}}, &l); err != nil {
						t.Fatal(err)
					}
					defer s.Release(&l)
					return numbers(l.States[0])
				}
				told := func(t *testing.T, u use, before uint64) {
					t.Helper()
					if s.metrics.Uses[u].Foreign.Value() == before {
						t.Error("it is not told")
					}
				}

				t.Run("is no answer", func(t *testing.T) {
					before := s.metrics.Uses[useReplay].Foreign.Value()
					key := put(t, s, command, ofAnswer)
					if got, answer, err := s.Claim(t.Context(), key, digestOf(1), false, nil); err != nil || got != store.Won || answer != nil {
						t.Fatalf("%v, %q, %v", got, answer, err)
					}
					told(t, useReplay, before)
					if got, _, err := o.Claim(t.Context(), key, digestOf(1), false, nil); err != nil || got != store.Pending {
						t.Errorf("to another process it is %v, %v", got, err)
					}
					if err := s.Complete(t.Context(), key, digestOf(1), []byte("yes")); err != nil {
						t.Fatal(err)
					}
					if got, answer, err := o.Claim(t.Context(), key, digestOf(1), false, nil); err != nil || got != store.Answered || string(answer) != "yes" {
						t.Errorf("%v, %q, %v", got, answer, err)
					}
				})
				t.Run("is won by one", func(t *testing.T) {
					key := put(t, s, command, ofAnswer)
					var team sync.WaitGroup
					var mu sync.Mutex
					won := 0
					for i := range 16 {
						team.Go(func() {
							s := processes[i%2]
							got, answer, err := s.Claim(t.Context(), key, digestOf(1), true, nil)
							switch {
							case err != nil:
								t.Error(err)
							case got == store.Won:
								mu.Lock()
								won++
								mu.Unlock()
								if err := s.Complete(t.Context(), key, digestOf(1), []byte("yes")); err != nil {
									t.Error(err)
								}
							case got != store.Answered || string(answer) != "yes":
								t.Errorf("%v, %q", got, answer)
							}
						})
					}
					team.Wait()
					if won != 1 {
						t.Errorf("%d won", won)
					}
				})
				t.Run("does not end a claim", func(t *testing.T) {
					key := put(t, s, []string{"DEL", "KEY"}, ofAnswer)
					if got, _, err := s.Claim(t.Context(), key, digestOf(1), false, nil); err != nil || got != store.Won {
						t.Fatal(got, err)
					}
					server.Must("DEL", s.name(ofAnswer, key))
					again := slices.Clone(command)
					again[1] = s.name(ofAnswer, key)
					server.Must(again...)
					if err := s.Complete(t.Context(), key, digestOf(1), []byte("yes")); err == nil {
						t.Error("the answer was taken")
					}
					if !s.Status().Up {
						t.Error("the link is cut")
					}
				})
				t.Run("is no state", func(t *testing.T) {
					before := s.metrics.Uses[useState].Foreign.Value()
					key := put(t, s, command, ofState)
					if got := read(t, s, key); got != nil {
						t.Fatalf("it reads as %v", got)
					}
					if name != "no bytes" { // which is a log of nothing
						told(t, useState, before)
					}
					for i, s := range []*Store{s, o, s} {
						l := store.Lease{Change: list{}, Ops: [][]byte{number(int64(i))}, Tag: store.Tag{byte(i), 1}}
						if err := s.Lease(t.Context(), []store.Ref{{Key: key}}, &l); err != nil {
							t.Fatal(err)
						}
						if err := s.Advance(t.Context(), &l, 0); err != nil {
							t.Fatal(err)
						}
						// What comes until it is put away may be put away with it.
						until(t, "it is put away", func() bool { return len(read(t, o, key)) == i+1 })
					}
					if got := read(t, o, key); !slices.Equal(got, []int64{0, 1, 2}) {
						t.Errorf("it became %v", got)
					}
					before = o.metrics.Uses[useState].Foreign.Value()
					read(t, o, key)
					if o.metrics.Uses[useState].Foreign.Value() != before {
						t.Error("it has stayed")
					}
				})
				t.Run("is neither, in one trip", func(t *testing.T) {
					event := put(t, s, command, ofAnswer)
					key := put(t, s, command, ofState)
					l := store.Lease{Change: list{}, Ops: [][]byte{number(1)}, Tag: store.Tag{2}}
					got, answer, err := s.Begin(t.Context(), event, digestOf(1), nil, []store.Ref{{Key: key}}, &l)
					if err != nil || got != store.Won || answer != nil || l.States[0] != nil {
						t.Fatalf("%v, %q, %v", got, answer, err)
					}
					if err := s.Advance(t.Context(), &l, 0); err != nil {
						t.Fatal(err)
					}
					if err := s.Complete(t.Context(), event, digestOf(1), []byte("yes")); err != nil {
						t.Fatal(err)
					}
					until(t, "all is there", func() bool { return slices.Equal(read(t, o, key), []int64{1}) })
				})
			})
		}
		t.Run("an event without entities", func(t *testing.T) {
			var l store.Lease
			got, _, err := processes[0].Begin(t.Context(), keyOf(-1), digestOf(1), nil, nil, &l)
			if err != nil || got != store.Won {
				t.Fatal(got, err)
			}
			if err := processes[0].Advance(t.Context(), &l, 0); err != nil {
				t.Fatal(err)
			}
			if err := processes[0].Complete(t.Context(), keyOf(-1), digestOf(1), []byte("yes")); err != nil {
				t.Fatal(err)
			}
			got, answer, err := processes[1].Begin(t.Context(), keyOf(-1), digestOf(1), nil, nil, &l)
			if err != nil || got != store.Answered || string(answer) != "yes" {
				t.Errorf("%v, %q, %v", got, answer, err)
			}
		})
	})
}
