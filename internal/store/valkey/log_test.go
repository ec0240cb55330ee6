package valkey

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/besra-ml/besra/internal/store"
	"github.com/besra-ml/besra/internal/telemetry"
)

func TestRecordsComeBack(t *testing.T) {
	for _, size := range []int{0, 1, 7, 100, 127, 128, 300, 16_383, 16_384, 70_000} {
		op := bytes.Repeat([]byte{0xa5}, size)
		for _, at := range []int64{0, 1, 1_700_000_000_000, 1<<48 - 1} {
			id := newID(store.Tag{1, 2, 3})
			b := appendChange([]byte("before"), kindAnnounce, id, at, op)
			kind, content, rest, err := readRecord(append(b[len("before"):], "rest"...))
			if err != nil || kind != kindAnnounce || string(rest) != "rest" || len(content) != tagged+size {
				t.Fatalf("%d bytes: %c, %d bytes, %q, %v", size, kind, len(content), rest, err)
			}
			if string(content[:idSize]) != string(id[:]) || getTime(content[idSize:]) != at || !bytes.Equal(content[tagged:], op) {
				t.Fatalf("%d bytes of %d are others", size, at)
			}
		}
	}
}

func TestIDs(t *testing.T) {
	tag := store.Tag{0: 1, 7: 2}
	seen := map[id]bool{}
	for range 1000 {
		i := newID(tag)
		if i.tag() != tag || i.last() || seen[i] {
			t.Fatalf("%x", i)
		}
		seen[i] = true
	}
	last := id{}
	copy(last[:], tag[:])
	if !last.last() || last.tag() != tag {
		t.Errorf("%x", last)
	}
}

// aLog is a log with a base, some marks, announcements and cancels.
func aLog() []byte {
	ids := []id{newID(store.Tag{1}), newID(store.Tag{2}), newID(store.Tag{3}), newID(store.Tag{4})}
	g := log{marks: []mark{{id: ids[0], at: 1_000_000}, {id: ids[1], at: 1_000_001}}}
	b := g.newBase(list{}.Change(0, list{}.Change(0, nil, number(1), false), number(2), false), 0, 1_000_002)
	b = appendChange(b, kindAnnounce, ids[2], 1_000_003, number(3))
	b = appendChange(b, kindAnnounce, ids[3], 1_000_004, number(4))
	b = appendChange(b, kindCancel, ids[0], 1_000_005, number(1))
	return appendChange(b, kindCancel, ids[2], 1_000_006, number(3))
}

// played returns what a value amounts to.
func played(value []byte) ([]int64, error) {
	var g log
	if err := g.read(value); err != nil {
		if g.base != nil || len(g.changes)+len(g.marks) > 0 {
			return nil, fmt.Errorf("after %w something is left", err)
		}
		return nil, err
	}
	return numbers(g.play(list{}, 0, none(bytes.Clone(g.base)), 0, len(g.changes))), nil
}

func TestLogsComeBack(t *testing.T) {
	value := aLog()
	before := bytes.Clone(value)
	got, err := played(value)
	if err != nil {
		t.Fatal(err)
	}
	if want := []int64{2, 4}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if !bytes.Equal(value, before) {
		t.Error("playing a log changes the value")
	}
	if got, err := played(nil); err != nil || got != nil {
		t.Errorf("nothing reads as %v, %v", got, err)
	}
}

// A log that is torn between records is a log, as it was then.
func TestTornLogs(t *testing.T) {
	value := aLog()
	var g log
	if err := g.read(value); err != nil {
		t.Fatal(err)
	}
	whole := map[int]bool{0: true, g.baseEnd: true}
	for _, c := range g.changes {
		whole[c.end] = true
	}
	for n := range len(value) {
		if _, err := played(value[:n]); (err == nil) != whole[n] {
			t.Errorf("%d of %d bytes: %v", n, len(value), err)
		}
		if n > 0 && !whole[n] {
			if _, err := played(value[n:]); err == nil {
				t.Errorf("without its first %d bytes it is a log", n)
			}
		}
	}
}

func TestFlippedBits(t *testing.T) {
	value := aLog()
	for i := range len(value) * 8 {
		flipped := bytes.Clone(value)
		flipped[i/8] ^= 1 << (i % 8)
		if got, err := played(flipped); err == nil {
			t.Errorf("with bit %d flipped it is %v", i, got)
		}
	}
}

