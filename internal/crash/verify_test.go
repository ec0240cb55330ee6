//go:build unix

package crash

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/besra-ml/besra/internal/app"
	"github.com/besra-ml/besra/internal/besratest"
	"github.com/besra-ml/besra/internal/entity"
	"github.com/besra-ml/besra/internal/feature"
	"github.com/besra-ml/besra/internal/outcome"
	"github.com/besra-ml/besra/internal/store"
	"github.com/besra-ml/besra/internal/telemetry"
	"github.com/besra-ml/besra/models"
)

// verify sends payments again that were answered: all of the last second, and as many others. Each must get its answer,
// byte for byte.
func (l *load) verify(s *besratest.Process, others int, r *rand.Rand) {
	l.t.Helper()
	list := make([]number, 0, len(l.answered))
	var last time.Time
	for n, at := range l.when {
		list = append(list, n)
		if at.After(last) {
			last = at
		}
	}
	slices.Sort(list)
	r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	ask := make(chan number, len(list))
	for _, n := range list {
		young := last.Sub(l.when[n]) < time.Second
		if young || others > 0 {
			ask <- n
		}
		if !young {
			others--
		}
	}
	close(ask)
	var team sync.WaitGroup
	for range 4 {
		team.Go(func() {
			for n := range ask {
				if problem := l.again(s, n); problem != "" {
					l.t.Errorf("%s: %s", n.id(), problem)
					return
				}
			}
		})
	}
	team.Wait()
	if l.t.Failed() {
		l.t.FailNow()
	}
}

// again sends an answered payment again, and returns what is wrong with the answer.
func (l *load) again(s *besratest.Process, n number) string {
	a := s.Post("/v1/score", n.body())
	switch {
	case a.Status != http.StatusOK || string(a.Body) != string(l.answered[n]):
		return fmt.Sprintf("got %v, was %s", a, l.answered[n])
	case !a.Replayed:
		return "it was scored anew"
	}
	return ""
}

// verifyAll sends all payments again that were answered, in batches.
func (l *load) verifyAll(s *besratest.Process) {
	l.t.Helper()
	all := make([]number, 0, len(l.answered))
	for n := range l.answered {
		all = append(all, n)
	}
	slices.Sort(all)
	for list := range slices.Chunk(all, 1000) {
		items := make([]string, len(list))
		for i, n := range list {
			items[i] = n.body()
		}
		a := s.Post("/v1/score/batch", `{"events":[`+strings.Join(items, ",")+`]}`)
		if a.Status != http.StatusOK {
			l.t.Fatal(a)
		}
		got, err := results(a.Body)
		if err != nil || len(got) != len(list) {
			l.t.Fatalf("%d results of %d: %v", len(got), len(list), err)
		}
		for i, n := range list {
			one, ok := alone(n, got[i])
			if !ok || string(one) != string(l.answered[n]) || !strings.Contains(string(got[i]), `"replayed":true`) {
				l.t.Fatalf("%s: got %s, was %s", n.id(), got[i], l.answered[n])
			}
		}
	}
}

// A memory is what a server that is not running remembers.
type memory struct {
	*app.Remembered
	model string
	plan  *feature.Plan
}

