package store_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/besra-ml/besra/internal/store"
	"github.com/besra-ml/besra/internal/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMemoryIsAStore(t *testing.T) {
	for name, o := range map[string]store.Options{
		"as it is":     {},
		"in one shard": {Shards: 1},
		"in few":       {Shards: 3},
	} {
		t.Run(name, func(t *testing.T) {
			open := func(*testing.T) store.Store { return store.NewMemory(o) }
			storetest.Run(t, open)
			storetest.RunExclusive(t, open)
		})
	}
}

func TestAGroupKeepsItsNumber(t *testing.T) {
	m := store.NewMemory(store.Options{})
	a := m.Group([16]byte{1}, time.Hour)
	b := m.Group([16]byte{2}, time.Hour)
	if a == b || m.Group([16]byte{1}, time.Minute) != a || m.Group([16]byte{2}, 2*time.Hour) != b {
		t.Errorf("%d, %d", a, b)
	}
	for i := range 70_000 {
		var id [16]byte
		binary.LittleEndian.PutUint32(id[4:], uint32(i))
		if n := m.Group(id, time.Hour); n < 0 || n > math.MaxUint16 {
			t.Fatalf("group %d is number %d", i, n)
		}
	}
}

// at returns a state whose newest event has a time.
func at(event time.Time) []byte {
	return binary.LittleEndian.AppendUint64(nil, uint64(event.UnixMilli()))
}

func TestAnEntityIsIdleByTheClockAndByItsEvents(t *testing.T) {
	const week = 7 * 24 * time.Hour
	c := newClock()
	start := c.now()
	for name, test := range map[string]struct {
		first, later time.Time // events of the entity, and of another that comes after pass
		pass         time.Duration
		kept         bool
	}{
		"both old":                      {start, start.Add(week + time.Second), week + 2*time.Second, false},
		"within by the clock":           {start, start.Add(week + time.Second), week, true},
		"within by its events":          {start, start.Add(week), 2 * week, true},
		"old events are played again":   {start.AddDate(-1, 0, 0), start, time.Second, true},
		"an event from the year 9999":   {start, time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), time.Second, true},
		"the shard has no newer events": {start, start.AddDate(-1, 0, 0), 2 * week, true},
		"times at the ends":             {time.UnixMilli(math.MinInt64), time.UnixMilli(math.MaxInt64), 2 * week, false},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClock()
			m := store.NewMemory(store.Options{Shards: 1, Now: c.now})
			group := m.Group([16]byte{1}, week)
			key, other, unknown := storetest.Key(1), storetest.Key(2), storetest.Key(3)
			m.Put(store.Ref{Key: key, Group: group}, c.now(), at(test.first))
			m.Put(store.Ref{Key: unknown, Group: 99}, c.now(), at(test.first))
			c.pass(test.pass)
			m.Put(store.Ref{Key: other, Group: group}, c.now(), at(test.later))
			m.Sweep(1 << 20)
			if has(m, key) != test.kept {
				t.Errorf("kept is %v", !test.kept)
			}
			if !has(m, other) || !has(m, unknown) {
				t.Error("another was dropped")
			}
			if s := m.Stats(); (s.Idle == 0) != test.kept || s.Shed != 0 {
				t.Errorf("%+v", s)
			}
		})
	}
}

func TestALeaseTouchesWhatItAdvances(t *testing.T) {
	c := newClock()
	m := store.NewMemory(store.Options{Shards: 1, Now: c.now})
	group := m.Group([16]byte{1}, time.Hour)
	refs := []store.Ref{
		{Key: storetest.Key(0), Group: group}, // advanced, unchanged
		{Key: storetest.Key(1), Group: group}, // released
		{Key: storetest.Key(2), Group: group}, // advanced with an event, which makes the others old
	}
	for _, ref := range refs {
		m.Put(ref, c.now(), at(c.now()))
	}
	c.pass(2 * time.Hour)
	var l store.Lease
	if err := m.Lease(t.Context(), refs[1:2], &l); err != nil {
		t.Fatal(err)
	}
	m.Release(&l)
	if err := m.Lease(t.Context(), []store.Ref{refs[0], refs[2]}, &l); err != nil {
		t.Fatal(err)
	}
	copy(l.States[1], at(c.now()))
	l.Changed[1] = true
	if err := m.Advance(t.Context(), &l, 1); err != nil {
		t.Fatal(err)
	}
	m.Sweep(1 << 20)
	if !has(m, refs[0].Key) || has(m, refs[1].Key) || !has(m, refs[2].Key) {
		t.Error("not what was touched was kept")
	}
}