func TestLogsOfOtherLayouts(t *testing.T) {
	tag := newID(store.Tag{1})
	base := (&log{}).newBase([]byte("12345678"), 0, 1)
	for name, value := range map[string][]byte{
		"a kind that is not known":    appendRecord(nil, 'Z', []byte("123")),
		"a second base":               append(bytes.Clone(base), base...),
		"a base behind a change":      append(appendChange(nil, kindAnnounce, tag, 1, nil), base...),
		"a change without a time":     appendRecord(nil, kindAnnounce, tag[:]),
		"a change without anything":   appendRecord(nil, kindCancel),
		"a base without a generation": appendRecord(nil, kindBase, []byte("1234567")),
		"a base without marks":        appendRecord(nil, kindBase, []byte("12345678")),
		"a base of too many marks":    appendRecord(nil, kindBase, []byte("12345678"), binary.AppendUvarint(nil, math.MaxUint64)),
		"a base of some more marks":   appendRecord(nil, kindBase, []byte("12345678"), []byte{2}, make([]byte, tagged)),
		"a length that has no end":    {kindBase, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		"a length beyond all":         append(binary.AppendUvarint([]byte{kindAnnounce}, math.MaxInt64-3), "12345678"...),
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := played(value); err == nil {
				t.Errorf("it reads as %v", got)
			}
		})
	}
}

// A log of anybody's bytes is an error, or something that can be played and folded, and costs little memory.
func FuzzLog(f *testing.F) {
	value := aLog()
	f.Add(value)
	f.Add(value[:len(value)-3])
	f.Add([]byte("?"))
	f.Add(appendRecord(nil, kindBase, make([]byte, 8), []byte{200}, make([]byte, 200*tagged), []byte("state")))
	f.Add(appendChange(nil, kindCancel, id{}, 1, nil))
	f.Fuzz(func(t *testing.T, value []byte) {
		for _, value := range [][]byte{value, sealed(value)} {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			var g log
			err := g.read(value)
			runtime.ReadMemStats(&after)
			if used := after.TotalAlloc - before.TotalAlloc; used > 64<<10+16*uint64(len(value)) {
				t.Errorf("%d bytes cost %d", len(value), used)
			}
			if err != nil {
				continue
			}
			n := len(g.changes)
			fold := n / 2
			state := g.play(list{}, 0, none(bytes.Clone(g.base)), 0, fold)
			folded := append(g.newBase(state, fold, 0), value[g.cut(fold):]...)
			if _, err := played(folded); err != nil {
				t.Errorf("folded it is no log: %v", err)
			}
			if _, err := played(value); err != nil {
				t.Error(err)
			}
		}
	})
}

// sealed makes bytes records that are well formed outside: each begins with a kind and a length.
func sealed(b []byte) (value []byte) {
	kinds := []byte{kindBase, kindAnnounce, kindCancel, kindAnnounce}
	for len(b) > 1 {
		kind, n := kinds[b[0]%4], min(int(b[1])%64, len(b)-2)
		if kind == kindBase && len(value) > 0 {
			kind = kindCancel
		}
		content := b[2 : 2+n]
		if kind != kindBase && n < tagged { // so that tags meet
			content = append(make([]byte, tagged-n), content...)
		}
		value = appendRecord(value, kind, content)
		b = b[2+n:]
	}
	return value
}

// A keeper is a server's key, and a process that announces to it; what is folded is folded when it comes to that.
type keeper struct {
	t     *testing.T
	store *Store
	value []byte
	now   int64

	told  []announcement // the oracle: all that came, and what became of it
	folds int
}

// An announcement counts unless it is void; of those of one tag one counts.
type announcement struct {
	tag  byte
	id   id
	void bool
}

func newKeeper(t *testing.T) *keeper {
	return &keeper{t: t, now: 1_700_000_000_000, store: &Store{
		prefix: "p:", amends: newAmends(), metrics: &telemetry.New(telemetry.Options{}).Store, now: time.Now,
	}}
}

func opOf(tag byte) []byte { return number(int64(tag)) }

// lease is what Lease makes of the key's value.
func (k *keeper) lease(tag byte, i id) (state []int64, known bool) {
	l, h := &store.Lease{Change: list{}}, &hold{id: i, announced: []bool{tag != 0}}
	l.Reset([]store.Ref{{}})
	l.Tag, l.Ops = store.Tag{tag}, [][]byte{opOf(tag)}
	var was log
	if was.read(k.value) == nil {
		known = was.counts(len(was.changes), l.Tag)
	}
	before := bytes.Clone(k.value)
	got := numbers(k.store.state(l, h, 0, k.value, k.now))
	if !bytes.Equal(before, k.value) {
		k.t.Error("a lease has written into the value")
	}
	return got, known
}

// counts returns the tags that count.
func (k *keeper) counts() (tags []int64) {
	for _, a := range k.told {
		if !a.void && !slices.Contains(tags, int64(a.tag)) {
			tags = append(tags, int64(a.tag))
		}
	}
	slices.Sort(tags)
	return tags
}

