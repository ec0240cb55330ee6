package history_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/besra-ml/besra/internal/entity"
	"github.com/besra-ml/besra/internal/feature"
	"github.com/besra-ml/besra/internal/history"
	"github.com/besra-ml/besra/internal/journal"
	"github.com/besra-ml/besra/internal/outcome"
	"github.com/besra-ml/besra/internal/policy"
	"github.com/besra-ml/besra/internal/store"
	"github.com/besra-ml/besra/internal/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A service is a history with its parts, as the app puts them together.
type service struct {
	*history.History
	t      *testing.T
	plan   *feature.Plan
	hasher *entity.Hasher
	turn   history.Turn
	now    time.Time
}

type options struct {
	dir      string
	features string // file of models/fraud/1 when ""
	disk     func(name string, flag int, perm os.FileMode) (journal.File, error)
	cont     bool
	deadline time.Duration
	shards   int   // of the store; 0: as many as it likes
	keep     int64 // bytes of the journal beyond what a start needs; negative: none
}

// open opens what dir remembers, and recovers it.
func open(t *testing.T, o options) *service {
	t.Helper()
	text := o.features
	if text == "" {
		data, err := os.ReadFile("../../models/fraud/1/features.yaml")
		if err != nil {
			t.Fatal(err)
		}
		text = string(data)
	}
	d, err := feature.Parse("features.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	s := &service{t: t, hasher: entity.NewHasher([]byte("0123456789abcdef")), now: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)}
	if s.plan, err = feature.NewPlan([]*feature.Definition{d}); err != nil {
		t.Fatal(err)
	}
	ho := history.Options{
		Store: store.NewMemory(store.Options{Shards: o.shards, Now: func() time.Time { return s.now }}), TTL: 24 * time.Hour,
		Metrics: telemetry.New(telemetry.Options{}), Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return s.now },
		Continue: o.cont, Deadline: o.deadline,
	}
	oo := outcome.Options{Part: 512}
	if o.dir != "" {
		ho.Journal, err = journal.Open(journal.Options{Dir: filepath.Join(o.dir, "journal"), Segment: 1 << 13, Keep: o.keep, OpenFile: o.disk, Now: func() time.Time { return s.now }})
		if err != nil {
			t.Fatal(err)
		}
		oo.Dir, oo.Durable = filepath.Join(o.dir, "outcomes"), ho.Journal.Settle
	}
	if ho.Outcomes, err = outcome.Open(oo); err != nil {
		t.Fatal(err)
	}
	s.History = history.New(ho)
	s.Attach("fraud", s.plan)
	if err := s.Recover(context.Background(), func(string) *feature.Plan { return s.plan }, nil); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *service) close() {
	s.t.Helper()
	if err := s.Close(); err != nil {
		s.t.Error(err)
	}
}

func (s *service) stream() history.Stream { return history.Stream{Model: "fraud", Plan: s.plan} }

// A payment of the tests.
type payment struct {
	id             string
	time           int64
	card, terminal string
	amount         float64
}

func (s *service) event(p payment) *feature.Event {
	var e feature.Event
	e.Reset(s.plan)
	e.Time = p.time
	for name, value := range map[string]string{"card": p.card, "terminal": p.terminal} {
		if value != "" {
			e.Hashes[s.plan.Field(name)] = feature.Hash(s.hasher.Hash(name, []byte(value)))
		}
	}
	e.Numbers[s.plan.Field("amount")] = p.amount
	return &e
}

func (s *service) key(id string) store.Key { return store.Key(s.hasher.Event("", "fraud", []byte(id))) }

func (s *service) said(p payment) *history.Scored {
	return &history.Scored{
		Version: 1, HasID: true, Key: s.key(p.id), Digest: store.Digest{1}, Answer: []byte("answer to " + p.id),
		Score: 0.5, Decision: policy.Review, Loss: int64(math.Round(p.amount * history.LossUnit)),
	}
}