func TestASweepGoesOnWhereTheLastOneEnded(t *testing.T) {
	c := newClock()
	m := store.NewMemory(store.Options{Shards: 8, Now: c.now})
	group := m.Group([16]byte{1}, time.Hour)
	const n = 10_000
	for i := range n {
		m.Put(store.Ref{Key: storetest.Key(i), Group: group}, c.now(), at(c.now()))
	}
	c.pass(2 * time.Hour)
	for i := range 100 { // new ones in every shard, which make the others old
		m.Put(store.Ref{Key: storetest.Key(n + i), Group: group}, c.now(), at(c.now()))
	}
	m.Sweep(1000)
	if s := m.Stats(); s.Idle == 0 || s.Idle > 1000 {
		t.Errorf("one sweep: %+v", s)
	}
	m.Sweep(1 << 20)
	if s := m.Stats(); s.Idle != n || s.Entities != 100 || s.Bytes > 100_000 {
		t.Errorf("a whole round: %+v", s)
	}
}

func TestASnapshotComesBack(t *testing.T) {
	type entity struct {
		Group   int
		Touched int64
		State   []byte
	}
	contents := func(m *store.Memory) (all map[store.Key]entity, positions []uint64) {
		all = map[store.Key]entity{}
		for i := range m.Shards() {
			position, err := m.Each(i, func(ref store.Ref, touched time.Time, state []byte) error {
				all[ref.Key] = entity{ref.Group, touched.Unix(), bytes.Clone(state)}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			positions = append(positions, position)
		}
		return all, positions
	}
	c := newClock()
	m := store.NewMemory(store.Options{Shards: 16, Now: c.now})
	var l store.Lease
	for i := range 20_000 {
		refs := []store.Ref{{Key: storetest.Key(i * 7 % 1000), Group: i % 3}}
		if err := m.Lease(t.Context(), refs, &l); err != nil {
			t.Fatal(err)
		}
		l.States[0], l.Changed[0] = bytes.Repeat([]byte{byte(i)}, 8+i%700), i%11 != 0
		if err := m.Advance(t.Context(), &l, uint64(i)); err != nil {
			t.Fatal(err)
		}
		c.pass(time.Second)
	}
	back := store.NewMemory(store.Options{Shards: 16})
	for i := range m.Shards() {
		position, err := m.Each(i, func(ref store.Ref, touched time.Time, state []byte) error {
			back.Put(ref, touched, state)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		back.Restore(i, position)
	}
	want, wantAt := contents(m)
	got, gotAt := contents(back)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(wantAt, gotAt); diff != "" {
		t.Error(diff)
	}
	last := uint64(0)
	for shard := range m.Shards() {
		want, got := positionOf(t, m, shard), positionOf(t, back, shard)
		if got != want {
			t.Errorf("shard %d stands at %d, want %d", shard, got, want)
		}
		last = max(last, got)
	}
	if last != 19_999 {
		t.Errorf("the last position is %d", last)
	}
}

func positionOf(t *testing.T, m *store.Memory, shard int) uint64 {
	t.Helper()
	position, err := m.Each(shard, func(store.Ref, time.Time, []byte) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	return position
}

func TestEachStopsAtAnError(t *testing.T) {
	m := store.NewMemory(store.Options{Shards: 1})
	put(t, m, storetest.Key(1), 10)
	put(t, m, storetest.Key(2), 10)
	stop, visits := errors.New("stop"), 0
	_, err := m.Each(0, func(store.Ref, time.Time, []byte) error { visits++; return stop })
	if !errors.Is(err, stop) || visits != 1 {
		t.Errorf("%v after %d visits", err, visits)
	}
	if _, err := m.Each(1, nil); err == nil {
		t.Error("there is no shard 1")
	}
}

func TestAnEntityIsDeleted(t *testing.T) {
	m := store.NewMemory(store.Options{})
	key := storetest.Key(1)
	put(t, m, key, 10)
	if !m.Delete(key) || m.Delete(key) || has(m, key) || m.Stats().Entities != 0 {
		t.Errorf("%+v", m.Stats())
	}
	got, ok := m.Get(key, []byte("so: "))
	if ok || string(got) != "so: " {
		t.Errorf("%q", got)
	}
}

// answer claims and completes an event.
func answer(t testing.TB, m *store.Memory, key store.Key, text []byte) {
	t.Helper()
	d := store.Digest(key)
	if got, _, err := m.Claim(t.Context(), key, d, false, nil); got != store.Won || err != nil {
		t.Fatal(got, err)
	}
	if err := m.Complete(t.Context(), key, d, text); err != nil {
		t.Fatal(err)
	}
}

// answered reports whether an event's answer is held, and leaves it as it is.
func answered(t testing.TB, m *store.Memory, key store.Key) bool {
	t.Helper()
	got, _, err := m.Claim(t.Context(), key, store.Digest(key), false, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got == store.Won {
		if err := m.Abandon(t.Context(), key, store.Digest(key)); err != nil {
			t.Fatal(err)
		}
	}
	return got == store.Answered
}

func TestAnAnswerIsGivenUntilItExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := store.NewMemory(store.Options{ReplayTTL: time.Hour, Shards: 1})
		for i := range 3 {
			answer(t, m, storetest.Key(i), []byte("yes"))
			time.Sleep(time.Minute)
		}
		time.Sleep(57*time.Minute - time.Millisecond)
		for i, want := range []bool{true, true, true} {
			if answered(t, m, storetest.Key(i)) != want {
				t.Errorf("a moment before: answer %d", i)
			}
		}
		time.Sleep(time.Millisecond)
		for i, want := range []bool{false, true, true} {
			if answered(t, m, storetest.Key(i)) != want {
				t.Errorf("at the hour: answer %d", i)
			}
		}
		answer(t, m, storetest.Key(0), []byte("again")) // in the room of the first
		if s := m.Stats(); s.Answers != 3 || s.EarlyEvictions != 0 || s.Horizon != time.Hour {
			t.Errorf("%+v", s)
		}
		time.Sleep(59 * time.Minute)
		if !answered(t, m, storetest.Key(0)) || answered(t, m, storetest.Key(2)) {
			t.Error("the second answer does not live for its own hour")
		}
	})
}

func TestTheHorizonIsWhatIsReallyHeld(t *testing.T) {
	c := newClock()
	m := store.NewMemory(store.Options{ReplayTTL: time.Hour, ReplayBytes: 256 << 10, Now: c.now})
	given := map[store.Key]time.Time{}
	check := func() {
		t.Helper()
		horizon := m.Stats().Horizon
		for key, when := range given {
			if age := c.now().Sub(when); age < horizon && !answered(t, m, key) {
				t.Fatalf("an answer of %v is gone within a horizon of %v", age, horizon)
			}
		}
	}
	if m.Stats().Horizon != time.Hour {
		t.Errorf("at first: %+v", m.Stats())
	}
	for i := range 3000 {
		answer(t, m, storetest.Key(i), make([]byte, 200+i%100))
		given[storetest.Key(i)] = c.now()
		c.pass(time.Second)
		if i%500 == 0 {
			check()
		}
	}
	check()
	s := m.Stats()
	if s.EarlyEvictions == 0 || s.Horizon >= time.Hour/2 || s.Horizon < 5*time.Minute {
		t.Errorf("after 3000 seconds: %+v", s)
	}
	c.pass(30 * time.Minute)
	if got := m.Stats().Horizon; got != s.Horizon+30*time.Minute {
		t.Errorf("the horizon is %v half an hour after %v", got, s.Horizon)
	}
	c.pass(time.Hour)
	if got := m.Stats().Horizon; got != time.Hour {
		t.Errorf("the horizon is %v in the end", got)
	}
}

func TestTenMillionAnswersStayWithinTheBound(t *testing.T) {
	const bound = 8 << 20
	n := uint64(10_000_000)
	if racing {
		n = 200_000
	}
	before := heap()
	m := store.NewMemory(store.Options{ReplayBytes: bound})
	var text [40]byte
	for i := range n {
		answer(t, m, mixed(i), text[:i%40])
		if i%100_000 == 0 {
			if s := m.Stats(); s.AnswerBytes > bound {
				t.Fatalf("%+v", s)
			}
		}
	}
	s := m.Stats()
	if s.Answers+int64(s.EarlyEvictions) != int64(n) || s.Answers < bound/200 {
		t.Errorf("%+v", s)
	}
	if real := heap() - before; real > bound+1<<20 {
		t.Errorf("%d bytes are counted, and %d held", s.AnswerBytes, real)
	}
	for i := range uint64(10_000) {
		if !answered(t, m, mixed(n-1-i)) {
			t.Fatalf("the answer before %d others is gone", i)
		}
	}
}

func TestAnswersComeBackWhole(t *testing.T) {
	c := newClock()
	m := store.NewMemory(store.Options{ReplayBytes: 64 << 10, Shards: 1, Now: c.now})
	text := func(i int) []byte { return []byte(fmt.Sprintf("%0*d", i*i%1500, i)) }
	const n = 3000
	held := 0
	for i := range n {
		answer(t, m, storetest.Key(i), text(i))
		c.pass(time.Millisecond)
		for _, back := range []int{0, 1, 5, 20, 60} {
			k := max(0, i-back)
			got, dst, err := m.Claim(t.Context(), storetest.Key(k), store.Digest(storetest.Key(k)), false, nil)
			switch {
			case err != nil:
				t.Fatal(err)
			case got == store.Won:
				if back == 0 {
					t.Fatalf("answer %d is not held", i)
				}
				_ = m.Abandon(t.Context(), storetest.Key(k), store.Digest(storetest.Key(k)))
			case !bytes.Equal(dst, text(k)):
				t.Fatalf("answer %d is %q", k, dst)
			default:
				held++
			}
		}
	}
	if held < 4*n {
		t.Errorf("only %d of %d were held", held, 5*n)
	}
}

func TestAnExpiredAnswerIsNotPut(t *testing.T) {
	c := newClock()
	m := store.NewMemory(store.Options{ReplayTTL: time.Hour, Now: c.now})
	for i, age := range []time.Duration{time.Hour, time.Hour - time.Millisecond} {
		m.PutAnswer(storetest.Key(i), store.Digest(storetest.Key(i)), c.now().Add(-age), []byte("yes"))
	}
	if answered(t, m, storetest.Key(0)) || !answered(t, m, storetest.Key(1)) {
		t.Error("not the one that lives was put")
	}
}

func TestAnAnswerThatCannotFitReachesWhoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := store.NewMemory(store.Options{ReplayBytes: 4 << 10})
		key, d := storetest.Key(1), store.Digest{1}
		if got, _, err := m.Claim(t.Context(), key, d, true, nil); got != store.Won || err != nil {
			t.Fatal(got, err)
		}
		large := make([]byte, 5000)
		done := make(chan struct{})
		go func() {
			defer close(done)
			got, dst, err := m.Claim(t.Context(), key, d, true, nil)
			if got != store.Answered || err != nil || len(dst) != len(large) {
				t.Errorf("%v, %d bytes, %v", got, len(dst), err)
			}
		}()
		synctest.Wait()
		if err := m.Complete(t.Context(), key, d, large); !errors.Is(err, store.ErrFull) {
			t.Error(err)
		}
		<-done
		if s := m.Stats(); s.Answers != 0 || s.EarlyEvictions != 1 || s.Horizon != 0 {
			t.Errorf("%+v", s)
		}
		if answered(t, m, key) {
			t.Error("it is held after all")
		}
	})
}

func TestWithoutReplayTwinsStillWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := store.NewMemory(store.Options{ReplayBytes: -1})
		key, d := storetest.Key(1), store.Digest(storetest.Key(1))
		if got, _, err := m.Claim(t.Context(), key, d, true, nil); got != store.Won || err != nil {
			t.Fatal(got, err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			if got, dst, err := m.Claim(t.Context(), key, d, true, nil); got != store.Answered || string(dst) != "yes" {
				t.Errorf("%v, %q, %v", got, dst, err)
			}
		}()
		synctest.Wait()
		if err := m.Complete(t.Context(), key, d, []byte("yes")); err != nil {
			t.Error(err)
		}
		<-done
		if s := m.Stats(); answered(t, m, key) || s.AnswerBytes != 0 || s.Horizon != 0 {
			t.Errorf("%+v", s)
		}
	})
}
