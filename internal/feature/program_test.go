package feature_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/besra-ml/besra"
	"github.com/besra-ml/besra/internal/feature"
	"github.com/besra-ml/besra/internal/window"
	"github.com/besra-ml/besra/pipeline"
)

// hash stands for a keyed hash of an entity or a text; that of nothing is zero.
func hash(text string) (h feature.Hash) {
	if text == "" {
		return h
	}
	r := rand.New(rand.NewPCG(uint64(len(text)), 7))
	for _, c := range []byte(text) {
		r = rand.New(rand.NewPCG(r.Uint64(), uint64(c)))
	}
	binary.LittleEndian.PutUint64(h[:], r.Uint64())
	binary.LittleEndian.PutUint64(h[8:], r.Uint64())
	return h
}

// columnsOf returns columns of a model that takes all of d's.
func columnsOf(d *feature.Definition) []besra.Column {
	var columns []besra.Column
	for i, c := range d.Columns {
		column := besra.Column{Name: c.Name, Type: besra.Float}
		if d.IsText(i) {
			column, _ = pipeline.StringColumn(c.Name, []string{"DE", "VN", ""})
		}
		columns = append(columns, column)
	}
	return columns
}

// An engine keeps the histories of one plan, as a server does.
type engine struct {
	t       testing.TB
	plan    *feature.Plan
	program *feature.Program
	keys    *feature.Keys
	states  map[[16]byte][]byte
	work    feature.Work
	event   feature.Event
}

func newEngine(t testing.TB, defs ...*feature.Definition) *engine {
	t.Helper()
	plan, err := feature.NewPlan(defs)
	if err != nil {
		t.Fatal(err)
	}
	program, err := plan.Program(defs[0], columnsOf(defs[0]))
	if err != nil {
		t.Fatal(err)
	}
	return &engine{t: t, plan: plan, program: program, keys: plan.Keys("tenant", "fraud"), states: map[[16]byte][]byte{}}
}

// set fills the event: numbers, texts, bools by field; an absent one is missing.
func (g *engine) set(ms int64, fields map[string]any) {
	e := &g.event
	e.Reset(g.plan)
	e.Time = ms
	for name, v := range fields {
		i := g.plan.Field(name)
		if i < 0 {
			g.t.Fatalf("no field %s", name)
		}
		switch v := v.(type) {
		case string:
			e.Hashes[i] = hash(v)
			if g.plan.Fields[i].Type == feature.Text {
				e.Texts[i] = []byte(v)
			}
		case bool:
			e.Numbers[i] = map[bool]float64{true: 1}[v]
		case float64:
			e.Numbers[i] = v
		case int:
			e.Numbers[i] = float64(v)
		default:
			g.t.Fatalf("field %s is a %T", name, v)
		}
	}
}

// row computes the event's row.
func (g *engine) row() []float64 {
	states := make([][]byte, len(g.plan.Groups))
	for i := range states {
		if k, ok := g.keys.Key(i, &g.event); ok {
			states[i] = g.states[k]
		}
	}
	dst := make([]float64, g.program.Columns())
	g.program.Row(dst, &g.event, states, &g.work)
	return dst
}

// insert remembers the event.
func (g *engine) insert() (kept []window.Kept) {
	for i := range g.plan.Groups {
		k, ok := g.keys.Key(i, &g.event)
		if !ok {
			continue
		}
		state, how := g.plan.Insert(i, g.states[k], &g.event, &g.work)
		g.states[k] = append(make([]byte, 0, len(state)), state...)
		kept = append(kept, how)
	}
	return kept
}

// mark moves a mark of the event in all states that have labels.
func (g *engine) mark(from, to int64) {
	for i := range g.plan.Groups {
		if k, ok := g.keys.Key(i, &g.event); ok && g.plan.Groups[i].Labels {
			state, ok := g.plan.Mark(i, g.states[k], g.event.Time, from, to, &g.work)
			if !ok {
				g.t.Errorf("the event at %d is not there to mark", g.event.Time)
			}
			g.states[k] = append(make([]byte, 0, len(state)), state...)
		}
	}
}

