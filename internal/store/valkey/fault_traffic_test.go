package valkey

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/besra-ml/besra/internal/store"
	"github.com/besra-ml/besra/internal/store/storetest"
)

// A list is a Changer whose states are, behind eight bytes, numbers in the order in which they were appended.
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
			return none(slices.Delete(state, at, at+8))
		}
	}
	return state
}

func number(n int64) []byte { return binary.LittleEndian.AppendUint64(nil, uint64(n)) }

// numbers returns what a list holds.
func numbers(state []byte) (all []int64) {
	for at := 8; at+8 <= len(state); at += 8 {
		all = append(all, int64(binary.LittleEndian.Uint64(state[at:])))
	}
	return all
}

const (
	states   = 12 // lists that the traffic is about
	answers  = 1 << 40
	hasty    = 20 * time.Millisecond // the deadline of a store where its failures are timed; the default is too short for a machine with other things to do
	unhasty  = time.Second           // and where nothing may fail
	allowed  = 10 * time.Millisecond // that a call may take beyond its deadline
	recovers = 2 * time.Second       // until a store is back when what was wrong is over
	patience = 30 * time.Second
)

// A flow is what several processes ask of one store all the time, and what was acknowledged of that.
type flow struct {
	t      *testing.T
	stores []*Store
	last   atomic.Int64 // number that was given out
	gate   sync.RWMutex // held by who asks; pause takes it
	ended  chan struct{}
	team   sync.WaitGroup

	mu       sync.Mutex
	answered map[int64]bool  // answers that were acknowledged, by number
	fate     map[int64]fate  // of each number that was announced
	in       map[int64][]int // the lists that it was announced to
	calls    []call          // since the last look
	sleep    time.Duration   // by how much the worst of many sleeps was too long since then
	noise    time.Duration   // and before
	wrong    []string        // what may not happen
	failed   map[string]int  // errors
}

type fate int

const (
	unknown fate = iota // at most once
	taken               // exactly once
	back                // not at all
)

type call struct {
	took time.Duration
	err  error
}

// newFlow starts traffic on stores, which ends with the test.
func newFlow(t *testing.T, stores ...*Store) *flow {
	f := &flow{t: t, stores: stores, ended: make(chan struct{}), failed: map[string]int{}}
	f.last.Store(rand.Int64N(1 << 30)) // what a test before this one has left is not ours
	f.forget()
	const workers = 3
	for _, s := range stores {
		for range workers {
			f.team.Go(func() { f.work(s) })
		}
	}
	f.team.Go(f.probe)
	t.Cleanup(f.stop)
	return f
}

func (f *flow) stop() {
	select {
	case <-f.ended:
	default:
		close(f.ended)
	}
	f.team.Wait()
}

// pause waits until nobody is asking anything, and keeps it so until the returned function is called.
func (f *flow) pause() (resume func()) {
	f.gate.Lock()
	return f.gate.Unlock
}

// forget forgets what was acknowledged: the store has lost it.
func (f *flow) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answered, f.fate, f.in = map[int64]bool{}, map[int64]fate{}, map[int64][]int{}
}

// look returns the calls since the last look.
func (f *flow) look() []call {
	f.mu.Lock()
	defer f.mu.Unlock()
	calls := f.calls
	f.calls = nil
	f.sleep, f.noise = 0, f.sleep
	return calls
}

// probe measures how well the machine keeps time, for one who needs memory as well.
func (f *flow) probe() {
	var memory [][]byte
	for {
		begun := time.Now()
		if memory = append(memory, make([]byte, 4<<10)); len(memory) > 100 {
			memory = nil
		}
		select {
		case <-f.ended:
			return
		case <-time.After(time.Millisecond):
		}
		over := time.Since(begun) - time.Millisecond
		f.mu.Lock()
		f.sleep = max(f.sleep, over)
		f.mu.Unlock()
	}
}

