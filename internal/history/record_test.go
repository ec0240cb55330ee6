package history

import (
	"bytes"
	"log/slog"
	"math"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/besra-ml/besra/internal/feature"
	"github.com/besra-ml/besra/internal/outcome"
	"github.com/besra-ml/besra/internal/policy"
	"github.com/besra-ml/besra/internal/store"
	"github.com/besra-ml/besra/internal/telemetry"
)

func records() []Record {
	return []Record{
		{
			kind: kindScored, parts: hasID | hasEvent | hasLabel, At: 5, Tenant: "eu", Model: "fraud", Version: 3, Key: store.Key{1}, Digest: store.Digest{2},
			Answer: []byte("\x03\"score\":1"), Time: 7, Event: []byte("e"), Score: math.NaN(), Decision: policy.Decline, Loss: -1 << 40,
			Label: outcome.Fraud, LabelTime: 9, Data: []byte("d"),
		},
		{kind: kindScored, parts: hasEvent, At: 1 << 50, Model: "m", Event: []byte{}, Score: 0.5, Answer: nil},
		{kind: kindScored, parts: hasID, Model: "m", Key: store.Key{3}, Answer: []byte{}, Data: []byte{}},
		{kind: kindLabelled, parts: isKnown, Model: "fraud", Key: store.Key{4}, Label: outcome.Genuine, LabelTime: 11, Before: 12, Time: 13, Data: []byte("x")},
	}
}

func TestARecordReadsBack(t *testing.T) {
	for _, want := range records() {
		var got Record
		if err := got.read(want.append(nil)); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got, cmp.AllowUnexported(Record{}), cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); d != "" {
			t.Error(d)
		}
	}
}

func FuzzRecord(f *testing.F) {
	for _, r := range records() {
		f.Add(r.append(nil))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var r, again Record
		if r.read(data) != nil {
			return
		}
		if err := again.read(r.append(nil)); err != nil {
			t.Fatalf("what was read and written is refused: %v", err)
		}
		if d := cmp.Diff(r, again, cmp.AllowUnexported(Record{}), cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); d != "" {
			t.Error(d)
		}
	})
}

// demo returns an empty history that takes the demo's events.
func demo(t testing.TB) (*History, *feature.Plan) {
	t.Helper()
	text, err := os.ReadFile("../../models/fraud/1/features.yaml")
	if err != nil {
		t.Fatal(err)
	}
	d, err := feature.Parse("features.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	p, err := feature.NewPlan([]*feature.Definition{d})
	if err != nil {
		t.Fatal(err)
	}
	h := New(Options{
		Store: store.NewMemory(store.Options{Shards: 2, Bytes: 1 << 20}), Metrics: telemetry.New(telemetry.Options{}), Log: slog.New(slog.DiscardHandler),
	})
	h.Attach("fraud", p)
	return h, p
}

// What a snapshot's bytes are worth is the journal's to say, by their checksums; but whatever they are, reading
// them ends, without a panic, and what is read can be asked.
func FuzzSnapshot(f *testing.F) {
	h, p := demo(f)
	var turn Turn
	for i := range int64(20) {
		var e feature.Event
		e.Reset(p)
		e.Time = 1_700_000_000_000 + i*60_000
		e.Hashes[p.Field("card")], e.Hashes[p.Field("terminal")] = feature.Hash{byte(i%3) + 1}, feature.Hash{9}
		e.Numbers[p.Field("amount")] = float64(i)
		if err := h.Begin(f.Context(), &turn, Stream{Model: "fraud", Plan: p}, &e); err != nil {
			f.Fatal(err)
		}
		if _, _, err := h.Commit(f.Context(), &turn, Stream{Model: "fraud", Plan: p}, &e, &Scored{}); err != nil {
			f.Fatal(err)
		}
	}
	var b bytes.Buffer
	if err := h.write(&b, 7); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		h, p := demo(t)
		if _, err := h.load(bytes.NewReader(data)); err != nil {
			return
		}
		var turn Turn
		var e feature.Event
		e.Reset(p)
		e.Time = 1_700_000_000_000
		e.Hashes[p.Field("card")], e.Hashes[p.Field("terminal")] = feature.Hash{1}, feature.Hash{9}
		if err := h.Begin(t.Context(), &turn, Stream{Model: "fraud", Plan: p}, &e); err != nil {
			t.Fatal(err)
		}
		_, _, _ = h.Commit(t.Context(), &turn, Stream{Model: "fraud", Plan: p}, &e, &Scored{})
	})
}

func TestARecordThatIsReadAgainIsNotMarkedAgain(t *testing.T) {
	var m marks
	for i := range uint64(100) {
		m.add(int64(i)*markEvery, i+1)
	}
	want := m.copy()
	for i := range uint64(100) {
		m.add(int64(i)*markEvery, i+1)
	}
	if diff := cmp.Diff(want, m.copy(), cmp.AllowUnexported(timeMark{})); diff != "" {
		t.Error(diff)
	}
	m.add(100*markEvery, 101)
	if got := m.before(100 * markEvery); got != 101 {
		t.Errorf("before: %d", got)
	}
}
