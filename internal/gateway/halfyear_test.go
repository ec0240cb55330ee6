package gateway

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/besra-ml/besra/internal/auth"
	"github.com/besra-ml/besra/internal/bundle"
	"github.com/besra-ml/besra/internal/entity"
	"github.com/besra-ml/besra/internal/events"
	"github.com/besra-ml/besra/internal/history"
	"github.com/besra-ml/besra/internal/limit"
	"github.com/besra-ml/besra/internal/outcome"
	"github.com/besra-ml/besra/internal/policy"
	"github.com/besra-ml/besra/internal/registry"
	"github.com/besra-ml/besra/internal/rfc3339"
	"github.com/besra-ml/besra/internal/score"
	"github.com/besra-ml/besra/internal/store"
	"github.com/besra-ml/besra/internal/telemetry"
	"github.com/besra-ml/besra/internal/tools/simulate"
)

// simulated is a file of payments, and what its lines say.
type simulated struct {
	csv      []byte
	payments []simulatedPayment
}

type simulatedPayment struct {
	line           []byte
	ms             int64
	card, terminal int32
	cents          int64
	fraud          bool
	labelled       int64 // ms
}

// days simulates so many days of payments.
func days(t *testing.T, n int) *simulated {
	t.Helper()
	o := simulate.Defaults()
	o.Days = n
	var b bytes.Buffer
	if _, err := simulate.Write(context.Background(), &b, o, nil); err != nil {
		t.Fatal(err)
	}
	s := &simulated{csv: b.Bytes()}
	for line := range bytes.Lines(s.csv[bytes.IndexByte(s.csv, '\n')+1:]) {
		cells := bytes.Split(bytes.TrimSpace(line), []byte(","))
		p := simulatedPayment{line: line, fraud: string(cells[5]) == "fraud"}
		var whole, hundredths int64
		fmt.Sscanf(string(cells[2])+" "+string(cells[3]), "c_%d t_%d", &p.card, &p.terminal)
		fmt.Sscanf(string(cells[4]), "%d.%d", &whole, &hundredths)
		p.cents = whole*100 + hundredths
		p.ms, _ = rfc3339.Parse(cells[1])
		p.labelled, _ = rfc3339.Parse(cells[6])
		s.payments = append(s.payments, p)
	}
	return s
}

// rowHash tells rows apart by all of their bits.
func rowHash(row []float64) (h uint64) {
	h = 14695981039346656037
	for _, x := range row {
		h = (h ^ math.Float64bits(x)) * 1099511628211
		h ^= h >> 29
	}
	return h
}

