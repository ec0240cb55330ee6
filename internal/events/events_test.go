package events_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/besra-ml/besra"
	"github.com/besra-ml/besra/internal/events"
	"github.com/besra-ml/besra/internal/feature"
	"github.com/besra-ml/besra/internal/tools/simulate"
	"github.com/besra-ml/besra/pipeline"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// handbook returns the demo's definition and columns.
func handbook(tb testing.TB) events.Options {
	tb.Helper()
	data, err := os.ReadFile("testdata/features.yaml")
	if err != nil {
		tb.Fatal(err)
	}
	return options(tb, string(data))
}

// options returns the options for a features.yaml, of a model that has all its columns, in order.
func options(tb testing.TB, yaml string, columns ...besra.Column) events.Options {
	tb.Helper()
	d, err := feature.Parse("features.yaml", []byte(yaml))
	if err != nil {
		tb.Fatal(err)
	}
	if columns == nil {
		for _, c := range d.Columns {
			columns = append(columns, besra.Column{Name: c.Name})
		}
	}
	return events.Options{File: "events.csv", Definition: d, Columns: columns, Bits: 32}
}

// small is a definition whose rows can be computed by hand.
const small = `
besra: 1
lateness: 1h
event:
  - {name: time, type: time}
  - {name: card, type: entity}
  - {name: amount, type: number, decimals: 2}
columns:
  - {name: x, field: amount}
  - {name: n, aggregate: count, over: card, window: 1d}
  - {name: mean, aggregate: mean, of: amount, over: card, window: 1d}
  - {name: share, aggregate: fraud_share, over: card, window: 7d, delay: 1h}
`

// run replays CSV into CSV.
func run(tb testing.TB, o events.Options, text string) (string, events.Summary, error) {
	tb.Helper()
	r, err := events.New(o)
	if err != nil {
		tb.Fatal(err)
	}
	var out bytes.Buffer
	sum, err := r.Run(context.Background(), events.CSV(strings.NewReader(text)), r.CSVTo(&out))
	return out.String(), sum, err
}

