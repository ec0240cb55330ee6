package history

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
	"weak"

	"github.com/besra-ml/besra/internal/feature"
)

// planWith returns a plan of the demo's events, changed.
func planWith(t testing.TB, old, new string) *feature.Plan {
	t.Helper()
	text, err := os.ReadFile("../../models/fraud/1/features.yaml")
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(text), old, new, 1)
	if old != "" && changed == string(text) {
		t.Fatalf("there is no %q", old)
	}
	d, err := feature.Parse("features.yaml", []byte(changed))
	if err != nil {
		t.Fatal(err)
	}
	p, err := feature.NewPlan([]*feature.Definition{d})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// cardWindow is a window of the card's group; another one makes another group.
const cardWindow = "over: card, window: 7d}\n"

// score commits an event of a card and a terminal by plan p.
func score(t testing.TB, h *History, p *feature.Plan, at int64) {
	t.Helper()
	scoreOf(t, h, p, at, feature.Hash{1})
}

func scoreOf(t testing.TB, h *History, p *feature.Plan, at int64, card feature.Hash) {
	t.Helper()
	var turn Turn
	var e feature.Event
	e.Reset(p)
	e.Time = at
	e.Hashes[p.Field("card")], e.Hashes[p.Field("terminal")] = card, feature.Hash{9}
	e.Numbers[p.Field("amount")] = 1
	s := Stream{Model: "fraud", Plan: p}
	if err := h.Begin(context.Background(), &turn, s, &e); err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.Commit(context.Background(), &turn, s, &e, &Scored{}); err != nil {
		t.Fatal(err)
	}
}

// since returns from when on the histories of each of a plan's groups are whole.
func since(h *History, p *feature.Plan) (all []int64) {
	for _, g := range h.known(p).groups {
		all = append(all, g.since.Load())
	}
	return all
}

func TestWhatAPlanAsksAnewIsShortFromTheNewestEventOn(t *testing.T) {
	h, first := demo(t)
	const start = 1_700_000_000_000
	score(t, h, first, start+5)
	score(t, h, first, start) // late
	second := planWith(t, cardWindow, "over: card, window: 6d}\n")
	h.Attach("fraud", second)
	if h.AnyShort(first) || !h.AnyShort(second) {
		t.Fatalf("short: %v, %v", h.AnyShort(first), h.AnyShort(second))
	}
	if got := fmt.Sprint(since(h, second)); got != fmt.Sprint([]int64{start + 6, 0}) {
		t.Errorf("whole from %s", got)
	}
	if !h.Short(second, 0, start+5) || h.Short(second, 0, start+6) || h.Short(second, 1, 0) {
		t.Error("short where it is whole, or the other way round")
	}
	// A request in flight scores by the old plan: the new group lacks that, too.
	score(t, h, first, start+50)
	score(t, h, second, start+60)
	if got := since(h, second); got[0] != start+51 {
		t.Errorf("whole from %v", got)
	}
	// The old plan comes back, and lacks what was scored by the new one alone.
	h.Retire(first)
	score(t, h, second, start+70)
	h.Attach("fraud", first)
	if got := since(h, first); got[0] != start+71 || got[1] != 0 {
		t.Errorf("whole from %v", got)
	}
}

func TestAnEventOfTheWrongYearDoesNotMakeHistoriesShortForYears(t *testing.T) {
	h, first := demo(t)
	score(t, h, first, 4_000_000_000_000)
	second := planWith(t, cardWindow, "over: card, window: 6d}\n")
	h.Attach("fraud", second)
	score(t, h, first, 4_000_000_000_000)
	tomorrow := h.Now().Add(24 * time.Hour).UnixMilli()
	if got := since(h, second); got[0] == 0 || got[0] > tomorrow {
		t.Errorf("whole from %v", got)
	}
}

func TestAModelWithoutEventsIsWhole(t *testing.T) {
	h, _ := demo(t)
	second := planWith(t, cardWindow, "over: card, window: 6d}\n")
	h.Attach("fraud", second)
	if h.AnyShort(second) {
		t.Errorf("whole from %v", since(h, second))
	}
	other := planWith(t, cardWindow, "over: card, window: 5d}\n")
	h.Attach("other", other)
	if h.AnyShort(other) {
		t.Errorf("whole from %v", since(h, other))
	}
}

func TestARetiredPlanIsUsedToTheEndAndThenForgotten(t *testing.T) {
	h, last := demo(t)
	score(t, h, last, 1_700_000_000_000)
	var gone []weak.Pointer[feature.Plan]
	for n := range 20 {
		next := planWith(t, cardWindow, fmt.Sprintf("over: card, window: %dd}\n", 8+n))
		h.Attach("fraud", next)
		h.Retire(last)
		score(t, h, last, 1_700_000_000_000+int64(n))
		gone, last = append(gone, weak.Make(last)), next
	}
	for range 3 {
		runtime.GC()
	}
	next := planWith(t, "", "")
	h.Attach("fraud", next)
	for n, p := range gone {
		if p.Value() != nil {
			t.Errorf("plan %d is still held", n)
		}
	}
	if all := h.plans.Load(); len(all.current) != 2 || len(all.retired) != 0 {
		t.Errorf("%d plans, %d retired", len(all.current), len(all.retired))
	}
	runtime.KeepAlive(last)
}

