package feature_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/besra-ml/besra"
	"github.com/besra-ml/besra/internal/feature"
	"github.com/besra-ml/besra/pipeline"
)

func TestGroupsKeepTheirIDs(t *testing.T) {
	// These never change: states in journals and stores are known by them.
	want := []string{"card 30c34602341c6472479e34416789220d", "terminal 4a5cf18ab3b9848d9afff337d79eaaec"}
	var got []string
	for _, g := range handbook(t).Groups {
		got = append(got, fmt.Sprintf("%s %x", strings.Join(g.Entities, "+"), g.ID))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAnIDIsOfTheMeaningAlone(t *testing.T) {
	ids := func(head, columns string) string {
		d, err := feature.Parse("f.yaml", []byte(head+columns))
		if err != nil {
			t.Fatal(err)
		}
		text := ""
		for _, g := range d.Groups {
			text += fmt.Sprintf("%x ", g.ID)
		}
		return text
	}
	const (
		a = "  - {name: a, aggregate: mean, of: amount, over: [card, terminal], window: 1d}\n"
		b = "  - {name: b, aggregate: count, over: [card, terminal], window: 1d}\n"
	)
	was := ids(head, a+b)
	for name, same := range map[string]string{
		"the order of columns":       ids(head, b+a),
		"names":                      ids(head, strings.Replace(a, "name: a", "name: x", 1)+b),
		"an ask that stands twice":   ids(head, a+b+strings.Replace(b, "name: b", "name: c", 1)),
		"the order of a pair":        ids(head, strings.ReplaceAll(a+b, "[card, terminal]", "[terminal, card]")),
		"the spelling of a duration": ids(head, strings.ReplaceAll(a+b, "1d", "1440m")),
		"spelt-out defaults":         ids(head, strings.ReplaceAll(a, "}", ", delay: 0s, current: in, empty: missing}")+strings.ReplaceAll(b, "}", ", empty: 0}")),
		"the zone":                   ids("zone: Europe/Berlin\n"+head, a+b),
		"columns of the event":       ids(head, a+"  - {name: h, calendar: hour}\n"+b),
		"fields that it ignores":     ids(strings.Replace(head, "chip", "chop", 1), a+b),
	} {
		if same != was {
			t.Errorf("%s: the ID is %s, and was %s", name, same, was)
		}
	}
	for name, other := range map[string]string{
		"lateness":          ids("lateness: 2h\n"+head, a+b),
		"decimals":          ids(strings.Replace(head, "decimals: 2", "decimals: 3", 1), a+b),
		"an ask less":       ids(head, a),
		"another window":    ids(head, strings.ReplaceAll(a+b, "1d", "2d")),
		"a delay":           ids(head, a+strings.ReplaceAll(b, "}", ", delay: 1s}")),
		"current":           ids(head, a+strings.ReplaceAll(b, "}", ", current: out}")),
		"empty":             ids(head, strings.ReplaceAll(a, "}", ", empty: 0}")+b),
		"resolution":        ids(head, strings.ReplaceAll(a+b, "}", ", resolution: 1h}")),
		"one entity":        ids(head, strings.ReplaceAll(a+b, "[card, terminal]", "card")),
		"another field":     ids(head, strings.ReplaceAll(a, "of: amount", "of: chip")+b),
		"another aggregate": ids(head, strings.ReplaceAll(a, "mean", "sum")+b),
	} {
		if other == was {
			t.Errorf("%s does not change the ID", name)
		}
	}
}

func TestAPlanUnitesDefinitions(t *testing.T) {
	a := parse(t, "  - {name: a, aggregate: count, over: card, window: 1d}\n  - {name: b, aggregate: mean, of: amount, over: terminal, window: 1d}\n")
	b, err := feature.Parse("b.yaml", []byte(`besra: 1
event:
  - {name: ip, type: entity}
  - {name: amount, type: number, required: true}
  - {name: score, type: number, decimals: 3, required: true}
  - {name: time, type: time}
  - {name: card, type: entity}
columns:
  - {name: x, aggregate: count, over: ip, window: 1d}
  - {name: y, aggregate: sum, of: score, over: ip, window: 1d}
  - {name: z, aggregate: count, over: card, window: 1d}
`))
	if err != nil {
		t.Fatal(err)
	}
	p, err := feature.NewPlan([]*feature.Definition{a, b})
	if err != nil {
		t.Fatal(err)
	}
	var fields, groups []string
	for _, f := range p.Fields {
		fields = append(fields, fmt.Sprintf("%s %v %d %t", f.Name, f.Type, f.Decimals, f.Required))
	}
	for _, g := range p.Groups {
		groups = append(groups, g.String())
	}
	if diff := cmp.Diff([]string{
		"time time -1 true", "card entity -1 false", "terminal entity -1 false", "amount number 2 true", // b has no decimals of its own
		"score number 3 false", // a does not require it
		"country text -1 false", "chip bool -1 false", "ip entity -1 false",
	}, fields); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"card: count 1d", "terminal: mean(amount) 1d", "ip: count 1d, sum(score) 1d"}, groups); diff != "" {
		t.Error(diff)
	}
	if p.Fields[p.TimeField].Name != "time" || len(p.EntityFields) != 3 || p.Field("ip") < 0 || p.Field("nobody") != -1 {
		t.Errorf("the time is field %d, entities are fields %v", p.TimeField, p.EntityFields)
	}

	// One history serves both: b's program reads the group that it shares with a.
	ga, gb := newEngine(t, a, b), newEngine(t, b, a)
	for i := range 3 {
		for _, g := range []*engine{ga, gb} {
			g.set(start+int64(i)*second, map[string]any{"card": "c", "terminal": "t", "ip": "i", "amount": 1.5, "score": 0.125})
			g.insert()
		}
	}
	if diff := cmp.Diff([]float64{4, 1.5}, ga.row()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]float64{4, 0.5, 4}, gb.row()); diff != "" {
		t.Error(diff)
	}
	gb.set(start, map[string]any{"ip": "i", "amount": 1.0})
	if f := gb.program.Missing(&gb.event); f != gb.plan.Field("score") {
		t.Errorf("missing is field %d, want the score, which b requires", f)
	}
}