// commit commits a payment without waiting.
func (s *service) commit(p payment) (uint64, uint16, error) {
	e := s.event(p)
	if err := s.Begin(context.Background(), &s.turn, s.stream(), e); err != nil {
		s.t.Fatal(err)
	}
	return s.Commit(context.Background(), &s.turn, s.stream(), e, s.said(p))
}

// pay commits a payment, and waits.
func (s *service) pay(p payment) {
	s.t.Helper()
	position, _, err := s.commit(p)
	if err == nil {
		err = s.Wait(position, time.Time{})
	}
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.complete(p); err != nil {
		s.t.Fatal(err)
	}
}

// complete keeps the answer, as the scorer does.
func (s *service) complete(p payment) error {
	said := s.said(p)
	ctx := context.Background()
	if c, _, err := s.Store.Claim(ctx, said.Key, said.Digest, false, nil); c != store.Won || err != nil {
		return fmt.Errorf("%v, %w", c, err)
	}
	return s.Store.Complete(ctx, said.Key, said.Digest, said.Answer)
}

func (s *service) label(id string, l outcome.Label, at int64) history.Labelled {
	s.t.Helper()
	c := []history.Relabel{{Stream: s.stream(), Key: s.key(id), Label: l, At: at}}
	if err := s.Label(context.Background(), &s.turn, c); err != nil {
		s.t.Fatal(err)
	}
	return c[0].Became
}

// states returns every history by its key, in the form that does not tell how it came about.
func (s *service) states() map[store.Key]string {
	s.t.Helper()
	layouts := map[int]*feature.Group{}
	for _, g := range s.plan.Groups {
		layouts[s.GroupNumber("fraud", g)] = g
	}
	all := map[store.Key]string{}
	for shard := range s.Store.Shards() {
		_, err := s.Store.Each(shard, func(ref store.Ref, _ time.Time, state []byte) error {
			if layouts[ref.Group] == nil {
				return nil // of a plan before
			}
			if text := layouts[ref.Group].Layout.AppendCanonical(nil, state); len(text) > 0 {
				all[ref.Key] = string(text)
			}
			return nil
		})
		if err != nil {
			s.t.Fatal(err)
		}
	}
	return all
}

// replayed is what a repeated payment gets.
func (s *service) replayed(p payment) string {
	s.t.Helper()
	c, answer, err := s.Store.Claim(context.Background(), s.key(p.id), store.Digest{1}, false, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	if c == store.Won {
		_ = s.Store.Abandon(context.Background(), s.key(p.id), store.Digest{1})
	}
	return string(answer)
}

const day = int64(24 * time.Hour / time.Millisecond)

// payments makes n payments, mostly in the order of time.
func payments(r *rand.Rand, n int) []payment {
	list := make([]payment, n)
	at := int64(1_700_000_000_000)
	for i := range list {
		at += r.Int64N(40 * 60_000)
		late := int64(0)
		if r.IntN(10) == 0 {
			late = r.Int64N(3 * 3600_000)
		}
		list[i] = payment{
			id: fmt.Sprintf("evt_%d", i), time: at - late, card: fmt.Sprintf("c_%d", r.IntN(20)),
			terminal: fmt.Sprintf("t_%d", r.IntN(10)), amount: float64(r.IntN(30000)) / 100,
		}
		if r.IntN(20) == 0 {
			list[i].terminal = ""
		}
	}
	return list
}

func TestWhatIsRememberedSurvives(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			dir := t.TempDir()
			s := open(t, options{dir: dir})
			whole := open(t, options{}) // the same in memory, never interrupted
			defer whole.close()
			list := payments(r, 1500)
			for i, p := range list {
				s.pay(p)
				whole.pay(p)
				for r.IntN(3) == 0 { // labels of what was, will be, and is labelled already
					id, l := fmt.Sprintf("evt_%d", max(0, i-r.IntN(200)+r.IntN(20))), outcome.Label(1+r.IntN(2))
					at := p.time + r.Int64N(10*day) - 2*day
					s.label(id, l, at)
					whole.label(id, l, at)
				}
				switch r.IntN(150) {
				case 0:
					if err := s.Snapshot(); err != nil {
						t.Fatal(err)
					}
				case 1:
					s.close()
					s = open(t, options{dir: dir, shards: 1 << r.IntN(6)}) // no start depends on the store's shape
				}
			}
			s.close()
			s = open(t, options{dir: dir})
			defer s.close()
			if d := cmp.Diff(whole.states(), s.states()); d != "" {
				t.Errorf("histories differ: %s", d)
			}
			nan := cmp.Comparer(func(a, b float64) bool { return a == b || a != a && b != b })
			if d := cmp.Diff(whole.Outcomes.Performance(), s.Outcomes.Performance(), nan); d != "" {
				t.Errorf("figures differ: %s", d)
			}
			for _, p := range list {
				if got, want := s.replayed(p), "answer to "+p.id; got != want {
					t.Fatalf("%s: answer %q", p.id, got)
				}
			}
		})
	}
}