const (
	second = int64(1000)
	hour   = 3600 * second
	day    = 24 * hour
	start  = 1_525_132_800_000 // 2018-05-01T00:00:00Z, a Tuesday
)

var nan = math.NaN()

func TestEveryFormOfColumn(t *testing.T) {
	// Of the card c: 100.00 at 0 s, 50.00 at 10 s, one without amount at 20 s, and now 20.00 at 3,620 s.
	for column, want := range map[string]float64{
		"field: amount":  20.004,
		"field: chip":    1,
		"field: country": 1,

		"calendar: night":   1,
		"calendar: hour":    1,
		"calendar: weekend": 0,
		"calendar: weekday": 1,

		"aggregate: count, over: card, window: 1d":                                 4,
		"aggregate: count, over: card, window: 1d, current: out":                   3,
		"aggregate: count, over: card, window: 1h":                                 1,
		"aggregate: count, over: card, window: 3601s":                              2,
		"aggregate: count, over: card, window: 1h, delay: 3600s":                   3,
		"aggregate: count, over: card, window: 1d, resolution: 1h":                 4,
		"aggregate: count, over: card, window: 1h, resolution: 1h":                 1,
		"aggregate: count, over: terminal, window: 1d":                             2,
		"aggregate: count, over: [card, terminal], window: 1d":                     2,
		"aggregate: count, over: [terminal, card], window: 1d, current: out":       1,
		"aggregate: sum, of: amount, over: card, window: 1d":                       170,
		"aggregate: sum, of: chip, over: card, window: 1d":                         2,
		"aggregate: sum, of: amount, over: card, window: 1d, delay: 2d":            0,
		"aggregate: mean, of: amount, over: card, window: 1d":                      17000.0 / (3 * 100),
		"aggregate: mean, of: amount, over: card, window: 1d, current: out":        75,
		"aggregate: mean, of: amount, over: card, window: 1d, delay: 2d":           nan,
		"aggregate: mean, of: amount, over: card, window: 1h, delay: 3605s":        75,
		"aggregate: mean, of: amount, over: card, window: 1d, resolution: 1h":      17000.0 / (3 * 100),
		"aggregate: mean, of: amount, over: card, window: 1d, delay: 2d, empty: 0": 0,
		"aggregate: min, of: amount, over: card, window: 1d":                       20,
		"aggregate: max, of: amount, over: card, window: 1d":                       100,
		"aggregate: max, of: amount, over: card, window: 1h":                       20,
		"aggregate: std, of: amount, over: card, window: 1d, current: out":         math.Sqrt(12_500_000) / 100,
		"aggregate: std, of: amount, over: card, window: 1h":                       nan,
		"aggregate: distinct, of: terminal, over: card, window: 1d":                3,
		"aggregate: distinct, of: country, over: card, window: 1d":                 2,
		"aggregate: distinct, of: country, over: card, window: 1d, current: out":   1,
		"aggregate: since_last, over: card, window: 1d":                            3600,
		"aggregate: since_last, over: card, window: 30s":                           nan,
		"aggregate: since_first, over: card, window: 1d":                           3620,
		"aggregate: since_first, over: card, window: 30s":                          0,
		"aggregate: since_first, over: card, window: 30s, current: out":            nan,
		"aggregate: fraud_share, over: card, window: 1d, delay: 1s":                1.0 / 3,
		"aggregate: fraud_share, over: card, window: 10s, delay: 3600s":            0,
		"aggregate: fraud_share, over: card, window: 1d, delay: 2d":                nan,
		"aggregate: fraud_share, over: card, window: 1d, delay: 2d, empty: 0":      0,
	} {
		t.Run(column, func(t *testing.T) {
			g := newEngine(t, parse(t, "  - {name: a, "+column+"}\n"))
			g.set(start, map[string]any{"card": "c", "terminal": "t", "amount": 100.0, "country": "DE", "chip": true})
			g.insert()
			g.set(start+10*second, map[string]any{"card": "c", "terminal": "u", "amount": 50.0, "country": "DE"})
			g.insert()
			g.mark(0, start+hour)
			g.set(start+20*second, map[string]any{"card": "c", "terminal": "v", "chip": false})
			g.insert()
			g.set(start+25*second, map[string]any{"card": "d", "terminal": "w", "amount": 1.0})
			g.insert()
			g.set(start+3620*second, map[string]any{"card": "c", "terminal": "t", "amount": 20.004, "country": "VN", "chip": true})
			got := g.row()
			if diff := cmp.Diff([]float64{want}, got, cmpopts.EquateNaNs()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestArithmetic(t *testing.T) {
	for columns, want := range map[string]float64{
		"ratio: [amount, score]":      0.25,
		"ratio: [score, amount]":      4,
		"ratio: [amount, zero]":       nan,
		"ratio: [zero, zero]":         nan,
		"ratio: [zero, amount]":       0,
		"ratio: [amount, m]":          nan,
		"ratio: [m, amount]":          nan,
		"ratio: [huge, tiny]":         nan,
		"difference: [amount, score]": -1.5,
		"difference: [m, amount]":     nan,
		"difference: [huge, minus]":   nan,
		"log1p: amount":               math.Log1p(0.5),
		"log1p: zero":                 0,
		"log1p: below":                nan,
		"log1p: minus":                nan,
		"log1p: m":                    nan,
		"log1p: d":                    nan, // 0.5 - 2 = -1.5
	} {
		t.Run(columns, func(t *testing.T) {
			data := "besra: 1\nevent: [{name: time, type: time}"
			for _, f := range []string{"amount", "score", "zero", "m", "huge", "tiny", "minus", "below"} {
				data += ", {name: " + f + ", type: number}"
			}
			data += "]\ncolumns:\n"
			for _, f := range []string{"amount", "score", "zero", "m", "huge", "tiny", "minus", "below"} {
				data += "  - {name: " + f + ", field: " + f + "}\n"
			}
			d, err := feature.Parse("f.yaml", []byte(data+"  - {name: d, difference: [amount, score]}\n  - {name: r, "+columns+"}\n"))
			if err != nil {
				t.Fatal(err)
			}
			g := newEngine(t, d)
			g.set(start, map[string]any{"amount": 0.5, "score": 2.0, "zero": 0.0, "huge": math.MaxFloat64, "tiny": 1e-300, "minus": -math.MaxFloat64, "below": -1.0})
			got := g.row()
			if r := got[len(got)-1]; math.Float64bits(r) != math.Float64bits(want) && !(math.IsNaN(r) && math.IsNaN(want)) {
				t.Errorf("got %v, want %v", r, want)
			}
		})
	}
}

func TestACategoryIsTheModelsCode(t *testing.T) {
	g := newEngine(t, parse(t, "  - {name: a, field: country}\n"))
	for text, want := range map[string]float64{"DE": 0, "VN": 1, "FR": nan} {
		g.set(start, map[string]any{"country": text})
		if got := g.row()[0]; got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
			t.Errorf("%s is %v, want %v", text, got, want)
		}
	}
	g.set(start, nil)
	if got := g.row()[0]; !math.IsNaN(got) {
		t.Errorf("a missing text is %v", got)
	}
	g.event.Texts[g.plan.Field("country")] = []byte{}
	if got := g.row()[0]; got != 2 {
		t.Errorf("the empty text is %v, want its code 2", got)
	}
}

func TestANameThatTheModelDoesNotKnowIsTold(t *testing.T) {
	g := newEngine(t, parse(t, "  - {name: x, field: amount}\n  - {name: a, field: country}\n"))
	for text, want := range map[string]int{"DE": -1, "FR": 1} {
		g.set(start, map[string]any{"country": text})
		if got := g.program.Unknown(g.row(), &g.event, 0); got != want {
			t.Errorf("%s: column %d, want %d", text, got, want)
		}
	}
	if got := g.program.Unknown(g.row(), &g.event, 2); got != -1 {
		t.Errorf("there is no column beyond, and it says %d", got)
	}
	g.set(start, nil)
	if got := g.program.Unknown(g.row(), &g.event, 0); got != -1 {
		t.Errorf("a missing text is unknown: %d", got)
	}
}

func TestANameWithoutADictionaryHasACodeAndNoneIsMissing(t *testing.T) {
	d := parse(t, "  - {name: a, field: country}\n")
	plan, err := feature.NewPlan([]*feature.Definition{d})
	if err != nil {
		t.Fatal(err)
	}
	code := func(name string) float64 { return float64(len(name)) + 1<<31 }
	program, err := plan.Program(d, []besra.Column{pipeline.HashedColumn("a", code)})
	if err != nil {
		t.Fatal(err)
	}
	g := &engine{t: t, plan: plan, program: program, keys: plan.Keys("tenant", "fraud"), states: map[[16]byte][]byte{}}
	for text, want := range map[string]float64{"DE": 1<<31 + 2, "never seen": 1<<31 + 10} {
		g.set(start, map[string]any{"country": text})
		if row := g.row(); row[0] != want || g.program.Unknown(row, &g.event, 0) != -1 {
			t.Errorf("%s is %v, want %v", text, row[0], want)
		}
	}
	g.set(start, nil)
	if got := g.row()[0]; got != 1<<31 {
		t.Errorf("a missing text is %v, want the code of the empty name", got)
	}
}

func TestAFirstEventHasItselfInItsWindows(t *testing.T) {
	g := newEngine(t, parse(t, "  - {name: a, aggregate: count, over: card, window: 1d}\n  - {name: b, aggregate: mean, of: amount, over: card, window: 1d}\n"))
	g.set(start, map[string]any{"card": "c", "amount": 12.345})
	if diff := cmp.Diff([]float64{1, 12.35}, g.row()); diff != "" {
		t.Error(diff)
	}
}

func TestAggregatesOverAnAbsentEntityAreMissing(t *testing.T) {
	g := newEngine(t, parse(t, `
  - {name: a, aggregate: count, over: card, window: 1d}
  - {name: b, aggregate: count, over: [card, terminal], window: 1d}
  - {name: c, aggregate: fraud_share, over: terminal, window: 1d, delay: 1d, empty: 0}
  - {name: d, aggregate: sum, of: amount, over: terminal, window: 1d}
`))
	g.set(start, map[string]any{"terminal": "t", "amount": 1.0})
	g.insert()
	if len(g.states) != 1 {
		t.Errorf("the event is in %d states, want that of its terminal alone", len(g.states))
	}
	if diff := cmp.Diff([]float64{nan, nan, 0, 2}, g.row(), cmpopts.EquateNaNs()); diff != "" {
		t.Error(diff)
	}
	if state, kept := g.plan.Insert(0, nil, &g.event, &g.work); state != nil || kept == window.Remembered {
		t.Errorf("an event without card became a state of one: %v, %v", state, kept)
	}
	if g.plan.Remove(0, nil, &g.event, &g.work) {
		t.Error("an event without card was taken out of one's history")
	}
}

func TestALateEventIsAnsweredAndNotRemembered(t *testing.T) {
	g := newEngine(t, parse(t, "  - {name: a, aggregate: count, over: card, window: 1d}\n"))
	card := map[string]any{"card": "c"}
	for _, c := range []struct {
		at    int64
		count float64
		kept  window.Kept
	}{
		{start, 1, window.Remembered},
		{start + 2*hour, 2, window.Remembered},
		{start + hour, 2, window.Remembered},           // as of its own time; an hour is allowed
		{start + hour - 1, 2, window.Late},             // a millisecond more is not
		{start + 2*hour, 4, window.Remembered},         // equal times that came before count
		{start + 1*day + 2*hour, 1, window.Remembered}, // a day later the window (t-1d, t] is empty
	} {
		g.set(c.at, card)
		if got := g.row()[0]; got != c.count {
			t.Errorf("at %d the count is %v, want %v", c.at-start, got, c.count)
		}
		if kept := g.insert(); kept[0] != c.kept {
			t.Errorf("at %d the event is kept as %v, want %v", c.at-start, kept[0], c.kept)
		}
	}
}

func TestRemoveUndoesInsert(t *testing.T) {
	g := newEngine(t, handbook(t))
	fields := map[string]any{"card": "c", "terminal": "t", "amount": 1.25}
	g.set(start, fields)
	g.insert()
	before := g.row()
	g.set(start+hour, fields)
	g.insert()
	for i := range g.plan.Groups {
		k, _ := g.keys.Key(i, &g.event)
		if !g.plan.Remove(i, g.states[k], &g.event, &g.work) {
			t.Errorf("%v has nothing to remove", g.plan.Groups[i])
		}
		if g.plan.Remove(i, g.states[k], &g.event, &g.work) {
			t.Errorf("%v removes an event that is gone", g.plan.Groups[i])
		}
	}
	g.set(start, fields)
	if diff := cmp.Diff(before, g.row()); diff != "" {
		t.Error(diff)
	}
}

func TestAStateMayGrowWhereItLies(t *testing.T) {
	// The state that Insert returns goes back into it as it is: it lies in the Work's own memory.
	g := newEngine(t, parse(t, "  - {name: a, aggregate: sum, of: amount, over: card, window: 90d}\n"))
	var state []byte
	want := 0.0
	for i := range 500 {
		g.set(start+int64(i)*second, map[string]any{"card": "c", "amount": i})
		dst := make([]float64, 1)
		g.program.Row(dst, &g.event, [][]byte{state}, &g.work)
		if want += float64(i); dst[0] != want {
			t.Fatalf("after %d events the sum is %v, want %v", i, dst[0], want)
		}
		state, _ = g.plan.Insert(0, state, &g.event, &g.work)
	}
}

func TestNumbersMustFit(t *testing.T) {
	g := newEngine(t, parse(t, "  - {name: a, aggregate: sum, of: amount, over: card, window: 1d}\n  - {name: b, field: score}\n"))
	for _, c := range []struct {
		fields map[string]any
		ok     bool
	}{
		{map[string]any{"amount": 1e10}, true},
		{map[string]any{"amount": -1e10}, true},
		{map[string]any{"amount": 10_000_000_000.004}, true},
		{map[string]any{"amount": 10_000_000_000.01}, false},
		{map[string]any{"amount": -1e300}, false},
		{map[string]any{"amount": math.Inf(1)}, false},
		{map[string]any{"score": 1e300}, true}, // no window takes it in
		{nil, true},
	} {
		g.set(start, c.fields)
		field, ok := g.plan.Quantize(&g.event)
		if ok != c.ok || !ok && g.plan.Fields[field].Name != "amount" {
			t.Errorf("%v: got field %d, %t, want %t", c.fields, field, ok, c.ok)
		}
	}
}

func TestTheRequiredAndTheLoss(t *testing.T) {
	g := newEngine(t, handbook(t))
	g.set(start, map[string]any{"card": "c"})
	if f := g.program.Missing(&g.event); f != g.plan.Field("amount") {
		t.Errorf("missing is field %d, want the amount", f)
	}
	for name, want := range map[string]bool{"time": true, "amount": true, "card": false} {
		if got := g.program.Requires(g.plan.Field(name)); got != want {
			t.Errorf("%s is required: %t, want %t", name, got, want)
		}
	}
	if loss, _ := g.program.Loss(&g.event); loss != 0 {
		t.Errorf("without an amount the loss is %d", loss)
	}
	g.set(start, map[string]any{"card": "c", "amount": 1.005})
	if f := g.program.Missing(&g.event); f != -1 {
		t.Errorf("missing is field %d, want none", f)
	}
	if loss, decimals := g.program.Loss(&g.event); loss != 100 || decimals != 2 { // 1.005 is a little less, as a float64
		t.Errorf("the loss is %d of %d decimals, want 100 of 2", loss, decimals)
	}
}

func TestWhatAColumnLooksBackOn(t *testing.T) {
	d := parse(t, `
  - {name: a, field: amount}
  - {name: b, aggregate: count, over: card, window: 1d}
  - {name: c, aggregate: count, over: terminal, window: 30d, delay: 7d}
  - {name: d, ratio: [b, c]}
  - {name: e, log1p: d}
  - {name: f, difference: [a, b]}
`)
	g := newEngine(t, d)
	var got []string
	for i := range d.Columns {
		group, reach := g.program.Column(i)
		got = append(got, fmt.Sprint(group, " ", reach/day))
	}
	if diff := cmp.Diff([]string{"-1 0", "0 1", "1 37", "1 37", "1 37", "0 1"}, got); diff != "" {
		t.Error(diff)
	}
}
