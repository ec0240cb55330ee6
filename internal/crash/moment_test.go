//go:build unix

package crash

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/besra-ml/besra/internal/entity"
	"github.com/besra-ml/besra/internal/feature"
	"github.com/besra-ml/besra/internal/history"
	"github.com/besra-ml/besra/internal/outcome"
	"github.com/besra-ml/besra/internal/policy"
	"github.com/besra-ml/besra/internal/store"
)

// The moments below are too short for a signal to meet them often. A copy of state.dir is what a kill would leave.

// opened opens dir, until the test ends.
func opened(t *testing.T, dir string) *memory {
	t.Helper()
	m, err := remember(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// killed returns a copy of dir as it is now.
func killed(t *testing.T, dir string) string {
	t.Helper()
	left := filepath.Join(t.TempDir(), "state")
	if err := os.CopyFS(left, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return left
}

func (m *memory) key(t *testing.T, dir string, n number) store.Key {
	t.Helper()
	secret, err := entity.ReadKey(filepath.Join(dir, "entity.key"))
	if err != nil {
		t.Fatal(err)
	}
	return store.Key(entity.NewHasher(secret).Event("", "fraud", []byte(n.id())))
}

// pay commits a payment, and returns its position in the journal.
func (m *memory) pay(t *testing.T, dir string, n number) uint64 {
	t.Helper()
	position, _ := m.commit(t, m.event(n), m.said(t, dir, n))
	return position
}

// lose commits a payment that the journal cannot hold, and undoes it as the scorer does.
func (m *memory) lose(t *testing.T, dir string, n number) {
	t.Helper()
	e, said := m.event(n), m.said(t, dir, n)
	position, kept := m.commit(t, e, said)
	if err := m.History().Wait(position, time.Time{}); !errors.Is(err, history.ErrUnsaved) {
		t.Fatalf("the disk is full, and the payment gets %v", err)
	}
	m.History().Undo(context.Background(), new(history.Turn), m.stream(), e, kept, said)
}

func (m *memory) event(n number) *feature.Event {
	var e feature.Event
	e.Reset(m.plan)
	e.Time = n.time()
	e.Hashes[m.plan.Field("card")] = feature.Hash{1, byte(n % 7)}
	e.Hashes[m.plan.Field("terminal")] = feature.Hash{2, byte(n % 5)}
	e.Numbers[m.plan.Field("amount")] = 5
	return &e
}

func (m *memory) said(t *testing.T, dir string, n number) *history.Scored {
	t.Helper()
	return &history.Scored{
		Version: 1, HasID: true, Key: m.key(t, dir, n), Answer: append([]byte{1}, n.id()...), Score: 0.5, Decision: policy.Review,
	}
}

func (m *memory) commit(t *testing.T, e *feature.Event, said *history.Scored) (position uint64, kept uint16) {
	t.Helper()
	var turn history.Turn
	if err := m.History().Begin(context.Background(), &turn, m.stream(), e); err != nil {
		t.Fatal(err)
	}
	position, kept, err := m.History().Commit(context.Background(), &turn, m.stream(), e, said)
	if err != nil {
		t.Fatal(err)
	}
	return position, kept
}

func (m *memory) stream() history.Stream { return history.Stream{Model: "fraud", Plan: m.plan} }

// says labels a payment as fraud, durably.
func (m *memory) says(t *testing.T, dir string, n number) history.Labelled {
	t.Helper()
	became, err := m.label(t, dir, n)
	if err != nil {
		t.Fatal(err)
	}
	return became
}

func (m *memory) label(t *testing.T, dir string, n number) (history.Labelled, error) {
	t.Helper()
	l := []history.Relabel{{Stream: m.stream(), Key: m.key(t, dir, n), Label: outcome.Fraud, At: n.time() + 1}}
	err := m.History().Label(context.Background(), new(history.Turn), l)
	return l[0].Became, err
}

func (m *memory) wait(t *testing.T, position uint64) {
	t.Helper()
	if err := m.History().Wait(position, time.Time{}); err != nil {
		t.Fatal(err)
	}
}

// followsFromItsJournal holds what is remembered against the journal.
func (m *memory) followsFromItsJournal(t *testing.T) *replay {
	t.Helper()
	r, err := newReplay(m.plan)
	if err != nil {
		t.Fatal(err)
	}
	positions, records := m.records(t)
	for i, data := range records {
		if err := r.apply(positions[i], data); err != nil {
			t.Error(err)
		}
	}
	for _, wrong := range r.wrong {
		t.Error(wrong)
	}
	same(t, r.canonical(), m.states(t))
	outcomes(t, r, m.History().Outcomes)
	return r
}

func TestALabelOfAnOldEventIsTakenAgainAfterACrash(t *testing.T) {
	dir := t.TempDir()
	m := opened(t, dir)
	m.wait(t, m.pay(t, dir, 1))
	if err := m.History().Snapshot(); err != nil { // the event's outcome is on disk
		t.Fatal(err)
	}
	m.says(t, dir, 1)
	left := killed(t, dir)

	m = opened(t, left)
	m.wait(t, m.pay(t, left, 2))
	if became := m.says(t, left, 1); became != history.Repeated {
		t.Errorf("the label is %v", became)
	}
	r := m.followsFromItsJournal(t)
	if n := r.labels[m.key(t, left, 1)][said{outcome.Fraud, number(1).time() + 1}]; n != 1 {
		t.Errorf("the label is %d times in the journal", n)
	}
}

func TestOutcomesDoNotRunAheadOfTheJournal(t *testing.T) {
	dir := t.TempDir()
	m := opened(t, dir)
	m.wait(t, m.pay(t, dir, 1))
	m.pay(t, dir, 2)                                     // nobody waits
	if err := m.History().Outcomes.Flush(); err != nil { // as a snapshot begins
		t.Fatal(err)
	}
	left := killed(t, dir)

	m = opened(t, left)
	m.wait(t, m.pay(t, left, 3))
	m.followsFromItsJournal(t)
}

func TestAnEarlyLabelIsLostWholeOrNotAtAll(t *testing.T) {
	dir := t.TempDir()
	m := opened(t, dir)
	m.says(t, dir, 1)
	m.wait(t, m.pay(t, dir, 1))
	left := killed(t, dir)
	opened(t, left).followsFromItsJournal(t)
}