func TestANewDefinitionIsFilledFromTheJournal(t *testing.T) {
	const common = "besra: 1\nevent:\n  - {name: time, type: time}\n  - {name: card, type: entity}\n  - {name: terminal, type: entity}\n" +
		"  - {name: amount, type: number, decimals: 2}\ncolumns:\n  - {name: a, aggregate: count, over: card, window: 1d}\n"
	const more = common + "  - {name: b, aggregate: fraud_share, over: terminal, window: 7d, delay: 1d}\n" +
		"  - {name: c, aggregate: sum, of: amount, over: [card, terminal], window: 30d}\n"
	for name, c := range map[string]struct {
		snapshots int
		keep      int64
		short     bool
	}{"from all of it": {0, 0, false}, "beside a snapshot": {2, 0, false}, "from what is kept of it": {2, -1, true}} {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(7, 7))
			dir := t.TempDir()
			s := open(t, options{dir: dir, features: common, keep: c.keep})
			whole := open(t, options{features: more})
			defer whole.close()
			list := payments(r, 800)
			for i, p := range list {
				s.pay(p)
				whole.pay(p)
				if i%3 == 0 {
					s.label(p.id, outcome.Fraud, p.time+2*day)
					whole.label(p.id, outcome.Fraud, p.time+2*day)
				}
				if c.snapshots > 0 && i%(len(list)/c.snapshots) == len(list)/c.snapshots-1 {
					if err := s.Snapshot(); err != nil {
						t.Fatal(err)
					}
				}
			}
			s.close()
			s = open(t, options{dir: dir, features: more, keep: c.keep})
			defer s.close()
			if d := cmp.Diff(whole.states(), s.states()); (d != "") != c.short {
				t.Errorf("histories differ: %s", d)
			}
			if s.AnyShort(s.plan) != c.short {
				t.Errorf("short: %v", s.AnyShort(s.plan))
			}
			first, last := list[0].time, list[len(list)-1].time
			for i, g := range s.plan.Groups {
				younger := len(g.Entities) == 2 || g.Labels
				if got := s.Short(s.plan, i, first); got != (c.short && younger) {
					t.Errorf("%v is short: %v", g, got)
				}
				if s.Short(s.plan, i, last) {
					t.Errorf("%v is short where it is whole", g)
				}
			}
		})
	}
}

// A disk that can be made to fail.
type disk struct {
	mu  sync.Mutex
	err error
}

func (d *disk) set(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.err = err
}

func (d *disk) failing() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.err
}

type diskFile struct {
	*os.File
	d *disk
}

func (f diskFile) WriteAt(b []byte, at int64) (int, error) {
	if err := f.d.failing(); err != nil {
		return 0, err
	}
	return f.File.WriteAt(b, at)
}