// remember opens a state.dir as the service does; a new one, too.
func remember(dir string) (*memory, error) {
	if err := os.MkdirAll(filepath.Join(dir, "journal"), 0o700); err != nil {
		return nil, err
	}
	if _, err := entity.ReadOrMakeKey(filepath.Join(dir, "entity.key")); err != nil {
		return nil, err
	}
	c := app.Defaults()
	c.State.Dir = dir
	c.Replay.Bytes = replayBytes
	b := app.Backends{
		Exporter: func(*telemetry.Metrics) http.Handler { return http.NotFoundHandler() },
		Demo:     models.Demo(),
	}
	m := new(memory)
	var err error
	m.Remembered, err = app.OpenRemembered(context.Background(), c, b, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	subjects, err := m.Subjects("", "card", "c_1")
	if err != nil {
		return nil, err
	}
	m.model, m.plan = subjects[0].Model, subjects[0].Plan
	return m, nil
}

// states returns all histories as replay.canonical does.
func (m *memory) states(t *testing.T) map[[16]byte]string {
	t.Helper()
	s := m.History().Store
	groups := map[int]*feature.Group{}
	for _, g := range m.plan.Groups {
		id := sha256.Sum256([]byte(string(g.ID[:]) + m.model))
		groups[s.Group([16]byte(id[:16]), time.Duration(g.Layout.Retention())*time.Millisecond)] = g
	}
	all := map[[16]byte]string{}
	for shard := range s.Shards() {
		_, err := s.Each(shard, func(ref store.Ref, _ time.Time, state []byte) error {
			if text := groups[ref.Group].Layout.AppendCanonical(nil, state); len(text) > 0 {
				all[ref.Key] = string(text)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// records returns the records of the journal.
func (m *memory) records(t *testing.T) (positions []uint64, records [][]byte) {
	t.Helper()
	err := m.History().Journal.Read(1, func(position uint64, data []byte) error {
		positions = append(positions, position)
		records = append(records, slices.Clone(data))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return positions, records
}

// verifyDir holds what dir remembers against its journal, record by record, and against what was acknowledged.
func (l *load) verifyDir(dir string) {
	t := l.t
	t.Helper()
	m, err := remember(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	r, err := newReplay(m.plan)
	if err != nil {
		t.Fatal(err)
	}
	positions, records := m.records(t)
	for i, data := range records {
		if err := r.apply(positions[i], data); err != nil {
			t.Fatal(err)
		}
	}
	if len(r.wrong) > 0 {
		t.Errorf("%d labels do not follow from those before: %s", len(r.wrong), r.wrong[0])
	}
	same(t, r.canonical(), m.states(t))
	outcomes(t, r, m.History().Outcomes)
	l.acknowledged(r, dir)
	t.Logf("%d records, %d histories; acknowledged %d events and %d labels; %v",
		len(records), len(r.states), len(l.answered), len(l.labelled), l.statuses)
}

// same compares histories.
func same(t *testing.T, want, got map[[16]byte]string) {
	t.Helper()
	for key, text := range want {
		if got[key] != text {
			t.Errorf("history %x differs: %d bytes, want %d", key, len(got[key]), len(text))
		}
	}
	if len(want) != len(got) {
		t.Errorf("%d histories, want %d", len(got), len(want))
	}
}

// outcomes compares the table of outcomes.
func outcomes(t *testing.T, r *replay, table *outcome.Table) {
	t.Helper()
	wrong := 0
	for key, p := range r.events {
		o, ok, err := table.Get(outcome.Key(key))
		if err != nil {
			t.Fatal(err)
		}
		if ok && o.Time == p.time && o.Label == p.said.label && (o.Label == outcome.Unlabelled || o.LabelTime == p.said.time) {
			continue
		}
		if wrong++; wrong < 5 {
			t.Errorf("outcome of %x: there: %v, of %d, %v as of %d; the journal says of %d, %v as of %d",
				key, ok, o.Time, o.Label, o.LabelTime, p.time, p.said.label, p.said.time)
		}
	}
	if wrong > 0 {
		t.Errorf("%d outcomes are wrong", wrong)
	}
	nan := cmp.Comparer(func(a, b float64) bool { return a == b || a != a && b != b })
	if d := cmp.Diff(r.table.Performance(), table.Performance(), nan); d != "" {
		t.Errorf("figures differ: %s", d)
	}
}

// acknowledged checks that all that was acknowledged is in the journal, once. A label that was sent again may be there
// again, after others of its event.
func (l *load) acknowledged(r *replay, dir string) {
	t := l.t
	t.Helper()
	secret, err := entity.ReadKey(filepath.Join(dir, "entity.key"))
	if err != nil {
		t.Fatal(err)
	}
	hasher := entity.NewHasher(secret)
	missing := 0
	for n, answer := range l.answered {
		p, ok := r.events[hasher.Event("", "fraud", []byte(n.id()))]
		if !ok || !strings.HasSuffix(string(answer), `"version":1,`+p.answer+"}") {
			if missing++; missing < 5 {
				t.Errorf("%s is not in the journal as it was answered", n.id())
			}
		}
	}
	for one := range l.labelled {
		want := said{outcome.Genuine, one.at}
		if one.fraud {
			want.label = outcome.Fraud
		}
		key := hasher.Event("", "fraud", []byte(one.of.id()))
		n := r.labels[key][want]
		if p := r.events[key]; n == 0 && p != nil && p.carried == want {
			continue // it came first, and is in the event's own record
		}
		if n == 0 || n > 1 && !l.repeated[one] {
			if missing++; missing < 5 {
				t.Errorf("the label %v is %d times in the journal", one, n)
			}
		}
	}
	if missing > 0 {
		t.Errorf("%d events and labels were acknowledged and are not in the journal once", missing)
	}
	if n := int64(r.nameless); n < l.nameless.Load() || n > l.spoken.Load() {
		t.Errorf("%d events without ids: %d were acknowledged and %d sent", n, l.nameless.Load(), l.spoken.Load())
	}
}