func TestDefinitionsThatDisagree(t *testing.T) {
	const columns = "columns: [{name: n, calendar: night}]\n"
	for name, c := range map[string]struct{ a, b, want string }{
		"types":    {"{name: t, type: time}, {name: x, type: text}", "{name: t, type: time},\n  {name: x, type: number}", "b.yaml:3: the field x is of type number, and of type text in a.yaml:2"},
		"decimals": {"{name: t, type: time}, {name: x, type: number, decimals: 2}", "{name: x, type: number, decimals: 3}, {name: t, type: time}", "b.yaml:2: the field x has decimals 3, and 2 in a.yaml:2"},
		"times":    {"{name: t, type: time}", "{name: x, type: bool},\n  {name: u, type: time}", "b.yaml:3: the time is the field u, and in a.yaml:2 it is t"},
	} {
		t.Run("by "+name+" have no plan", func(t *testing.T) {
			var defs []*feature.Definition
			for file, fields := range map[string]string{"a.yaml": c.a, "b.yaml": c.b} {
				d, err := feature.Parse(file, []byte("besra: 1\nevent: ["+fields+"]\n"+columns))
				if err != nil {
					t.Fatal(err)
				}
				defs = append(defs, d)
			}
			if defs[0].File != "a.yaml" {
				defs[0], defs[1] = defs[1], defs[0]
			}
			if _, err := feature.NewPlan(defs); err == nil || err.Error() != c.want {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	if _, err := feature.NewPlan(nil); err == nil {
		t.Error("a plan of nothing was made")
	}
	a, b := handbook(t), parse(t, "  - {name: n, calendar: night}\n")
	p, err := feature.NewPlan([]*feature.Definition{a})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Program(b, columnsOf(b)); err == nil || !strings.Contains(err.Error(), "is not of this plan") {
		t.Errorf("got %v", err)
	}
}

func TestKeysTellEverythingApart(t *testing.T) {
	a := parse(t, "  - {name: a, aggregate: count, over: card, window: 1d}\n  - {name: b, aggregate: count, over: terminal, window: 1d}\n  - {name: c, aggregate: count, over: [card, terminal], window: 1d}\n")
	p, err := feature.NewPlan([]*feature.Definition{a})
	if err != nil {
		t.Fatal(err)
	}
	var e feature.Event
	seen := map[[16]byte]string{}
	for _, c := range [][4]string{{"t", "m", "x", "y"}, {"t", "m", "y", "x"}, {"tm", "", "x", "y"}, {"", "tm", "x", "y"}, {"u", "m", "x", "y"}, {"t", "n", "x", "y"}} {
		e.Reset(p)
		e.Hashes[p.Field("card")], e.Hashes[p.Field("terminal")] = hash(c[2]), hash(c[3])
		keys := p.Keys(c[0], c[1])
		for i := range p.Groups {
			k, ok := keys.Key(i, &e)
			what := fmt.Sprint(c, i)
			if was := seen[k]; !ok || was != "" {
				t.Errorf("%s has the key of %q", what, was)
			}
			seen[k] = what
			if l, ok := p.Key(i, c[0], c[1], &e); !ok || l != k {
				t.Errorf("%s: Key is %x, and by Keys %x", what, l, k)
			}
		}
	}
	e.Hashes[p.Field("card")] = feature.Hash{}
	for i, want := range []bool{false, true, false} {
		if k, ok := p.Key(i, "t", "m", &e); ok != want || !ok && k != [16]byte{} {
			t.Errorf("without a card group %d has a key: %t, want %t", i, ok, want)
		}
	}
}

func TestBind(t *testing.T) {
	float := func(name string) besra.Column { return besra.Column{Name: name, Type: besra.Float} }
	text, err := pipeline.StringColumn("country", []string{"DE"})
	if err != nil {
		t.Fatal(err)
	}
	d := parse(t, "  - {name: amount, field: amount}\n  - {name: n, aggregate: count, over: card, window: 1d}\n  - {name: r, ratio: [amount, n]}\n  - {name: country, field: country}\n")
	for name, c := range map[string]struct {
		columns []besra.Column
		want    string // "": bound
	}{
		"the same":             {[]besra.Column{float("amount"), float("n"), float("r"), text}, ""},
		"another order":        {[]besra.Column{text, float("r"), float("n"), float("amount")}, ""},
		"without operands":     {[]besra.Column{text, float("r")}, ""},
		"numbers of any type":  {[]besra.Column{text, {Name: "r", Type: besra.Category}, {Name: "n", Type: besra.Int}, {Name: "amount", Type: besra.Bool}}, ""},
		"one more":             {[]besra.Column{text, float("r"), float("amuont")}, `features.yaml: columns: the model's column "amuont" is not declared, did you mean "amount"?`},
		"one less":             {[]besra.Column{float("r")}, `features.yaml:14: columns[3]: "country" is no column of the model, and no arithmetic uses it`},
		"an operand in vain":   {[]besra.Column{float("n"), text}, `features.yaml:13: columns[2]: "r" is no column of the model`},
		"a text as number":     {[]besra.Column{float("country"), float("r")}, `features.yaml:14: columns[3]: "country" is text, and the model's column is of type float`},
		"a number as a string": {[]besra.Column{rename(text, "r")}, `features.yaml:13: columns[2]: "r" is a number, and the model's column is of type string`},
	} {
		t.Run("a model with "+name, func(t *testing.T) {
			err := d.Bind(c.columns)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func rename(c besra.Column, name string) besra.Column {
	c.Name = name
	return c
}

func TestTheHandbooksDefinitionYieldsTheDemosColumns(t *testing.T) {
	m, err := besra.Open("../../models/fraud/1/model.ubj")
	if err != nil {
		t.Fatal(err)
	}
	if err := handbook(t).Bind(m.Columns()); err != nil {
		t.Error(err)
	}
}

func TestTheDocumentsDefinitionIsTheTestedOne(t *testing.T) {
	doc, err := os.ReadFile("../../docs/features.md")
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile("testdata/handbook.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, columns, _ := strings.Cut(string(file), "columns:\n")
	if !strings.Contains(string(doc), columns) {
		t.Error("docs/features.md does not show testdata/handbook.yaml's columns")
	}
}