// inTime holds the calls of the last look against the deadline that they had, as far as the machine keeps time.
func (f *flow) inTime(calls []call, deadline time.Duration) {
	f.t.Helper()
	p99, slowest := percentile(calls, 0.99), percentile(calls, 1)
	f.t.Logf("%d of %d calls failed; of %v they took %v at most, p99 %v; the machine is late by %v", failures(calls), len(calls), deadline, slowest, p99, f.noise)
	if p99 > deadline+allowed+2*f.noise || slowest > deadline+500*time.Millisecond+2*f.noise {
		f.t.Errorf("calls took %v, p99 %v, and had %v", slowest, p99, deadline)
	}
}

func (f *flow) work(s *Store) {
	r := rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	var l store.Lease
	for {
		select {
		case <-f.ended:
			return
		case <-time.After(time.Duration(500+r.IntN(1000)) * time.Microsecond):
		}
		f.gate.RLock()
		switch r.IntN(3) {
		case 0:
			f.answer(s, r)
		case 1:
			f.announce(s, &l, r)
		default:
			f.both(s, &l, r)
		}
		f.gate.RUnlock()
	}
}

// timed makes a call, and notes how long it took.
func (f *flow) timed(ask func() error) error {
	begun := time.Now()
	err := ask()
	c := call{time.Since(begun), err}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, c)
	if err != nil {
		f.failed[err.Error()]++
		if !errors.Is(err, store.ErrDown) && !errors.Is(err, store.ErrNoClaim) {
			f.wrong = append(f.wrong, err.Error())
		}
	}
	return err
}

// text is the answer of a number.
func text(n int64) []byte {
	r := rand.New(rand.NewPCG(uint64(n), 1))
	b := fmt.Appendf(nil, "answer %d ", n)
	for range r.IntN(300) {
		b = append(b, byte(r.Uint32()))
	}
	return b
}

func keyOf(n int64) store.Key { return storetest.Key(int(n)) }

func digestOf(n int64) (d store.Digest) {
	binary.LittleEndian.PutUint64(d[:], uint64(n))
	return d
}

// answer claims the right to answer, and answers or does not.
func (f *flow) answer(s *Store, r *rand.Rand) {
	n := answers + f.last.Add(1)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var got store.Claimed
	if f.timed(func() (err error) {
		got, _, err = s.Claim(ctx, keyOf(n), digestOf(n), false, nil)
		return err
	}) != nil {
		return
	}
	if got != store.Won {
		f.say("the first claim of a key is %v", got)
		return
	}
	if r.IntN(8) == 0 {
		_ = f.timed(func() error { return s.Abandon(ctx, keyOf(n), digestOf(n)) })
		return
	}
	if f.timed(func() error { return s.Complete(ctx, keyOf(n), digestOf(n), text(n)) }) == nil {
		f.mu.Lock()
		f.answered[n] = true
		f.mu.Unlock()
	}
}

// prepare gives out a number that is to be announced to some lists.
func (f *flow) prepare(l *store.Lease, r *rand.Rand) (n int64, refs []store.Ref) {
	n = f.last.Add(1)
	refs = make([]store.Ref, 1+r.IntN(3))
	lists := r.Perm(states)[:len(refs)]
	l.Undo, l.Change, l.Ops = false, list{}, l.Ops[:0]
	for i := range refs {
		refs[i].Key = keyOf(int64(lists[i]))
		l.Ops = append(l.Ops, number(n))
	}
	binary.LittleEndian.PutUint64(l.Tag[:], uint64(n)*0x9e3779b97f4a7c15)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.in[n], f.fate[n] = lists, unknown
	return n, refs
}

// announce announces a number; when that fails perhaps again, as whoever asks again would.
func (f *flow) announce(s *Store, l *store.Lease, r *rand.Rand) {
	n, refs := f.prepare(l, r)
	for range 1 + 4*r.IntN(2) {
		if f.timed(func() error { return s.Lease(context.Background(), refs, l) }) == nil {
			f.settle(s, l, n, r.IntN(8) > 0)
			return
		}
		time.Sleep(time.Duration(r.IntN(8)) * time.Millisecond)
	}
}