// offline returns the hash of each payment's row as besra features makes it, and the rows that want asks for.
func (s *simulated) offline(t *testing.T, b *bundle.Bundle, want func(i int, row []float64)) []uint64 {
	t.Helper()
	r, err := events.New(events.Options{File: "events.csv", Definition: b.Events, Columns: b.Columns(), Bits: 32, IgnoreExtra: true})
	if err != nil {
		t.Fatal(err)
	}
	var hashes []uint64
	width := len(b.Features)
	sum, err := r.Run(context.Background(), events.CSV(bytes.NewReader(s.csv)), events.Each(func(block *events.Block) error {
		for k := range block.N {
			row := block.Rows[k*width : (k+1)*width]
			want(len(hashes), row)
			hashes = append(hashes, rowHash(row))
		}
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	if sum.Late != 0 || len(hashes) != len(s.payments) {
		t.Fatalf("%d rows of %d, %d too late", len(hashes), len(s.payments), sum.Late)
	}
	return hashes
}

// A rowCheck is a scorer that holds rows against those of the file, by the number in the event's id.
type rowCheck struct {
	t     *testing.T
	want  []uint64
	rows  int
	wrong int
}

func (c *rowCheck) Score(_ context.Context, b *score.Batch) error {
	for i := range b.Events {
		e := &b.Events[i]
		n := 0
		for _, digit := range e.ID[len("evt_"):] {
			n = n*10 + int(digit-'0')
		}
		c.rows++
		if rowHash(b.Row(i)) != c.want[n] {
			if c.wrong++; c.wrong <= 5 {
				c.t.Errorf("%s: the row %v is not the file's", e.ID, b.Row(i))
			}
		}
		e.Result = score.Result{Score: 0.25, Decision: policy.Approve, Policy: b.Model.Policy()}
		e.Version = b.Model.Version
	}
	return nil
}

// The same payments, as a file and through POST /v1/score/batch and POST /v1/labels, give rows that are equal to
// the bit; and both are what a slow and plain computation says the handbook's features are.
func TestRowsOfAFileAndOnlineAreTheSame(t *testing.T) {
	n := 183
	if testing.Short() {
		n = 15
	}
	s := days(t, n)
	b, err := bundle.Read(os.DirFS("../../models/fraud/1"))
	if err != nil {
		t.Fatal(err)
	}
	draw := rand.New(rand.NewPCG(1, 2))
	sample := map[int]bool{0: true, len(s.payments) - 1: true}
	for range 1500 {
		sample[draw.IntN(len(s.payments))] = true
	}
	want := s.offline(t, b, func(i int, row []float64) {
		if !sample[i] {
			return
		}
		for k, x := range s.plain(i) {
			if math.Float64bits(row[k]) != math.Float64bits(x) {
				t.Errorf("payment %d: %s is %v, want %v", i, b.Features[k].Name, row[k], x)
			}
		}
	})

	check := &rowCheck{t: t, want: want}
	g := online(t, b, check)
	const batch = 2000
	labelled := 0
	var body []byte
	for i := 0; i < len(s.payments); i += batch {
		end := min(i+batch, len(s.payments))
		// Labels that are known before the last of these payments.
		due := labelled
		for due < i && s.payments[due].labelled <= s.payments[end-1].ms {
			due++
		}
		for labelled < due {
			to := min(labelled+batch, due)
			body = s.labels(body[:0], labelled, to)
			if w := post(g, "/v1/labels", string(body)); w.Code != 200 {
				t.Fatal(w.Body)
			}
			labelled = to
		}
		body = s.batch(body[:0], i, end)
		w := post(g, "/v1/score/batch", string(body))
		if w.Code != 200 || strings.Contains(w.Body.String(), `"error"`) || strings.Contains(w.Body.String(), `"warnings"`) {
			t.Fatalf("%d %.400s", w.Code, w.Body)
		}
	}
	if check.rows != len(s.payments) || check.wrong > 0 {
		t.Errorf("%d of %d rows differ", check.wrong, check.rows)
	}
	t.Logf("%d payments, %d labels, %d compared with the plain computation", check.rows, labelled, len(sample))
}

// online returns a gateway whose scorer is check.
func online(t *testing.T, b *bundle.Bundle, check score.Scorer) *Gateway {
	t.Helper()
	m := telemetry.New(telemetry.Options{})
	r, err := registry.New([]*registry.Model{registry.NewModel(b, nil, m)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	table, err := outcome.Open(outcome.Options{})
	if err != nil {
		t.Fatal(err)
	}
	h := history.New(history.Options{Store: store.NewMemory(store.Options{}), Outcomes: table, Metrics: m, Log: slog.New(slog.DiscardHandler)})
	h.Attach("fraud", r.Plan("fraud"))
	o := Options{
		Registry: r, Metrics: m, Log: slog.New(slog.DiscardHandler), History: h,
		Scorer:   score.Measured(score.Replayed(score.Recorded(check, h, nil), h.Store, false, m)),
		Hasher:   entity.NewHasher(entity.NewKey()),
		MaxBatch: 10_000, MaxBatchBody: 16 << 20, MaxBody: 1 << 20, Recovering: func() bool { return false }, Ready: func() error { return nil },
	}
	o.admitAll(t, m, auth.Options{}, limit.Options{})
	return New(o)
}

// batch appends the body of a batch of the payments from i up to end.
func (s *simulated) batch(b []byte, i, end int) []byte {
	b = append(b, `{"events":[`...)
	for k := i; k < end; k++ {
		cells := bytes.SplitN(s.payments[k].line, []byte(","), 6)
		if k > i {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, `{"event_id":"%s","event":{"time":"%s","card":"%s","terminal":"%s","amount":%s}}`,
			cells[0], cells[1], cells[2], cells[3], cells[4])
	}
	return append(b, `]}`...)
}

// labels appends the body of the labels of the payments from i up to end.
func (s *simulated) labels(b []byte, i, end int) []byte {
	b = append(b, `{"labels":[`...)
	for k := i; k < end; k++ {
		cells := bytes.SplitN(s.payments[k].line, []byte(","), 8)
		if k > i {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, `{"event_id":"%s","label":"%s","time":"%s"}`, cells[0], cells[5], cells[6])
	}
	return append(b, `]}`...)
}

// plain computes the handbook's features of payment i from all payments before it: slow, and obviously right.
func (s *simulated) plain(i int) []float64 {
	p := &s.payments[i]
	at := time.UnixMilli(p.ms).UTC()
	row := []float64{float64(p.cents) / 100, 0, 0}
	if at.Hour() <= 6 {
		row[1] = 1
	}
	if at.Weekday() == time.Saturday || at.Weekday() == time.Sunday {
		row[2] = 1
	}
	const day = int64(24 * time.Hour / time.Millisecond)
	windows := [3]int64{1 * day, 7 * day, 30 * day}
	var count, cents, places, frauds [3]int64
	for k := range s.payments[:i+1] {
		q := &s.payments[k]
		for w, length := range windows {
			if q.card == p.card && q.ms > p.ms-length && q.ms <= p.ms {
				count[w]++
				cents[w] += q.cents
			}
			if q.terminal == p.terminal && q.ms > p.ms-7*day-length && q.ms <= p.ms-7*day {
				places[w]++
				if q.fraud && q.labelled <= p.ms {
					frauds[w]++
				}
			}
		}
	}
	for w := range windows {
		row = append(row, float64(count[w]), float64(cents[w])/float64(count[w]*100))
	}
	for w := range windows {
		share := 0.0
		if places[w] > 0 {
			share = float64(frauds[w]) / float64(places[w])
		}
		row = append(row, float64(places[w]), share)
	}
	return row
}