func TestKeysOfManyTenants(t *testing.T) {
	h, p := demo(t)
	k := h.known(p)
	var e feature.Event
	e.Reset(p)
	e.Hashes[p.Field("card")] = feature.Hash{1}
	for range 2 {
		for n := range maxTenants + 100 {
			s := Stream{Tenant: fmt.Sprintf("t_%d", n), Model: "fraud", Plan: p}
			got, ok := k.keysOf(s).Key(0, &e)
			want, _ := p.Key(0, s.Tenant, s.Model, &e)
			if got != want || !ok {
				t.Fatalf("tenant %s: %x, want %x", s.Tenant, got, want)
			}
		}
	}
	if n := len(*k.keys.Load()); n != maxTenants {
		t.Errorf("%d are remembered", n)
	}
	allocs := testing.AllocsPerRun(100, func() { k.keysOf(Stream{Tenant: "t_7", Model: "fraud", Plan: p}) })
	if allocs > 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func TestWindowsThatNobodyAsksAnyMoreCostNothing(t *testing.T) {
	h, last := demo(t)
	first := last
	const start = 1_700_000_000_000
	score(t, h, last, start)
	for n := range 80 {
		next := planWith(t, cardWindow, fmt.Sprintf("over: card, window: %dd}\n", 8+n))
		h.Attach("fraud", next)
		h.Retire(last)
		last = next
	}
	for range 3 {
		runtime.GC()
	}
	next := planWith(t, cardWindow, "over: card, window: 6d}\n")
	h.Attach("fraud", next)
	h.Retire(last)
	for range 3 {
		runtime.GC()
	}
	h.Retire(next)
	// What is left is of the first plan, which this test holds, and of the newest two.
	if n := len(h.plans.Load().pasts["fraud"].groups); n != 4 {
		t.Errorf("%d groups", n)
	}
	if n := len(*h.known(next).lacks.Load()); n != 2 {
		t.Errorf("an event pays for %d groups that it is not in", n)
	}
	// One that nobody was left to ask comes back: it lacks what was scored meanwhile.
	score(t, h, next, start+1000)
	back := planWith(t, cardWindow, "over: card, window: 50d}\n")
	h.Attach("fraud", back)
	if got := since(h, back); got[0] != start+1001 || got[1] != 0 {
		t.Errorf("whole from %v", got)
	}
	runtime.KeepAlive(first)
	runtime.KeepAlive(last)
}

func TestASnapshotDuringASwapDoesNotSayThatHistoriesAreWhole(t *testing.T) {
	h, first := demo(t)
	const start = 1_700_000_000_000
	score(t, h, first, start)
	second := planWith(t, cardWindow, "over: card, window: 6d}\n")
	h.Attach("fraud", second)
	for i := range int64(1000) { // more than the writer's memory holds: it writes while the states are read
		scoreOf(t, h, second, start+i, feature.Hash{2, byte(i), byte(i >> 8)})
	}
	once := sync.OnceFunc(func() { score(t, h, first, start+5000) }) // a request in flight, by the old plan
	err := h.write(writerFunc(func(b []byte) (int, error) { once(); return len(b), nil }), 7)
	if !errors.Is(err, errMoved) {
		t.Errorf("%v, want %v", err, errMoved)
	}
	var b bytes.Buffer
	if err := h.write(&b, 7); err != nil {
		t.Fatal(err)
	}
	other, p := demo(t)
	again := planWith(t, cardWindow, "over: card, window: 6d}\n")
	other.Attach("fraud", again)
	other.Retire(p)
	if _, err := other.load(&b); err != nil {
		t.Fatal(err)
	}
	if got := since(other, again); got[0] != start+5001 || got[1] != 0 {
		t.Errorf("whole from %v", got)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

func TestASnapshotWhoseGroupsAreOfAllModelsIsRead(t *testing.T) {
	h, p := demo(t)
	const start = 1_700_000_000_000
	score(t, h, p, start)
	h.known(p).groups[0].since.Store(start)
	var b bytes.Buffer
	if err := h.write(&b, 7); err != nil {
		t.Fatal(err)
	}
	data := b.Bytes()
	for _, g := range p.Groups {
		id := groupID("fraud", g.ID)
		if data = bytes.Replace(data, id[:], g.ID[:], 1); bytes.Contains(data, id[:]) || !bytes.Contains(data, g.ID[:]) {
			t.Fatal("the snapshot does not have the group once")
		}
	}
	for _, foreign := range []bool{false, true} {
		h, p := demo(t)
		h.Foreign = foreign
		other := planWith(t, "", "")
		h.Attach("abuse", other)
		for range 2 { // what is written of it is read, too
			if _, err := h.load(bytes.NewReader(data)); err != nil {
				t.Fatal(err)
			}
			for _, of := range []*feature.Plan{p, other} {
				for _, g := range h.known(of).groups {
					if !g.loaded {
						t.Error("a group is not loaded")
					}
				}
				if got := since(h, of); got[0] != start || got[1] != 0 {
					t.Errorf("whole from %v", got)
				}
			}
			if n := h.Store.Stats().Entities; n != 2 {
				t.Errorf("%d entities", n)
			}
			var b bytes.Buffer
			if err := h.write(&b, 7); err != nil {
				t.Fatal(err)
			}
			data = b.Bytes()
		}
	}
}