func (d *disk) open(name string, flag int, perm os.FileMode) (journal.File, error) {
	if err := d.failing(); err != nil && flag&os.O_CREATE != 0 {
		return nil, err
	}
	f, err := os.OpenFile(name, flag, perm)
	return diskFile{f, d}, err
}

func TestWhatTheDiskDoesNotTakeLeavesNoTrace(t *testing.T) {
	dir := t.TempDir()
	var d disk
	s := open(t, options{dir: dir, disk: d.open})
	r := rand.New(rand.NewPCG(3, 3))
	list := payments(r, 60)
	for _, p := range list[:20] {
		s.pay(p)
	}
	before := s.states()
	d.set(syscall.ENOSPC)
	for _, p := range list[20:30] {
		position, kept, err := s.commit(p)
		if err != nil {
			continue // it failed at once
		}
		if err = s.Wait(position, time.Time{}); !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("error %v", err)
		}
		s.Undo(context.Background(), &s.turn, s.stream(), s.event(p), kept, s.said(p))
	}
	if diff := cmp.Diff(before, s.states()); diff != "" {
		t.Errorf("histories changed: %s", diff)
	}
	if n := s.Outcomes.Stats().Records; n != 20 {
		t.Errorf("%d outcomes", n)
	}
	d.set(nil)
	s.now = s.now.Add(5 * time.Second)
	if err := s.Journal.Retry(); err != nil {
		t.Fatal(err)
	}
	for _, p := range list[20:] { // what was refused, again
		s.pay(p)
	}
	want := s.states()
	s.close()
	s = open(t, options{dir: dir})
	defer s.close()
	if diff := cmp.Diff(want, s.states()); diff != "" {
		t.Errorf("histories differ after a start: %s", diff)
	}
	if n := s.Outcomes.Stats().Records; n != 60 {
		t.Errorf("%d outcomes after a start", n)
	}
}

func TestAnswersMayLeaveWithoutTheDisk(t *testing.T) {
	var d disk
	s := open(t, options{dir: t.TempDir(), disk: d.open, cont: true})
	d.set(syscall.EROFS)
	list := payments(rand.New(rand.NewPCG(4, 4)), 30)
	whole := open(t, options{})
	defer whole.close()
	for _, p := range list {
		whole.pay(p)
		position, _, err := s.commit(p)
		if err != nil {
			t.Fatal(err)
		}
		_ = s.Wait(position, time.Time{}) // the scorer goes on
	}
	if diff := cmp.Diff(whole.states(), s.states()); diff != "" {
		t.Errorf("histories differ: %s", diff)
	}
	if s.Metrics.Journal.Unsaved.Value() == 0 {
		t.Error("nothing was counted")
	}
	d.set(nil)
	s.close()
}

func TestManyWritersOnFewEntitiesAddUp(t *testing.T) {
	const writers, each = 8, 300
	s := open(t, options{dir: t.TempDir()})
	defer s.close()
	lists := make([][]payment, writers)
	serial := open(t, options{})
	defer serial.close()
	for w := range lists {
		list := payments(rand.New(rand.NewPCG(uint64(w), 9)), each)
		for i := range list {
			list[i].id = fmt.Sprintf("evt_%d_%d", w, i)
			list[i].time = 1_700_000_000_000 + int64(i)*1000 // nobody is late, whoever is first
			list[i].card, list[i].terminal = fmt.Sprintf("c_%d", i%3), "t_1"
		}
		lists[w] = list
	}
	for _, list := range lists {
		for _, p := range list {
			serial.pay(p)
			serial.label(p.id, outcome.Fraud, p.time+day)
		}
	}
	var team sync.WaitGroup
	for _, list := range lists {
		team.Go(func() {
			mine := &service{History: s.History, t: t, plan: s.plan, hasher: s.hasher, now: s.now}
			for _, p := range list {
				mine.pay(p)
				mine.label(p.id, outcome.Fraud, p.time+day)
			}
		})
	}
	team.Wait()
	if diff := cmp.Diff(serial.states(), s.states()); diff != "" {
		t.Errorf("histories differ: %s", diff)
	}
}