func (k *keeper) announce(tag byte) {
	i := newID(store.Tag{tag})
	state, known := k.lease(tag, i)
	want := k.counts()
	at := slices.Index(want, int64(tag))
	if known != (at >= 0) {
		k.fail("tag %d is known: %t", tag, known)
	}
	if at < 0 {
		k.same(state, want)
	} else if slices.Contains(state, int64(tag)) { // what came after the first may be there or not
		k.fail("%d is in the state before it: %v", tag, state)
	}
	k.value = appendChange(k.value, kindAnnounce, i, k.now, opOf(tag))
	k.told = append(k.told, announcement{tag: tag, id: i})
}

// cancel cancels the n-th announcement.
func (k *keeper) cancel(n int) {
	a := &k.told[n]
	k.value = appendChange(k.value, kindCancel, a.id, k.now, opOf(a.tag))
	a.void = true
}

// undo cancels the last announcement of a tag that counts.
func (k *keeper) undo(tag byte) {
	last := id{tag}
	k.value = appendChange(k.value, kindCancel, last, k.now, opOf(tag))
	for n := len(k.told) - 1; n >= 0; n-- {
		if a := &k.told[n]; a.tag == tag && !a.void {
			a.void = true
			return
		}
	}
}

// foldOne does what the script does, if there is something to fold.
func (k *keeper) foldOne() {
	select {
	case m := <-k.store.amends.list:
		cut, err := strconv.Atoi(m.args[1])
		if err != nil {
			k.t.Fatal(err)
		}
		if guard := m.args[0]; len(k.value) >= cut && bytes.HasPrefix(k.value, []byte(guard)) {
			k.value = append([]byte(m.args[2]), k.value[cut:]...)
			k.folds++
		}
	default:
	}
}

// force folds the first n changes, however young.
func (k *keeper) force(n int) {
	var g log
	if err := g.read(k.value); err != nil {
		k.t.Fatal(err)
	}
	n = min(n, len(g.changes))
	if slices.ContainsFunc(g.changes[n:], func(c change) bool { return c.kind == kindCancel && c.id.last() }) {
		return // as foldable has it
	}
	state := g.play(list{}, 0, none(bytes.Clone(g.base)), 0, n)
	k.value = append(g.newBase(state, n, k.now), k.value[g.cut(n):]...)
	k.folds++
}

func (k *keeper) check() {
	state, _ := k.lease(0, id{})
	k.same(state, k.counts())
}

func (k *keeper) same(state, want []int64) {
	slices.Sort(state)
	if diff := cmp.Diff(want, state); diff != "" && len(want)+len(state) > 0 {
		k.fail("the state is another (-want +got):\n%s", diff)
	}
}

func (k *keeper) fail(format string, args ...any) {
	k.t.Helper()
	k.t.Fatalf(format+"\nafter %d folds of %v", append(args, k.folds, k.told)...)
}

// Of one tag two announcements, each cancelled or not, in any order and folded at any point.
func TestTwoAnnouncementsOfOneTag(t *testing.T) {
	type step func(k *keeper)
	announce := func(k *keeper) { k.announce(1) }
	first, second := func(k *keeper) { k.cancel(0) }, func(k *keeper) { k.cancel(1) }
	undo := func(k *keeper) { k.undo(1) }
	again := func(k *keeper) { k.announce(1) }
	for name, steps := range map[string][]step{
		"neither cancelled":                   {announce, announce},
		"the first":                           {announce, announce, first},
		"the second":                          {announce, announce, second},
		"both":                                {announce, announce, first, second},
		"both, the second before":             {announce, announce, second, first},
		"the first between":                   {announce, first, announce},
		"the first between, then the second":  {announce, first, announce, second},
		"the first twice":                     {announce, announce, first, first},
		"the second twice":                    {announce, announce, second, second},
		"both twice":                          {announce, announce, first, second, first, second},
		"the first twice, and a third":        {announce, announce, first, first, again},
		"the first twice, a third, its own":   {announce, announce, first, first, again, func(k *keeper) { k.cancel(2) }},
		"the last":                            {announce, announce, undo},
		"the last, then the first":            {announce, announce, undo, first},
		"the last, then the second":           {announce, announce, undo, second},
		"the last two":                        {announce, announce, undo, undo},
		"the last three":                      {announce, announce, undo, undo, undo},
		"the first, then the last":            {announce, announce, first, undo},
		"the second, then the last":           {announce, announce, second, undo},
		"the second, then the last, and anew": {announce, announce, second, undo, again},
		"both, and anew":                      {announce, announce, first, second, again},
		"the last of one, and anew":           {announce, undo, again, undo},
	} {
		t.Run(name, func(t *testing.T) {
			// Each bit of plan says whether all is folded behind a step.
			for plan := range 1 << len(steps) {
				k := newKeeper(t)
				for i, step := range steps {
					step(k)
					if plan&(1<<i) != 0 {
						k.force(math.MaxInt)
					}
					k.check()
				}
			}
			// And every part of it, at the end.
			for n := range len(steps) + 1 {
				for m := range len(steps) + 1 {
					k := newKeeper(t)
					for _, step := range steps {
						step(k)
					}
					k.force(n)
					k.check()
					k.force(m)
					k.check()
				}
			}
		})
	}
}