// both claims and announces in one trip.
func (f *flow) both(s *Store, l *store.Lease, r *rand.Rand) {
	n, refs := f.prepare(l, r)
	key, d, ctx := keyOf(answers+n), digestOf(answers+n), context.Background()
	for range 1 + 4*r.IntN(2) {
		var got store.Claimed
		if f.timed(func() (err error) {
			got, _, err = s.Begin(ctx, key, d, nil, refs, l)
			return err
		}) != nil {
			time.Sleep(time.Duration(r.IntN(8)) * time.Millisecond)
			continue
		}
		if got != store.Won { // the claim of a try before is still to be taken back
			if got != store.Pending {
				f.say("a claim that was not acknowledged is %v", got)
			}
			return
		}
		if r.IntN(8) == 0 {
			f.settle(s, l, n, false)
			_ = f.timed(func() error { return s.Abandon(ctx, key, d) })
			return
		}
		f.settle(s, l, n, true)
		if f.timed(func() error { return s.Complete(ctx, key, d, text(answers+n)) }) == nil {
			f.mu.Lock()
			f.answered[answers+n] = true
			f.mu.Unlock()
		}
		return
	}
}

// settle advances or releases what was announced.
func (f *flow) settle(s *Store, l *store.Lease, n int64, stays bool) {
	for i := range l.Refs {
		if slices.Contains(numbers(l.States[i]), n) {
			f.say("a list had %d before it was announced", n)
		}
	}
	became := taken
	if !stays {
		became = back
		_ = f.timed(func() error { s.Release(l); return nil })
	} else if err := s.Advance(context.Background(), l, 0); err != nil {
		f.say("advance: %v", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fate[n] = became
}

func (f *flow) say(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.wrong = append(f.wrong, fmt.Sprintf(format, args...))
}

// check ends the traffic and holds what was acknowledged against what another process finds.
func (f *flow) check(other *Store) {
	f.t.Helper()
	f.stop()
	for _, err := range slices.Compact(slices.Sorted(slices.Values(f.wrong))) {
		f.t.Error(err)
	}
	for n := range f.answered {
		var got store.Claimed
		var answer []byte
		var err error
		until(f.t, "it can be asked", func() bool { // a cluster may still be settling
			got, answer, err = other.Claim(f.t.Context(), keyOf(n), digestOf(n), false, nil)
			return !errors.Is(err, store.ErrDown)
		})
		if err != nil || got != store.Answered || string(answer) != string(text(n)) {
			f.t.Fatalf("the answer to %d: %v, %v, %q", n, got, err, answer)
		}
	}
	// What was taken back while the store was down is told to it later.
	var wrong []string
	for late := time.Now().Add(5 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if wrong = f.lists(other); len(wrong) == 0 || time.Now().After(late) {
			break
		}
	}
	for _, text := range wrong[:min(len(wrong), 5)] {
		f.t.Error(text)
	}
	if len(wrong) > 5 {
		f.t.Errorf("and %d more", len(wrong)-5)
	}
	sure := 0
	for _, became := range f.fate {
		if became == taken {
			sure++
		}
	}
	if len(f.answered) == 0 || sure == 0 {
		f.t.Errorf("%d answers and %d changes were acknowledged", len(f.answered), sure)
	}
	f.t.Logf("%d answers and %d of %d changes were acknowledged", len(f.answered), sure, len(f.fate))
	for _, text := range slices.Sorted(maps.Keys(f.failed)) {
		f.t.Logf("%6d × %s", f.failed[text], text)
	}
}

// lists holds the lists against what became of each number.
func (f *flow) lists(other *Store) (wrong []string) {
	f.t.Helper()
	counts := [states]map[int64]int{}
	for i := range states {
		l := store.Lease{Change: list{}}
		if err := other.Lease(f.t.Context(), []store.Ref{{Key: keyOf(int64(i))}}, &l); err != nil {
			return []string{err.Error()}
		}
		counts[i] = map[int64]int{}
		for _, n := range numbers(l.States[0]) {
			counts[i][n]++
			if _, ours := f.fate[n]; !ours {
				wrong = append(wrong, fmt.Sprintf("list %d has %d, which nobody announced", i, n))
			}
		}
		other.Release(&l)
	}
	for n, became := range f.fate {
		for _, i := range f.in[n] {
			switch count := counts[i][n]; {
			case became == taken && count != 1, became == back && count != 0, count > 1:
				wrong = append(wrong, fmt.Sprintf("list %d has %d %d times, which was %s", i, n, count, [...]string{"not acknowledged", "acknowledged", "taken back"}[became]))
			}
		}
	}
	return wrong
}

// percentile returns how long the slowest of a share of calls took.
func percentile(calls []call, share float64) time.Duration {
	if len(calls) == 0 {
		return 0
	}
	took := make([]time.Duration, len(calls))
	for i, c := range calls {
		took[i] = c.took
	}
	slices.Sort(took)
	return took[min(len(took)-1, int(share*float64(len(took))))]
}

func failures(calls []call) (n int) {
	for _, c := range calls {
		if c.err != nil {
			n++
		}
	}
	return n
}

// median returns the one in the middle.
func median(all []time.Duration) time.Duration {
	all = slices.Sorted(slices.Values(all))
	return all[len(all)/2]
}

// until waits until something holds, and returns how long that took.
func until(t *testing.T, what string, holds func() bool) time.Duration {
	t.Helper()
	for begun := time.Now(); ; time.Sleep(2 * time.Millisecond) {
		if holds() {
			return time.Since(begun)
		}
		if time.Since(begun) > patience {
			t.Fatalf("%s: it does not", what)
		}
	}
}

// back waits until all of the stores are back, and do what they are asked.
func (f *flow) back() time.Duration {
	f.t.Helper()
	return until(f.t, "the store is back", func() bool {
		for _, s := range f.stores {
			if !s.Status().Up || !f.serves(s) {
				return false
			}
		}
		return true
	})
}

func (f *flow) serves(s *Store) bool {
	n := -f.last.Add(1)
	l := store.Lease{Change: list{}}
	got, _, err := s.Claim(f.t.Context(), keyOf(n), digestOf(n), false, nil)
	return err == nil && got == store.Won && s.Abandon(f.t.Context(), keyOf(n), digestOf(n)) == nil &&
		s.Lease(f.t.Context(), []store.Ref{{Key: keyOf(n)}}, &l) == nil && s.Advance(f.t.Context(), &l, 0) == nil
}

// A watched store has metrics and a log that can be read.
type watched struct {
	*Store
	log *lines
}

// lines are what was logged.
type lines struct {
	slog.Handler
	mu   sync.Mutex
	said map[string]int
}

func (l *lines) Handle(ctx context.Context, r slog.Record) error {
	l.mu.Lock()
	l.said[r.Message]++
	l.mu.Unlock()
	return l.Handler.Handle(ctx, r)
}

func (l *lines) count(message string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.said[message]
}

const (
	saidDown = "the shared store is down"
	saidBack = "the shared store is back"
	saidLost = "the shared store has lost its memory: histories begin anew, and answers that were given are not known"
)

// watch opens a store whose log can be read.
func watch(t *testing.T, o store.SharedOptions) watched {
	t.Helper()
	l := &lines{Handler: slog.NewTextHandler(t.Output(), nil), said: map[string]int{}}
	o.Log = slog.New(l)
	return watched{open(t, o), l}
}

// acknowledged returns the number up to which all is as it will be.
func (f *flow) acknowledged() int64 { return f.last.Load() }

// keep leaves what came after a number unsaid: a master that dies may not have told its replica.
func (f *flow) keep(until int64) {
	f.stop()
	for n := range f.answered {
		if n-answers > until {
			delete(f.answered, n)
		}
	}
	for n := range f.fate {
		if n > until {
			f.fate[n] = unknown
		}
	}
}
