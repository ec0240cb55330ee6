package registry

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/besra-ml/besra"
	"github.com/besra-ml/besra/internal/feature"
	"github.com/besra-ml/besra/internal/policy"
	"github.com/besra-ml/besra/internal/telemetry"
)

// proven is a proven version whose events need these fields beside the time, and have a count over each window.
func proven(t *testing.T, v int, needs []string, windows ...string) *Model {
	t.Helper()
	m := version(telemetry.New(telemetry.Options{}), "fraud", v)
	m.Proven = true
	text := "besra: 1\nevent:\n  - {name: time, type: time}\n  - {name: card, type: entity}\n"
	for _, name := range needs {
		text += "  - {name: " + name + ", type: number, decimals: 2, required: true}\n"
	}
	text += "columns:\n"
	for _, w := range windows {
		text += fmt.Sprintf("  - {name: n_%s, aggregate: count, over: card, window: %s}\n", w, w)
		m.Columns = append(m.Columns, besra.Column{Name: "n_" + w, Type: besra.Float})
	}
	d, err := feature.Parse("features.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	m.events = d
	return m
}

// told returns what a set serves and refuses.
func told(s *Set) []string {
	var all []string
	for _, m := range s.Models() {
		text := m.String()
		if m.Live {
			text += " live"
		}
		all = append(all, text)
	}
	for _, r := range s.Refused() {
		all = append(all, fmt.Sprintf("%s@%d %s", r.Name, r.Version, r.Reason))
	}
	return all
}

func TestWhichVersionIsLive(t *testing.T) {
	need := func(v int, names ...string) *Model { return proven(t, v, names, "1d") }
	unproven := func(v int) *Model { return version(telemetry.New(telemetry.Options{}), "fraud", v) }
	rowsOnly := func(v int) *Model {
		m := unproven(v)
		m.Proven = true
		return m
	}
	for name, c := range map[string]struct {
		before, models []*Model
		pin            int
		want           []string
	}{
		"the highest":                          {nil, []*Model{need(1), need(3), need(2)}, 0, []string{"fraud@3 live", "fraud@2", "fraud@1"}},
		"the pinned one":                       {nil, []*Model{need(1), need(3), need(2)}, 2, []string{"fraud@3", "fraud@2 live", "fraud@1"}},
		"one that needs more waits":            {nil, []*Model{need(1, "a"), need(2, "a", "b")}, 0, []string{"fraud@2", "fraud@1 live", "fraud@2 needs-choice"}},
		"unless it is pinned":                  {nil, []*Model{need(1, "a"), need(2, "a", "b")}, 2, []string{"fraud@2 live", "fraud@1"}},
		"one that needs less does not wait":    {nil, []*Model{need(1, "a", "b"), need(2, "a")}, 0, []string{"fraud@2 live", "fraud@1"}},
		"a later one may do":                   {nil, []*Model{need(1, "a"), need(2, "b"), need(3)}, 0, []string{"fraud@3 live", "fraud@2", "fraud@1"}},
		"the proven one":                       {nil, []*Model{unproven(0), need(1, "a")}, 0, []string{"fraud@1 live", "fraud@0"}},
		"none is proven":                       {nil, []*Model{unproven(0)}, 0, []string{"fraud@0 live"}},
		"a higher one comes":                   {[]*Model{need(1)}, []*Model{need(2)}, 0, []string{"fraud@2 live", "fraud@1"}},
		"a lower one comes":                    {[]*Model{need(2)}, []*Model{need(1)}, 0, []string{"fraud@2 live", "fraud@1"}},
		"one comes that needs more":            {[]*Model{need(2)}, []*Model{need(3, "a"), need(1)}, 0, []string{"fraud@3", "fraud@2 live", "fraud@1", "fraud@3 needs-choice"}},
		"one that takes no events waits":       {nil, []*Model{need(1), rowsOnly(2)}, 0, []string{"fraud@2", "fraud@1 live", "fraud@2 needs-choice"}},
		"one comes that takes no events":       {[]*Model{need(1)}, []*Model{rowsOnly(2)}, 0, []string{"fraud@2", "fraud@1 live", "fraud@2 needs-choice"}},
		"unless that is pinned":                {[]*Model{need(1)}, []*Model{rowsOnly(2)}, 2, []string{"fraud@2 live", "fraud@1"}},
		"events may come to rows":              {[]*Model{rowsOnly(1)}, []*Model{need(2)}, 0, []string{"fraud@2 live", "fraud@1"}},
		"rows follow rows":                     {[]*Model{rowsOnly(1)}, []*Model{rowsOnly(2)}, 0, []string{"fraud@2 live", "fraud@1"}},
		"a pin to nothing leaves what is live": {[]*Model{need(2)}, []*Model{need(3)}, 7, []string{"fraud@3", "fraud@2 live"}},
	} {
		t.Run(name, func(t *testing.T) {
			pins := map[string]int{}
			var before *Set
			models := c.models
			if c.before != nil {
				before = Next(nil, c.before, nil, nil)
				models = append(slices.Clone(before.Models()), models...)
			}
			if c.pin > 0 {
				pins["fraud"] = c.pin
			}
			if d := cmp.Diff(c.want, told(Next(before, models, pins, nil))); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestASetThatFollowsLeavesTheOneBeforeAsItWas(t *testing.T) {
	first := Next(nil, []*Model{proven(t, 1, nil, "1d"), proven(t, 2, nil, "1d")}, nil, nil)
	one, two, plan := first.Version("fraud", 1), first.Version("fraud", 2), first.Plan("fraud")
	same := Next(first, first.Models(), nil, nil)
	if same.Version("fraud", 1) != one || same.Version("fraud", 2) != two || same.Plan("fraud") != plan {
		t.Error("what does not change is copied")
	}
	pinned := Next(first, first.Models(), map[string]int{"fraud": 1}, nil)
	if pinned.Plan("fraud") != plan || pinned.Live("fraud").Version != 1 || pinned.Version("fraud", 2).Live {
		t.Errorf("%v", told(pinned))
	}
	more := Next(first, append(slices.Clone(first.Models()), proven(t, 3, nil, "1d", "7d")), nil, nil)
	if got := more.Plan("fraud"); got == plan || len(got.Groups) != 2 || more.Version("fraud", 1).Plan != got || more.Version("fraud", 1).Program == one.Program {
		t.Errorf("%d groups", len(got.Groups))
	}
	if !two.Live || one.Live || one.Plan != plan || two.Plan != plan {
		t.Error("the set before has changed")
	}
}

func TestAPolicyReachesAllCopies(t *testing.T) {
	m := proven(t, 1, nil, "1d")
	m.SetPolicy(&policy.Policy{Version: "first"})
	first := Next(nil, []*Model{m, proven(t, 2, nil, "1d")}, map[string]int{"fraud": 1}, nil)
	second := Next(first, first.Models(), nil, nil)
	if first.Version("fraud", 1) == second.Version("fraud", 1) {
		t.Fatal("it is no copy")
	}
	second.Version("fraud", 1).SetPolicy(&policy.Policy{Version: "second"})
	if got := first.Version("fraud", 1).Policy().Version; got != "second" {
		t.Errorf("the policy %s decides for requests in flight", got)
	}
}

func TestVersionsThatDoNotGoTogether(t *testing.T) {
	other := proven(t, 2, []string{"a"}, "1d")
	other.events.Fields[other.events.Field("a")].Decimals = 4
	first := Next(nil, []*Model{proven(t, 1, []string{"a"}, "1d")}, nil, nil)
	s := Next(first, append(slices.Clone(first.Models()), other), nil, nil)
	if d := cmp.Diff([]string{"fraud@1 live", "fraud@2 inconsistent"}, told(s)); d != "" {
		t.Error(d)
	}
	if why := s.Refused()[0].Why; !strings.Contains(why, "decimals 4, and 2") && !strings.Contains(why, "decimals 2, and 4") {
		t.Error(why)
	}
	if _, err := New([]*Model{proven(t, 1, []string{"a"}, "1d"), other}, nil); err == nil || !strings.Contains(err.Error(), "fraud@2") {
		t.Errorf("error %v", err)
	}
}

func TestVersionsTogetherKeepNoMoreHistoriesThanARecordCanSay(t *testing.T) {
	var models []*Model
	for v := range feature.MaxGroups + 3 {
		models = append(models, proven(t, v+1, nil, fmt.Sprintf("%dd", v+1)))
	}
	s := Next(nil, models, nil, nil)
	if len(s.Plan("fraud").Groups) != feature.MaxGroups || len(s.Refused()) != 3 || s.Live("fraud").Version != feature.MaxGroups {
		t.Errorf("%d groups; %v", len(s.Plan("fraud").Groups), told(s))
	}
	if r := s.Refused()[0]; r.Version != feature.MaxGroups+3 || !strings.Contains(r.Why, "unload versions") {
		t.Errorf("%+v", r)
	}
}

func TestASwapTellsWhatIsReady(t *testing.T) {
	first, second := proven(t, 1, nil, "1d"), proven(t, 2, nil, "1d")
	r, err := New([]*Model{first}, nil)
	if err != nil {
		t.Fatal(err)
	}
	before := r.Set()
	if got := r.Swap(Next(before, []*Model{second}, nil, nil)); got != before {
		t.Error("another set was before")
	}
	if first.Counters.Ready.Value() != 0 || second.Counters.Ready.Value() != 1 || r.Only().Version != 2 {
		t.Errorf("%v, %v", first.Counters.Ready.Value(), second.Counters.Ready.Value())
	}
}