// Whatever is announced, cancelled and folded, and when: the state is what a list of it all amounts to.
func TestLogsAgreeWithAnOracle(t *testing.T) {
	rounds := 400
	if testing.Short() {
		rounds = 50
	}
	folds := 0
	for range rounds {
		seed := rand.Uint64()
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			k := newKeeper(t)
			tags := 1 + r.IntN(40)
			for range 20 + r.IntN(300) {
				k.now += int64(r.IntN(150))
				switch n := len(k.told); r.IntN(16) {
				case 0, 1, 2, 3, 4, 5, 6, 7:
					if n < keepTags {
						k.announce(byte(1 + r.IntN(tags)))
					}
				case 8, 9:
					if n > 0 {
						k.cancel(n - 1 - min(n-1, int(r.ExpFloat64()*4)))
					}
				case 10:
					if n > 0 {
						k.cancel(r.IntN(n))
					}
				case 11:
					if r.IntN(3) == 0 {
						k.undo(byte(1 + r.IntN(tags)))
					}
				case 12:
					k.check()
				case 13:
					if r.IntN(4) == 0 {
						k.force(r.IntN(20))
					}
				default:
					k.foldOne()
				}
			}
			k.check()
			folds += k.folds
		})
	}
	if folds < rounds {
		t.Errorf("only %d folds in %d rounds", folds, rounds)
	}
}

// A tag that was folded long ago is not remembered, and its cancel comes too late.
func TestTagsAreForgotten(t *testing.T) {
	k := newKeeper(t)
	k.announce(1)
	k.announce(2)
	k.now += keepTag / 2
	k.announce(3)
	k.force(math.MaxInt)
	for _, tag := range []byte{1, 2, 3} {
		if _, known := k.lease(tag, newID(store.Tag{tag})); !known {
			t.Errorf("%d is not known", tag)
		}
	}
	k.now += keepTag/2 + 1
	k.force(math.MaxInt)
	for _, tag := range []byte{1, 2, 3} {
		if _, known := k.lease(tag, newID(store.Tag{tag})); known != (tag == 3) {
			t.Errorf("%d is known: %t", tag, known)
		}
	}
	k.cancel(0)
	k.told[0].void = false
	k.check()
	k.cancel(2)
	k.check()
}

// A base remembers so many tags, the youngest.
func TestBasesHaveABound(t *testing.T) {
	var value []byte
	var ids []id
	for n := range 2 * keepTags {
		i := newID(store.Tag(binary.LittleEndian.AppendUint64(nil, uint64(n))))
		ids = append(ids, i)
		value = appendChange(value, kindAnnounce, i, int64(1000+n), number(int64(n)))
	}
	var g log
	if err := g.read(value); err != nil {
		t.Fatal(err)
	}
	n := len(g.changes)
	base := g.newBase(g.play(list{}, 0, nil, 0, n), n, 2000)
	if err := g.read(base); err != nil {
		t.Fatal(err)
	}
	if len(g.marks) != keepTags || g.marks[0].id != ids[keepTags] || g.marks[keepTags-1].id != ids[2*keepTags-1] {
		t.Errorf("%d marks", len(g.marks))
	}
	if got := numbers(g.base); len(got) != 2*keepTags {
		t.Errorf("%d changes", len(got))
	}
}

// What is folded is settled, and one of some who announce folds.
func TestFoldable(t *testing.T) {
	const now = 1_000_000
	for n := range 40 {
		for old := range n + 1 {
			var g log
			for i := range n {
				at := int64(now - settled - 1)
				if i >= old {
					at = now - settled
				}
				g.changes = append(g.changes, change{kind: kindAnnounce, at: at})
			}
			got := g.foldable(now)
			want := old
			if n < foldAt || n%foldEvery != 0 || old < foldAt/2 {
				want = 0
			}
			if got != want {
				t.Errorf("of %d changes, %d of them old, %d are folded", n, old, got)
			}
		}
	}
}