// mustRun is run for a file that is right.
func mustRun(tb testing.TB, o events.Options, text string) string {
	tb.Helper()
	out, _, err := run(tb, o, text)
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

func TestEachEventIsAnsweredAndRemembered(t *testing.T) {
	got := mustRun(t, options(t, small), `time,card,amount,label,label_time
2026-11-27T00:00:00Z,a,10,fraud,2026-11-27T06:00:00Z
2026-11-27T00:00:00Z,a,0.1,genuine,
2026-11-27T03:00:00+02:00,b,7,fraud,
2026-11-27T02:00:00.000Z,a,,,
2026-11-27T06:00:00Z,a,-3.5,0,2026-11-28T00:00:00Z
2026-11-27T06:00:00Z,,5,1,
2026-11-27T07:00:00Z,b,1e3,,
2026-11-28T00:00:00Z,a,1,,
`)
	want := `x,n,mean,share
10,1,10,
0.1,2,5.05,
7,1,7,
,3,5.05,0
-3.5,4,2.2,0.33333334
5,,,
1000,2,503.5,1
1,3,-1.25,0.25
`
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestALabelCountsFromItsOwnTime(t *testing.T) {
	got := mustRun(t, options(t, small), `time,card,amount,label,label_time
2026-11-27T00:00:00Z,a,1,fraud,2026-11-27T05:00:00Z
2026-11-27T04:59:59.999Z,a,1,,
2026-11-27T05:00:00Z,a,1,,
2026-11-27T05:00:01Z,b,1,fraud,1970-01-01T00:00:00Z
2026-11-27T06:00:01Z,b,1,,
`)
	want := "x,n,mean,share\n1,1,1,\n1,2,1,0\n1,3,1,1\n1,1,1,\n1,2,1,1\n"
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestALateEventIsAnsweredCountedAndNotRemembered(t *testing.T) {
	got, sum, err := run(t, options(t, small), `time,card,amount
2026-11-27T12:00:00Z,a,1
2026-11-27T11:00:00Z,a,2
2026-11-27T10:59:59.999Z,a,3
2026-11-27T12:00:00Z,a,4
`)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff("x,n,mean,share\n1,1,1,\n2,1,2,\n3,1,3,\n4,3,2.3333333,0\n", got); d != "" {
		t.Error(d)
	}
	note := `events.csv has no column "label": no event counts as fraud`
	if d := cmp.Diff(events.Summary{Events: 4, Late: 1, Notes: []string{note}}, sum); d != "" {
		t.Error(d)
	}
}

func TestColumnsStandInAnyOrderAndCellsInQuotes(t *testing.T) {
	plain := mustRun(t, options(t, small), "event_id,time,card,amount,label\n1,2026-11-27T00:00:00Z,\"a,\"\"b\"\"\",1,\n2,2026-11-27T00:00:00Z,\"a,\"\"b\"\"\",2,\n")
	other := mustRun(t, options(t, small), "\ufeffamount,label,card,event_id,time\r\n\r\n\"1\",,\"a,\"\"b\"\"\",\"x\ny\",\"2026-11-27T00:00:00Z\"\r\n2,,\"a,\"\"b\"\"\",,2026-11-27T00:00:00Z")
	if d := cmp.Diff(plain, other); d != "" {
		t.Error(d)
	}
	if want := "x,n,mean,share\n1,1,1,\n2,2,1.5,\n"; plain != want {
		t.Errorf("got %q, want %q", plain, want)
	}
}

func TestTextsAndBoolsAreReadBackByPredict(t *testing.T) {
	country, err := pipeline.StringColumn("country", []string{"AT", `N,"L"`})
	if err != nil {
		t.Fatal(err)
	}
	o := options(t, `
besra: 1
event:
  - {name: at, type: time}
  - {name: country, type: text}
  - {name: chip, type: bool}
  - {name: card, type: entity}
columns:
  - {name: country, field: country}
  - {name: chip, field: chip}
  - {name: places, aggregate: distinct, of: country, over: card, window: 1d}
`, besra.Column{Name: "places"}, country, besra.Column{Name: "chip", Type: besra.Bool})
	got := mustRun(t, o, `at,card,chip,country
2026-11-27T00:00:00Z,a,true,AT
2026-11-27T00:00:00Z,a,0,"N,""L"""
2026-11-27T00:00:00Z,a,False,XX
2026-11-27T00:00:00Z,a,,
`)
	want := "places,country,chip\n1,AT,1\n2,\"N,\"\"L\"\"\",0\n3,,0\n3,,\n"
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestNamesWithoutADictionaryAreWrittenAsTheyAre(t *testing.T) {
	o := options(t, `
besra: 1
event:
  - {name: at, type: time}
  - {name: country, type: text}
columns:
  - {name: land, field: country}
`, pipeline.HashedColumn("land", func(name string) float64 { return float64(len(name)) + 1<<31 }))
	const text = "at,country\n2026-11-27T00:00:00Z,AT\n2026-11-27T00:00:00Z,\"N,\"\"L\"\"\"\n2026-11-27T00:00:00Z,\n2026-11-27T00:00:00Z,DE\n"
	if d := cmp.Diff("land\nAT\n\"N,\"\"L\"\"\"\n\nDE\n", mustRun(t, o, text)); d != "" {
		t.Error(d)
	}
	_, got := readParquet(t, toParquet(t, o, text))
	for i, want := range []string{"AT", `N,"L"`, "", "DE"} {
		if v := got[i][0]; v.IsNull() != (want == "") || !v.IsNull() && string(v.ByteArray()) != want {
			t.Errorf("row %d: %v, want %q", i, v, want)
		}
	}
}

func TestNumbersAreTheShortestOfTheModelsWidth(t *testing.T) {
	text := "time,card,amount\n2026-11-27T00:00:00Z,,0.1234567890123456789\n2026-11-27T00:00:00Z,,16777217\n2026-11-27T00:00:00Z,,-0\n2026-11-27T00:00:00Z,,123.5\n2026-11-27T00:00:00Z,,1e-7\n"
	o := options(t, small, besra.Column{Name: "x"}, besra.Column{Name: "n"}, besra.Column{Name: "mean"}, besra.Column{Name: "share"})
	for bits, want := range map[int]string{
		32: "x,n,mean,share\n0.12345679,,,\n16777216,,,\n-0,,,\n123.5,,,\n1e-07,,,\n",
		64: "x,n,mean,share\n0.12345678901234568,,,\n16777217,,,\n-0,,,\n123.5,,,\n1e-07,,,\n",
	} {
		o.Bits = bits
		if d := cmp.Diff(want, mustRun(t, o, text)); d != "" {
			t.Errorf("%d bits: %s", bits, d)
		}
	}
}

func TestKeptColumnsStandInFrontAsTheyAre(t *testing.T) {
	o := options(t, small)
	o.Keep = []string{"event_id", "time", "label", "amount", "card"}
	got := mustRun(t, o, "card,amount,label,event_id,time\n\"a,b\",1.50,fraud,e1,2026-11-27T01:00:00+01:00\n,,,,2026-11-27T00:00:00Z\n")
	want := "event_id,time,label,amount,card,x,n,mean,share\ne1,2026-11-27T01:00:00+01:00,fraud,1.50,\"a,b\",1.5,1,1.5,\n,2026-11-27T00:00:00Z,,,,,,,\n"
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for keep, want := range map[string]string{
		"scenario": `keep: an event has no "scenario"`,
		"amuont":   `keep: an event has no "amuont", did you mean "amount"?`,
		"time":     `keep: "time" stands twice`,
	} {
		o.Keep = []string{"time", keep}
		if _, err := events.New(o); err == nil || err.Error() != want {
			t.Errorf("keep %s: %v, want %s", keep, err, want)
		}
	}
	o = handbook(t)
	o.Keep = []string{"amount"}
	if _, err := events.New(o); err == nil || err.Error() != `keep: the row has a column "amount" of its own` {
		t.Errorf("keep what the row has: %v", err)
	}
}

func TestWrongFilesAreToldByLineAndColumn(t *testing.T) {
	const header = "time,card,amount,label,label_time\n"
	const good = "2026-11-27T00:00:00Z,a,1,,\n"
	for _, c := range []struct{ text, want string }{
		{"", "events.csv: is empty: want a header with the names of the columns"},
		{"time,card\n", `events.csv: column "amount" is missing`},
		{"card\n", `events.csv: columns "time", "amount" are missing`},
		{"time,card,amount,card\n", `events.csv: column "card" stands twice`},
		{"time,card,amount,scenario\n", `events.csv: unknown column "scenario"`},
		{"time,card,amount,lable\n", `events.csv: unknown column "lable", did you mean "label"?`},
		{header + good + ",a,1,,\n", "events.csv:3: time: is missing"},
		{header + good + "1795737601250,a,1,,\n", `events.csv:3: time: "1795737601250" is no time such as 2026-11-27T00:00:01.250Z`},
		{header + "2026-11-27T00:00:60Z,a,1,,\n", `events.csv:2: time: "2026-11-27T00:00:60Z" is no time such as 2026-11-27T00:00:01.250Z`},
		{header + good + "\n" + "2026-11-27T00:00:00Z,a,many,,\n", `events.csv:4: amount: "many" is no number`},
		{header + "2026-11-27T00:00:00Z,a,nan,,\n", `events.csv:2: amount: "nan" is no finite number`},
		{header + "2026-11-27T00:00:00Z,a,1e999,,\n", `events.csv:2: amount: "1e999" is no finite number`},
		{header + "2026-11-27T00:00:00Z,a,1e10,,\n" + "2026-11-27T00:00:00Z,a,1e11,,\n", `events.csv:3: amount: 1e+11 is too large a number for windows`},
		{header + "2026-11-27T00:00:00Z,a,1,yes,\n", `events.csv:2: label: "yes" is not fraud, genuine, 1 or 0`},
		{header + "2026-11-27T00:00:00Z,a,1,1,soon\n", `events.csv:2: label_time: "soon" is no time such as 2026-11-27T00:00:01.250Z`},
		{header + "2026-11-27T00:00:00Z,\"a\nb\",1,1,\n" + "2026-11-27T00:00:00Z,a,1\n", "events.csv:4: has 3 cells, the header 5"},
		{header + "2026-11-27T00:00:00Z,a,1,1,,,\n", "events.csv:2: has 7 cells, the header 5"},
		{header + "2026-11-27T00:00:00Z,a,\"1\"x,1,,,\n", "events.csv:2: amount: text behind a closing quote"},
	} {
		_, _, err := run(t, options(t, small), c.text)
		if err == nil || err.Error() != c.want {
			t.Errorf("%q:\n got %v\nwant %s", c.text, err, c.want)
		}
	}
}

func TestARequiredFieldMustBeThere(t *testing.T) {
	_, _, err := run(t, handbook(t), "time,card,terminal,amount\n2026-11-27T00:00:00Z,a,b,\n")
	if err == nil || err.Error() != "events.csv:2: amount: is missing" {
		t.Error(err)
	}
}

func TestExtraColumnsAreIgnoredWhenAsked(t *testing.T) {
	o := options(t, small)
	o.IgnoreExtra = true
	got := mustRun(t, o, "time,scenario,card,amount\n2026-11-27T00:00:00Z,\"1,\n2\",a,1\n")
	if want := "x,n,mean,share\n1,1,1,\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestEventsBeforeTheFirstWrongLineAreWritten(t *testing.T) {
	var text strings.Builder
	text.WriteString("time,card,amount\n")
	for i := range 5000 {
		amount := fmt.Sprint(i)
		if i == 3210 || i == 3333 || i == 4567 {
			amount = "many"
		}
		fmt.Fprintf(&text, "2026-11-27T00:00:00Z,c%d,%s\n", i, amount)
	}
	for _, block := range []int{1, 1000, 1 << 20} {
		o := options(t, small)
		o.Block = block
		out, sum, err := run(t, o, text.String())
		if err == nil || err.Error() != `events.csv:3212: amount: "many" is no number` {
			t.Errorf("blocks of %d: %v", block, err)
		}
		if lines := strings.Count(out, "\n"); lines != 3211 || sum.Events != 3210 {
			t.Errorf("blocks of %d: %d lines and %d events, want 3211 and 3210", block, lines, sum.Events)
		}
	}
}

// simulated returns payments of a small world, as besra simulate writes them.
func simulated(tb testing.TB, days int) string {
	tb.Helper()
	o := simulate.Defaults()
	o.Cards, o.Terminals, o.Days = 300, 100, days
	o.HitCards, o.HitTerminals = 2, 1
	var out bytes.Buffer
	if _, err := simulate.Write(context.Background(), &out, o, func(int, int) {}); err != nil {
		tb.Fatal(err)
	}
	return out.String()
}

func TestRowsDependOnNothingButTheFile(t *testing.T) {
	text := simulated(t, 24)
	o := handbook(t)
	o.IgnoreExtra = true
	o.Keep = []string{"event_id"}
	want := mustRun(t, o, text)
	if n := strings.Count(text, "\n"); n < 5000 || strings.Count(want, "\n") != n {
		t.Fatalf("%d lines of %d", strings.Count(want, "\n"), n)
	}
	for _, block := range []int{1, 100, 4096, 1 << 22} {
		for _, workers := range []int{1, 2, 5} {
			o.Block, o.Workers = block, workers
			if got := mustRun(t, o, text); got != want {
				t.Errorf("blocks of %d bytes and %d workers give other rows", block, workers)
			}
		}
	}
}
