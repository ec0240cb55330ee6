package feature_test

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/besra-ml/besra/internal/feature"
)

func TestAJournaledEventReadsBack(t *testing.T) {
	g := newEngine(t, parse(t, "  - {name: a, field: amount}\n"))
	for _, fields := range []map[string]any{
		nil,
		{"card": "c", "terminal": "t", "amount": 12.34, "score": -1e300, "country": "DE", "chip": true},
		{"card": "c", "chip": false, "amount": math.Copysign(0, -1)},
		{"country": strings.Repeat("x", 1000)},
	} {
		for _, at := range []int64{0, start, 253_402_300_799_999} {
			g.set(at, fields)
			data := g.plan.AppendEvent([]byte("before"), &g.event)[len("before"):]
			var got feature.Event
			if err := g.plan.ReadEvent(data, &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(g.event, got, cmpopts.EquateNaNs()); diff != "" {
				t.Error(diff)
			}
			if again := g.plan.AppendEvent(nil, &got); !bytes.Equal(again, data) {
				t.Errorf("it is written as %x, and then as %x", data, again)
			}
		}
	}
	g.set(start, nil)
	g.event.Texts[g.plan.Field("country")] = []byte{} // is not missing
	var got feature.Event
	if err := g.plan.ReadEvent(g.plan.AppendEvent(nil, &g.event), &got); err != nil || got.Texts[g.plan.Field("country")] == nil {
		t.Errorf("the empty text came back missing, %v", err)
	}
}

func TestALaterPlanReadsByName(t *testing.T) {
	g := newEngine(t, parse(t, "  - {name: a, field: amount}\n"))
	g.set(start, map[string]any{"card": "c", "terminal": "t", "amount": 12.34, "country": "DE", "chip": true, "score": 3.0})
	data := g.plan.AppendEvent(nil, &g.event)
	d, err := feature.Parse("later.yaml", []byte(`besra: 1
event:
  - {name: chip, type: number}
  - {name: country, type: text}
  - {name: new, type: number}
  - {name: terminal, type: text}
  - {name: card, type: entity}
  - {name: at, type: time}
  - {name: score, type: number}
columns:
  - {name: a, field: score}
`))
	if err != nil {
		t.Fatal(err)
	}
	later := newEngine(t, d)
	if err := later.plan.ReadEvent(data, &later.event); err != nil {
		t.Fatal(err)
	}
	got := later.event
	later.event = feature.Event{}
	later.set(start, map[string]any{"country": "DE", "card": "c", "score": 3.0})
	if diff := cmp.Diff(later.event, got, cmpopts.EquateNaNs()); diff != "" {
		t.Error(diff)
	}
}

func TestWrongJournaledEvents(t *testing.T) {
	g := newEngine(t, parse(t, "  - {name: a, field: amount}\n"))
	g.set(start, map[string]any{"card": "c", "amount": 12.34, "country": "DE", "chip": true})
	data := g.plan.AppendEvent(nil, &g.event)
	var e feature.Event
	for n := range data {
		if err := g.plan.ReadEvent(data[:n], &e); err == nil {
			t.Errorf("the first %d bytes were taken for the event", n)
		}
	}
	for name, c := range map[string]struct{ data, want string }{
		"another layout":        {"\x02\x00\x00", "layout 2 is not known"},
		"a huge time":           {"\x01\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x00", "beyond the year 9999"},
		"too many fields":       {"\x01\x00\x7f", "cut short"},
		"a byte too many":       {string(data) + "x", "1 bytes too many"},
		"an unknown kind":       {"\x01\x00\x01\x09\x04chip", "kind 9 is not known"},
		"a field twice":         {"\x01\x00\x02\x02\x04chip\x01\x02\x04chip\x01", "chip stands twice"},
		"a name cut short":      {"\x01\x00\x01\x02\x7fchip\x01", "field 0: is cut short"},
		"no bool":               {"\x01\x00\x01\x02\x04chip\x02", "chip is neither 0 nor 1"},
		"a number that is none": {"\x01\x00\x01\x01\x06amount\x01\x00\x00\x00\x00\x00\xf8\x7f", "amount is missing, and stands there"},
		"an absent entity":      {"\x01\x00\x01\x03\x04card" + strings.Repeat("\x00", 16), "card is missing, and stands there"},
	} {
		if err := g.plan.ReadEvent([]byte(c.data), &e); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

func FuzzReadEvent(f *testing.F) {
	g := newEngine(f, handbook(f))
	g.set(start, map[string]any{"card": "c", "terminal": "t", "amount": 12.34})
	f.Add(g.plan.AppendEvent(nil, &g.event))
	d, err := feature.Parse("features.yaml", []byte(head+"  - {name: a, field: amount}\n"))
	if err != nil {
		f.Fatal(err)
	}
	g = newEngine(f, d)
	g.set(start, map[string]any{"card": "c", "amount": -12.0, "country": "DE", "chip": true})
	f.Add(g.plan.AppendEvent(nil, &g.event))
	f.Fuzz(func(t *testing.T, data []byte) {
		var e, again feature.Event
		if g.plan.ReadEvent(data, &e) != nil {
			return
		}
		if err := g.plan.ReadEvent(g.plan.AppendEvent(nil, &e), &again); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(e, again, cmpopts.EquateNaNs()); diff != "" {
			t.Fatal(diff)
		}
	})
}
