package registry

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/besra-ml/besra/internal/bundle"
	"github.com/besra-ml/besra/internal/policy"
	"github.com/besra-ml/besra/internal/telemetry"
)

// version is a model that nobody scores with.
func version(m *telemetry.Metrics, name string, v int) *Model {
	return &Model{Name: name, Version: v, Counters: m.Model(name, fmt.Sprint(v), nil)}
}

func several(t *testing.T) *Registry {
	t.Helper()
	m := telemetry.New(telemetry.Options{})
	r, err := New([]*Model{version(m, "fraud", 3), version(m, "abuse", 0), version(m, "fraud", 10), version(m, "fraud", 9)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestResolve(t *testing.T) {
	long := strings.Repeat("x", 10_000)
	for name, c := range map[string]struct {
		model string
		err   error
		says  string
	}{
		"fraud":          {"fraud@10", nil, ""},
		"fraud@10":       {"fraud@10", nil, ""},
		"fraud@9":        {"fraud@9", nil, ""},
		"fraud@3":        {"fraud@3", nil, ""},
		"abuse":          {"abuse@0", nil, ""},
		"abuse@0":        {"abuse@0", nil, ""},
		"":               {"", ErrNoModel, `""; there is abuse, fraud`},
		"fraud@4":        {"", ErrNoVersion, `fraud has no version "4"`},
		"fraud@":         {"", ErrNoVersion, `fraud has no version ""`},
		"fraud@03":       {"", ErrNoVersion, `fraud has no version "03"`},
		"fraud@3@3":      {"", ErrNoVersion, `fraud has no version "3@3"`},
		"fraud@live":     {"", ErrNoVersion, `fraud has no version "live"`},
		"fruad":          {"", ErrNoModel, `"fruad"; there is abuse, fraud`},
		"fruad@3":        {"", ErrNoModel, `"fruad"; there is abuse, fraud`},
		"Fraud":          {"", ErrNoModel, `"Fraud"`},
		"fraud ":         {"", ErrNoModel, `"fraud "`},
		"@3":             {"", ErrNoModel, `""`},
		"a\nb\x00\xff":   {"", ErrNoModel, `"a\nb\x00\xff"`},
		long:             {"", ErrNoModel, `"xxx`},
		"fraud@" + long:  {"", ErrNoVersion, `"xxx`},
		"../abuse/0":     {"", ErrNoModel, `"../abuse/0"`},
		"fraud@99999999": {"", ErrNoVersion, `"99999999"`},
	} {
		t.Run(fmt.Sprintf("%.20q", name), func(t *testing.T) {
			m, err := several(t).Resolve([]byte(name))
			if !errors.Is(err, c.err) || c.err == nil && err != nil {
				t.Fatalf("error %v, want %v", err, c.err)
			}
			if err == nil {
				if got := fmt.Sprintf("%s@%d", m.Name, m.Version); got != c.model {
					t.Errorf("%s, want %s", got, c.model)
				}
				return
			}
			if !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "\n") || len(err.Error()) > 300 {
				t.Errorf("error %q, want %q", err, c.says)
			}
		})
	}
}

func TestTheOnlyModelNeedsNoName(t *testing.T) {
	m := telemetry.New(telemetry.Options{})
	r, err := New([]*Model{version(m, "fraud", 1), version(m, "fraud", 2)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Only(); got == nil || got.Version != 2 {
		t.Errorf("%v", got)
	}
	if got := several(t).Only(); got != nil {
		t.Errorf("one of several: %v", got)
	}
}

func TestTheHighestVersionIsLive(t *testing.T) {
	r := several(t)
	var got []string
	for _, m := range r.Models() {
		got = append(got, fmt.Sprintf("%s@%d %v", m.Name, m.Version, m.Live))
		if m.Counters.Ready.Value() != 1 {
			t.Errorf("%s@%d answers, and is not counted as ready", m.Name, m.Version)
		}
	}
	want := []string{"abuse@0 true", "fraud@10 true", "fraud@9 false", "fraud@3 false"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestARegistryWantsModelsOnceEach(t *testing.T) {
	m := telemetry.New(telemetry.Options{})
	if _, err := New(nil, nil); err == nil {
		t.Error("a registry of nothing")
	}
	_, err := New([]*Model{version(m, "fraud", 1), version(m, "abuse", 1), version(m, "fraud", 1)}, nil)
	if err == nil || !strings.Contains(err.Error(), "fraud@1 is given twice") {
		t.Errorf("error %v", err)
	}
}

func TestNewModel(t *testing.T) {
	metrics := telemetry.New(telemetry.Options{})
	b, err := bundle.Load("../../models/fraud/1")
	if err != nil {
		t.Fatal(err)
	}
	own := b.Policy
	if own == nil {
		t.Fatal("the demo has no policy")
	}
	m := NewModel(b, nil, metrics)
	if m.Name != "fraud" || m.Version != 1 || !m.Proven || m.Digest != b.Digest || m.Outputs != 1 || m.Values != 1 || m.Bits != 32 || m.Output != 0 {
		t.Errorf("%+v", m)
	}
	if len(m.Columns) != 15 || len(m.Features) != 15 || len(m.Counters.Missing) != 15 || m.Columns[0].Name != "amount" {
		t.Errorf("%d columns, %d features, %d counters", len(m.Columns), len(m.Features), len(m.Counters.Missing))
	}
	if m.Policy() != own {
		t.Error("the bundle's own policy does not decide")
	}
	other := &policy.Policy{Version: "other"}
	if m := NewModel(b, other, metrics); m.Policy() != other {
		t.Error("the policy that is given does not win")
	}
}

func TestWhatCouldBeSelectedIsTold(t *testing.T) {
	m := &Model{Name: "kinds", Values: 3}
	if got := m.OutputChoice(); !strings.Contains(got, "kinds has 3 outputs") || !strings.Contains(got, "output: 0 to 2") {
		t.Error(got)
	}
	m.Labels = []string{"card", "account", "none"}
	if got := m.OutputChoice(); !strings.Contains(got, "output: card, account, none") {
		t.Error(got)
	}
}

func TestAPinnedVersionIsLive(t *testing.T) {
	m := telemetry.New(telemetry.Options{})
	models := []*Model{version(m, "fraud", 9), version(m, "fraud", 10), version(m, "abuse", 2)}
	r, err := New(models, map[string]int{"fraud": 9})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int{"fraud": 9, "fraud@10": 10, "abuse": 2} {
		if got, err := r.Resolve([]byte(name)); err != nil || got.Version != want {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	if r, err = New(models[:2], map[string]int{"fraud": 9}); err != nil || r.Only().Version != 9 {
		t.Errorf("%v, %v", r, err)
	}
	for _, pins := range []map[string]int{{"fraud": 8}, {"other": 1}} {
		if _, err := New(models, pins); err == nil {
			t.Errorf("%v: a pin to nothing", pins)
		}
	}
}
