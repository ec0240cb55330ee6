package policy_test

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/besra-ml/besra/internal/policy"
)

func TestACutoffBelongsToTheStricterSide(t *testing.T) {
	p := policy.Policy{Review: 0.35, Decline: 0.85}
	for score, want := range map[float64]policy.Decision{
		-1: policy.Approve, 0: policy.Approve, math.Nextafter(0.35, 0): policy.Approve,
		0.35: policy.Review, math.Nextafter(0.85, 0): policy.Review,
		0.85: policy.Decline, 1: policy.Decline, 7: policy.Decline,
		math.NaN(): policy.None, math.Inf(1): policy.None, math.Inf(-1): policy.None,
	} {
		if got := p.Decide(score); got != want {
			t.Errorf("Decide(%v) = %q, want %q", score, got, want)
		}
	}
}

func TestAnAbsentCutoffNeverApplies(t *testing.T) {
	for _, c := range []struct {
		cutoffs string
		at      [3]policy.Decision // of 0.2, 0.5 and 0.9
	}{
		{"{review: 0.4}", [3]policy.Decision{policy.Approve, policy.Review, policy.Review}},
		{"{decline: 0.4}", [3]policy.Decision{policy.Approve, policy.Decline, policy.Decline}},
		{"{review: 0.6, decline: 0.6}", [3]policy.Decision{policy.Approve, policy.Approve, policy.Decline}},
		{"{review: -2, decline: 0.7}", [3]policy.Decision{policy.Review, policy.Review, policy.Decline}},
	} {
		p, err := policy.Parse("policy.yaml", []byte("besra: 1\nversion: v\ncutoffs: "+c.cutoffs+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		if got := [3]policy.Decision{p.Decide(0.2), p.Decide(0.5), p.Decide(0.9)}; got != c.at {
			t.Errorf("%s decides %v, want %v", c.cutoffs, got, c.at)
		}
	}
}

func TestParse(t *testing.T) {
	got, err := policy.Parse("policy.yaml", []byte("besra: 1\nversion: \"2026-11-01\"\ncutoffs: {review: 0.35, decline: 0.85}        # score >= cutoff\n"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&policy.Policy{Version: "2026-11-01", Review: 0.35, Decline: 0.85}, got); diff != "" {
		t.Error(diff)
	}
	if got.String() != "policy 2026-11-01, review from 0.35, decline from 0.85" {
		t.Error(got)
	}
}

func TestParseSet(t *testing.T) {
	got, err := policy.ParseSet("policy.yaml", []byte(`
models:
  fraud: {version: 7, cutoffs: {review: 0.1, decline: 0.2}}
  account-takeover:
    version: "2026-11-01"
    cutoffs: {decline: 0.9}
`))
	if err != nil {
		t.Fatal(err)
	}
	want := policy.Set{
		"fraud":            {Version: "7", Review: 0.1, Decline: 0.2},
		"account-takeover": {Version: "2026-11-01", Review: math.NaN(), Decline: 0.9},
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateNaNs()); diff != "" {
		t.Error(diff)
	}
}

func TestRefusals(t *testing.T) {
	const head = "besra: 1\nversion: v\n"
	for name, c := range map[string]struct{ text, want string }{
		"lists, which do not work yet":    {head + "cutoffs: {review: 1}\nlists: []\n", "policy.yaml:4: lists: is not supported by this version"},
		"a fallback that cannot work yet": {head + "fallback: review\n", "policy.yaml:3: fallback: is not supported by this version"},
		"review above decline":            {head + "cutoffs: {review: 0.9, decline: 0.8}\n", "policy.yaml:3: cutoffs: review 0.9 is above decline 0.8"},
		"a cutoff that is text":           {head + "cutoffs: {review: \"0.9\"}\n", `policy.yaml:3: cutoffs.review: want a number, not "0.9"`},
		"a cutoff that is not finite":     {head + "cutoffs: {review: .inf}\n", "cutoffs.review: want a number"},
		"a cutoff that is NaN":            {head + "cutoffs: {review: .nan}\n", "cutoffs.review: want a number"},
		"a cutoff beyond float64":         {head + "cutoffs: {review: 1e400}\n", "beyond the range"},
		"an unknown cutoff":               {head + "cutoffs: {refuse: 0.9}\n", `unknown member "refuse"`},
		"an unknown member":               {head + "cutofs: {review: 0.9}\n", `unknown member "cutofs", did you mean "cutoffs"?`},
		"no cutoffs":                      {head, "cutoffs: is missing"},
		"empty cutoffs":                   {head + "cutoffs: {}\n", "cutoffs: is missing"},
		"no version":                      {"besra: 1\ncutoffs: {review: 1}\n", "version: is missing"},
		"an empty version":                {"besra: 1\nversion: \"\"\ncutoffs: {review: 1}\n", "version: want 1 to 128 bytes"},
		"a version with a line break":     {"besra: 1\nversion: \"a\\nb\"\ncutoffs: {review: 1}\n", "version: want 1 to 128 bytes"},
		"another layout":                  {"besra: 2\nversion: v\ncutoffs: {review: 1}\n", "policy.yaml:1: besra: layout 2 is not known"},
		"no layout":                       {"version: v\ncutoffs: {review: 1}\n", "besra: is missing"},
		"the form that is given apart":    {"models: {}\n", `unknown member "models"`},
		"nothing":                         {"", "want a map"},
	} {
		t.Run("a bundle's policy with "+name+" is refused", func(t *testing.T) {
			_, err := policy.Parse("policy.yaml", []byte(c.text))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	for name, c := range map[string]struct{ text, want string }{
		"no models":             {"besra: 1\n", "models: is missing"},
		"a bundle's form":       {head + "cutoffs: {review: 1}\n", `unknown member "version"`},
		"a name with a capital": {"models: {Fraud: {version: 1, cutoffs: {review: 1}}}\n", "models.Fraud: want a model's name"},
		"a model without rules": {"models:\n  fraud:\n", "models.fraud: want a map"},
		"lists":                 {"models:\n  fraud:\n    version: 1\n    lists: []\n", "policy.yaml:4: models.fraud.lists: is not supported"},
		"a layout inside":       {"models: {fraud: {besra: 1, version: 1, cutoffs: {review: 1}}}\n", `unknown member "besra"`},
	} {
		t.Run("a set with "+name+" is refused", func(t *testing.T) {
			_, err := policy.ParseSet("policy.yaml", []byte(c.text))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
