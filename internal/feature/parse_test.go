package feature_test

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/besra-ml/besra/internal/feature"
)

const head = `besra: 1
event:
  - {name: time, type: time}
  - {name: card, type: entity}
  - {name: terminal, type: entity}
  - {name: amount, type: number, decimals: 2, required: true, text: Amount}
  - {name: score, type: number}
  - {name: country, type: text}
  - {name: chip, type: bool}
columns:
`

// parse reads columns over the fields of head.
func parse(t *testing.T, columns string) *feature.Definition {
	t.Helper()
	d, err := feature.Parse("features.yaml", []byte(head+columns))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func handbook(t testing.TB) *feature.Definition {
	t.Helper()
	data, err := os.ReadFile("testdata/handbook.yaml")
	if err != nil {
		t.Fatal(err)
	}
	d, err := feature.Parse("handbook.yaml", data)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestParse(t *testing.T) {
	d, err := feature.Parse("features.yaml", []byte(strings.Replace(head, "event:", "zone: UTC\nlateness: 0s\nloss: amount\nevent:", 1)+`
  - {name: amount, field: amount}
  - {name: Number of payments, aggregate: count, over: [terminal, card], window: 90d, current: out}
`))
	if err != nil {
		t.Fatal(err)
	}
	want := []feature.Field{
		{Name: "time", Type: feature.Time, Decimals: -1, Required: true},
		{Name: "card", Type: feature.Entity, Decimals: -1},
		{Name: "terminal", Type: feature.Entity, Decimals: -1},
		{Name: "amount", Type: feature.Number, Decimals: 2, Required: true, Text: "Amount"},
		{Name: "score", Type: feature.Number, Decimals: -1},
		{Name: "country", Type: feature.Text, Decimals: -1},
		{Name: "chip", Type: feature.Bool, Decimals: -1},
	}
	if diff := cmp.Diff(want, d.Fields); diff != "" {
		t.Error(diff)
	}
	if d.Zone != "UTC" || d.Lateness != 0 || d.Loss != "amount" || d.File != "features.yaml" {
		t.Errorf("got zone %q, lateness %d, loss %q, file %q", d.Zone, d.Lateness, d.Loss, d.File)
	}
	if len(d.Columns) != 2 || d.Columns[1].Name != "Number of payments" || d.Columns[1].Form != feature.Aggregate {
		t.Errorf("got columns %+v", d.Columns)
	}
	if len(d.Groups) != 1 || d.Groups[0].String() != "card+terminal: count of others 90d" {
		t.Errorf("got groups %v", d.Groups)
	}
}

func TestDefaultsAreUTCAndAnHour(t *testing.T) {
	d := parse(t, "  - {name: amount, field: amount}\n")
	if d.Zone != "UTC" || d.Lateness != 3_600_000 || d.Loss != "" {
		t.Errorf("got zone %q, lateness %d, loss %q", d.Zone, d.Lateness, d.Loss)
	}
}

func TestGroupsReadWellToPeople(t *testing.T) {
	var got []string
	for _, g := range handbook(t).Groups {
		got = append(got, g.String())
	}
	d := parse(t, `
  - {name: a, aggregate: mean, of: amount, over: card, window: 90m, resolution: 30m}
  - {name: b, aggregate: count, over: card, window: 24h, resolution: 30m}
  - {name: c, aggregate: count, over: card, window: 24h, delay: 90s}
`)
	for _, g := range d.Groups {
		got = append(got, g.String())
	}
	want := []string{
		"card: count 1d 7d 30d, mean(amount) 1d 7d 30d",
		"terminal: count until 7d before 1d 7d 30d, fraud_share until 7d before 1d 7d 30d",
		"card by 30m: count 1d, mean(amount) 90m",
		"card: count until 90s before 1d",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestWrongFiles(t *testing.T) {
	const columns = "columns:\n  - {name: a, field: a}\n"
	for name, c := range map[string]struct{ text, want string }{
		"nothing":                      {"", "want a map, not nothing"},
		"no layout":                    {"event: [{name: t, type: time}]\n" + columns, "besra: is missing"},
		"another layout":               {"besra: 2\n", "f.yaml:1: besra: layout 2 is not known"},
		"an unknown member":            {"besra: 1\nevents: []\n", `f.yaml:2: unknown member "events", did you mean "event"?`},
		"no event":                     {"besra: 1\n" + columns, "event: is missing"},
		"no columns":                   {"besra: 1\nevent: [{name: t, type: time}]\n", "columns: is missing"},
		"empty columns":                {"besra: 1\nevent: [{name: t, type: time}]\ncolumns: []\n", "f.yaml:3: columns: want at least one column"},
		"no field at all":              {"besra: 1\nevent: []\n" + columns, "f.yaml:2: event: has no field of type time"},
		"no time":                      {"besra: 1\nevent: [{name: a, type: number}]\n" + columns, "f.yaml:2: event: has no field of type time"},
		"two times":                    {"besra: 1\nevent:\n- {name: t, type: time}\n- {name: u, type: time}\n", "f.yaml:4: event[1]: a second field of type time"},
		"a field twice":                {"besra: 1\nevent:\n- {name: t, type: time}\n- {name: t, type: bool}\n", "f.yaml:4: event[1]: the field t stands twice, first in line 3"},
		"a field without name":         {"besra: 1\nevent:\n- {type: time}\n", "f.yaml:3: event[0]: name: is missing"},
		"a field without type":         {"besra: 1\nevent:\n- {name: t}\n", "f.yaml:3: event[0]: type: is missing; want time, entity"},
		"an unknown type":              {"besra: 1\nevent:\n- {name: t, type: numer}\n", `f.yaml:3: event[0].type: want time, entity, number, text or bool, not "numer", did you mean "number"?`},
		"a name with a space":          {"besra: 1\nevent:\n- {name: a b, type: time}\n", "f.yaml:3: event[0].name: want 1 to 64 of"},
		"a name that is taken":         {"besra: 1\nevent:\n- {name: label, type: bool}\n", "f.yaml:3: event[0].name: label is taken"},
		"too many decimals":            {"besra: 1\nevent:\n- {name: a, type: number, decimals: 7}\n", "f.yaml:3: event[0].decimals: want 0 to 6, not 7"},
		"negative decimals":            {"besra: 1\nevent:\n- {name: a, type: number, decimals: -1}\n", "event[0].decimals: want 0 to 6, not -1"},
		"decimals of a text":           {"besra: 1\nevent:\n- {name: a, type: text, decimals: 2}\n", "event[0]: decimals: are of numbers, and this field is of type text"},
		"too many fields":              {"besra: 1\nevent:\n- {name: t, type: time}\n" + many(64, "- {name: f%, type: bool}\n"), "f.yaml:67: event[64]: more than 64 fields"},
		"too many entities":            {"besra: 1\nevent:\n" + many(9, "- {name: f%, type: entity}\n"), "f.yaml:11: event[8]: more than 8 entities"},
		"an unknown zone":              {"besra: 1\nzone: Europe/Berlim\n", "f.yaml:2: zone: "},
		"the zone of the machine":      {"besra: 1\nzone: Local\n", "f.yaml:2: zone: want the name of a time zone"},
		"a zone outside of its folder": {"besra: 1\nzone: ../../etc/passwd\n", "f.yaml:2: zone: "},
		"a lateness without unit":      {"besra: 1\nlateness: 60\n", `f.yaml:2: lateness: want a duration from 0s to 90d, such as 90s, 15m, 24h or 7d, not "60"`},
		"a lateness beyond 90 days":    {"besra: 1\nlateness: 91d\n", "lateness: want a duration from 0s to 90d"},
		"a negative lateness":          {"besra: 1\nlateness: -1d\n", "lateness: want a duration"},
		"a fractional lateness":        {"besra: 1\nlateness: 1.5h\n", "lateness: want a duration"},
		"a huge lateness":              {"besra: 1\nlateness: 99999999999999999999d\n", "lateness: want a duration"},
	} {
		t.Run("a file with "+name+" is refused", func(t *testing.T) {
			_, err := feature.Parse("f.yaml", []byte(c.text))
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestWrongLosses(t *testing.T) {
	for loss, want := range map[string]string{
		"country": "features.yaml:2: loss: want a number field, and country is of type text",
		"score":   "features.yaml:2: loss: the field score needs decimals",
		"amuont":  `features.yaml:2: loss: the event has no field "amuont", did you mean "amount"?`,
	} {
		_, err := feature.Parse("features.yaml", []byte(strings.Replace(head, "event:", "loss: "+loss+"\nevent:", 1)+"  - {name: amount, field: amount}\n"))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestWrongColumns(t *testing.T) {
	for name, c := range map[string]struct{ column, want string }{
		"no name":                       {"field: amount", "features.yaml:11: columns[0]: name: is missing"},
		"nothing that makes it":         {"name: a", `columns[0]: nothing says how the column "a" is made; want one of field`},
		"two makers":                    {"name: a, field: amount, calendar: night", "columns[0].calendar: stands beside field; want one of"},
		"an unknown member":             {"name: a, feild: amount", `columns[0]: unknown member "feild", did you mean "field"?`},
		"an unknown field":              {"name: a, field: amout", `columns[0].field: the event has no field "amout", did you mean "amount"?`},
		"the time as it is":             {"name: a, field: time", "columns[0].field: time is the event's time"},
		"an entity as it is":            {"name: a, field: card", "columns[0].field: card is an entity"},
		"a window of a field":           {"name: a, field: amount, window: 1d", "columns[0].window: belongs to an aggregate, and this column has field"},
		"an unknown calendar":           {"name: a, calendar: weekand", `columns[0].calendar: want night, weekend, hour or weekday, not "weekand", did you mean "weekend"?`},
		"an unknown aggregate":          {"name: a, aggregate: avg, over: card, window: 1d", "columns[0].aggregate: want count, sum, mean"},
		"no window":                     {"name: a, aggregate: count, over: card", "columns[0]: window: is missing"},
		"no entity":                     {"name: a, aggregate: count, window: 1d", "columns[0]: over: is missing"},
		"a mean of nothing":             {"name: a, aggregate: mean, over: card, window: 1d", "columns[0]: of: is missing; want the number field of which the mean"},
		"distinct of nothing":           {"name: a, aggregate: distinct, over: card, window: 1d", "columns[0]: of: is missing; want the entity or text field"},
		"a count of a field":            {"name: a, aggregate: count, of: amount, over: card, window: 1d", "columns[0].of: count is of events"},
		"a mean of a text":              {"name: a, aggregate: mean, of: country, over: card, window: 1d", "columns[0].of: mean wants a number or a bool, and country is of type text"},
		"distinct of a number":          {"name: a, aggregate: distinct, of: amount, over: card, window: 1d", "columns[0].of: distinct wants an entity or a text, and amount is of type number"},
		"a mean without decimals":       {"name: a, aggregate: mean, of: score, over: card, window: 1d", "columns[0].of: the field score is aggregated, so it needs decimals"},
		"over a number":                 {"name: a, aggregate: count, over: amount, window: 1d", "columns[0].over: want an entity, and amount is of type number"},
		"over an unknown field":         {"name: a, aggregate: count, over: crad, window: 1d", `columns[0].over: the event has no field "crad", did you mean "card"?`},
		"over nothing":                  {"name: a, aggregate: count, over: [], window: 1d", "columns[0].over: want an entity, or a pair of two, not 0"},
		"over an entity twice":          {"name: a, aggregate: count, over: [card, card], window: 1d", "columns[0].over[1]: card stands twice"},
		"a window below a second":       {"name: a, aggregate: count, over: card, window: 0s", "columns[0].window: want a duration from 1s to 90d"},
		"a window beyond 90 days":       {"name: a, aggregate: count, over: card, window: 2161h", "columns[0].window: want a duration from 1s to 90d"},
		"a delay beyond 90 days":        {"name: a, aggregate: count, over: card, window: 1d, delay: 91d", "columns[0].delay: want a duration from 0s to 90d"},
		"a share of fraud at once":      {"name: a, aggregate: fraud_share, over: card, window: 1d", "columns[0]: delay: is missing; labels are never known at once"},
		"a share of fraud without wait": {"name: a, aggregate: fraud_share, over: card, window: 1d, delay: 0s", "columns[0]: delay: is missing"},
		"a stepped distinct":            {"name: a, aggregate: distinct, of: country, over: card, window: 1d, resolution: 1h", "columns[0].resolution: distinct needs the events themselves"},
		"a stepped since_last":          {"name: a, aggregate: since_last, over: card, window: 1d, resolution: 1h", "columns[0].resolution: since_last needs the events themselves"},
		"a stepped max":                 {"name: a, aggregate: max, of: amount, over: card, window: 1d, resolution: 1h", "columns[0].resolution: max needs the events themselves"},
		"a window between steps":        {"name: a, aggregate: count, over: card, window: 90m, resolution: 1h", "columns[0].window: want a multiple of the resolution 1h, not 90m"},
		"a delay between steps":         {"name: a, aggregate: count, over: card, window: 2h, delay: 1m, resolution: 1h", "columns[0].delay: want a multiple of the resolution 1h, not 1m"},
		"an unknown current":            {"name: a, aggregate: count, over: card, window: 1d, current: yes", "columns[0].current: want in or out"},
		"the current event, delayed":    {"name: a, aggregate: count, over: card, window: 1d, delay: 1d, current: in", "columns[0].current: in contradicts delay: the window ends 1d before the event"},
		"since the current event":       {"name: a, aggregate: since_last, over: card, window: 1d, current: in", "columns[0].current: in contradicts since_last"},
		"an unknown empty":              {"name: a, aggregate: mean, of: amount, over: card, window: 1d, empty: 1", "columns[0].empty: want 0 or missing"},
		"a missing count":               {"name: a, aggregate: count, over: card, window: 1d, empty: missing", "columns[0].empty: count of an empty window is always 0"},
		"a ratio of one":                {"name: a, ratio: [a]", "columns[0].ratio[0]: no column \"a\" is declared before"},
		"a ratio that is no list":       {"name: a, ratio: amount", "columns[0].ratio: want a list"},
		"log1p of itself":               {"name: a, log1p: a", `columns[0].log1p: no column "a" is declared before`},
		"log1p of a list":               {"name: a, log1p: [a]", "columns[0].log1p: want text, not a list"},
		"a ratio of a text":             {"name: a, field: country}\n  - {name: b, log1p: a", `features.yaml:12: columns[1].log1p: the column "a" is text, and no number`},
		"a ratio of three":              {"name: a, field: amount}\n  - {name: b, ratio: [a, a, a]", "features.yaml:12: columns[1].ratio: want two columns, such as [amount, card_mean_1d], not 3"},
		"a difference of the unknown":   {"name: amount, field: amount}\n  - {name: b, difference: [amount, amonut]", `columns[1].difference[1]: no column "amonut" is declared before, did you mean "amount"?`},
		"a name twice":                  {"name: a, field: amount}\n  - {name: a, field: chip", `features.yaml:12: columns[1]: the column "a" stands twice, first in line 11`},
		"a control character":           {`name: "a\x07", field: amount`, "columns[0].name: want 1 to 256 bytes without control characters"},
		"too many":                      {"name: a, field: amount}\n" + many(1024, "  - {name: f%, calendar: hour}\n") + "  - {name: b, calendar: hour", "features.yaml:1035: columns[1024]: more than 1024 columns"},
		"too many windows":              {"name: a, field: amount}\n" + many(129, "  - {name: f%, aggregate: count, over: card, window: %s}\n") + "  - {name: b, calendar: hour", "columns[129]: more than 128 different windows over card"},
	} {
		t.Run("a column with "+name+" is refused", func(t *testing.T) {
			_, err := feature.Parse("features.yaml", []byte(head+"  - {"+c.column+"}\n"))
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestSixteenGroupsAreEnough(t *testing.T) {
	// Each of these resolutions divides 90 days.
	var b strings.Builder
	for i, step := range strings.Fields("1s 2s 3s 4s 5s 6s 8s 9s 10s 12s 15s 16s 18s 20s 24s 25s 27s") {
		b.WriteString(many(1, "  - {name: f"+string(rune('a'+i))+", aggregate: count, over: card, window: 90d, resolution: "+step+"}\n"))
	}
	_, err := feature.Parse("features.yaml", []byte(head+b.String()))
	if want := "features.yaml:27: columns[16]: more than 16 different entities, pairs and resolutions"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
}

// many repeats text n times, with the numbers from 1 in the place of %.
func many(n int, text string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.ReplaceAll(text, "%", strconv.Itoa(i+1)))
	}
	return b.String()
}

func FuzzParse(f *testing.F) {
	f.Add(head + "  - {name: amount, field: amount}\n  - {name: m, aggregate: mean, of: amount, over: [card, terminal], window: 7d, delay: 1h, current: out, empty: 0}\n  - {name: r, ratio: [amount, m]}\n")
	f.Add(head + "  - {name: x, aggregate: fraud_share, over: card, window: 7d, delay: 1h, resolution: 1h}\n")
	f.Add("besra: 1\nzone: Europe/Berlin\nlateness: 2h\nloss: a\nevent: [{name: t, type: time}, {name: a, type: number, decimals: 6}]\ncolumns: [{name: h, calendar: hour}, {name: l, log1p: h}]\n")
	f.Fuzz(func(t *testing.T, text string) {
		d, err := feature.Parse("f.yaml", []byte(text))
		if err != nil {
			if !strings.HasPrefix(err.Error(), "f.yaml:") {
				t.Fatalf("%q has no place", err)
			}
			return
		}
		p, err := feature.NewPlan([]*feature.Definition{d, d})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Program(d, columnsOf(d)); err != nil {
			t.Fatal(err)
		}
	})
}