func TestTheLastLabelCounts(t *testing.T) {
	s := open(t, options{})
	defer s.close()
	p := payment{"evt_1", 1_700_000_000_000, "c_1", "t_1", 5}
	if got := s.label(p.id, outcome.Fraud, p.time+day); got != history.Early {
		t.Errorf("before the event: %v", got)
	}
	s.pay(p)
	marked := s.states()
	for _, c := range []struct {
		label outcome.Label
		at    int64
		want  history.Labelled
		same  bool
	}{
		{outcome.Fraud, p.time + day, history.Repeated, true},
		{outcome.Genuine, p.time + 2*day, history.Known, false},
		{outcome.Fraud, p.time + day, history.Known, true},
		{outcome.Fraud, p.time + 3*day, history.Known, false},
	} {
		if got := s.label(p.id, c.label, c.at); got != c.want {
			t.Errorf("%v at %d: %v, want %v", c.label, c.at, got, c.want)
		}
		if same := cmp.Equal(marked, s.states()); same != c.same {
			t.Errorf("%v at %d: the histories are the same: %v", c.label, c.at, same)
		}
	}
}

var _ io.Closer = (*history.History)(nil)

// succeed makes the service read events by other features from now on.
func (s *service) succeed(text string) {
	s.t.Helper()
	d, err := feature.Parse("features.yaml", []byte(text))
	if err != nil {
		s.t.Fatal(err)
	}
	p, err := feature.NewPlan([]*feature.Definition{d})
	if err != nil {
		s.t.Fatal(err)
	}
	s.Attach("fraud", p)
	s.Retire(s.plan)
	s.plan = p
}

func TestAPlanThatCameLaterSurvivesAsItIs(t *testing.T) {
	data, err := os.ReadFile("../../models/fraud/1/features.yaml")
	if err != nil {
		t.Fatal(err)
	}
	more := strings.ReplaceAll(string(data), "window: 7d", "window: 6d") // of cards and terminals, with labels
	for name, snapshot := range map[string]bool{"with a snapshot": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(7, 1))
			dir := t.TempDir()
			s := open(t, options{dir: dir})
			list := payments(r, 600)
			for i, p := range list {
				if i == 300 {
					s.succeed(more)
					if snapshot {
						if err := s.Snapshot(); err != nil {
							t.Fatal(err)
						}
					}
				}
				s.pay(p)
				if i%3 == 0 { // events of before, too, that the new groups do not have
					s.label(fmt.Sprintf("evt_%d", r.IntN(i+1)), outcome.Label(1+r.IntN(2)), p.time+r.Int64N(day))
				}
			}
			before, short := s.states(), s.AnyShort(s.plan)
			if !short {
				t.Error("it is whole, and cannot be")
			}
			s.close()
			s = open(t, options{dir: dir, features: more})
			defer s.close()
			if snapshot {
				if d := cmp.Diff(before, s.states()); d != "" {
					t.Error(d)
				}
			}
			// Without a snapshot the new groups are filled from the journal, which has all.
			if s.AnyShort(s.plan) != snapshot {
				t.Errorf("short: %v", s.AnyShort(s.plan))
			}
			if !snapshot {
				whole := open(t, options{features: more})
				defer whole.close()
				r := rand.New(rand.NewPCG(7, 1))
				for i, p := range payments(r, 600) {
					whole.pay(p)
					if i%3 == 0 {
						whole.label(fmt.Sprintf("evt_%d", r.IntN(i+1)), outcome.Label(1+r.IntN(2)), p.time+r.Int64N(day))
					}
				}
				if d := cmp.Diff(whole.states(), s.states()); d != "" {
					t.Error(d)
				}
			}
		})
	}
}
