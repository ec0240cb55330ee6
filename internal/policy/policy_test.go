package policy_test

import (
	"fmt"
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

// ignoreHashes compares lists by what the policy says of them.
var ignoreHashes = cmpopts.IgnoreUnexported(policy.List{})

func manyLists(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "- {entity: card, file: l%d, decision: decline}\n", i)
	}
	return b.String()
}

func TestListsAndFallbackAreRead(t *testing.T) {
	got, err := policy.Parse("policy.yaml", []byte(`
besra: 1
version: v
lists:
  - {entity: card, file: lists/blocked.txt, decision: decline}
  - {entity: terminal, file: trusted.txt, decision: approve}
fallback: review
`))
	if err != nil {
		t.Fatal(err)
	}
	want := &policy.Policy{
		Version: "v", Review: math.NaN(), Decline: math.NaN(), Fallback: policy.Review,
		Lists: []*policy.List{
			{Entity: "card", File: "lists/blocked.txt", Decision: policy.Decline},
			{Entity: "terminal", File: "trusted.txt", Decision: policy.Approve},
		},
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateNaNs(), ignoreHashes); diff != "" {
		t.Error(diff)
	}
	const text = "policy v, decline any of 0 of card in lists/blocked.txt, approve any of 0 of terminal in trusted.txt, review without a score"
	if got.String() != text {
		t.Error(got)
	}
}

func TestWithoutAScoreTheFallbackDecides(t *testing.T) {
	p := policy.Policy{Review: 0.3, Decline: 0.8, Fallback: policy.Decline}
	for _, score := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		if got := p.Decide(score); got != policy.Decline {
			t.Errorf("Decide(%v) = %q", score, got)
		}
	}
	if got := p.Decide(0); got != policy.Approve {
		t.Errorf("a score of 0 is %q", got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("besra: 1\nversion: v\ncutoffs: {review: 0.35, decline: 0.85}\nlists: [{entity: card, file: a/b.txt, decision: decline}]\nfallback: review\n")
	f.Add("models: {fraud: {version: 7, cutoffs: {decline: 1e-3}, fallback: approve, lists: [{entity: c, file: /x, decision: review}]}}\n")
	f.Fuzz(func(t *testing.T, text string) {
		check := func(p *policy.Policy) {
			known := func(d policy.Decision) bool { return d == policy.Approve || d == policy.Review || d == policy.Decline }
			if p.Version == "" || p.Review > p.Decline || p.Fallback != policy.None && !known(p.Fallback) {
				t.Fatalf("accepted %v", p)
			}
			for _, l := range p.Lists {
				if l.Entity == "" || l.File == "" || !known(l.Decision) {
					t.Fatalf("accepted %v", l)
				}
			}
		}
		if p, err := policy.Parse("policy.yaml", []byte(text)); err == nil {
			check(p)
		}
		if s, err := policy.ParseSet("policy.yaml", []byte(text)); err == nil {
			for _, p := range s {
				check(p)
			}
		}
	})
}

func TestRefusals(t *testing.T) {
	const head = "besra: 1\nversion: v\n"
	for name, c := range map[string]struct{ text, want string }{
		"a fallback alone":             {head + "fallback: review\n", "cutoffs: is missing; want review, decline or both, unless there are lists"},
		"an unknown fallback":          {head + "fallback: refuse\n", `policy.yaml:3: fallback: want approve, review or decline, not "refuse"`},
		"an empty list of lists":       {head + "lists: []\n", "cutoffs: is missing"},
		"lists that are none":          {head + "lists: blocked.txt\n", `policy.yaml:3: lists: want a list, not "blocked.txt"`},
		"a list without an entity":     {head + "lists: [{file: a, decision: decline}]\n", "policy.yaml:3: lists[0]: entity: is missing"},
		"a list without a file":        {head + "lists: [{entity: card, decision: decline}]\n", "lists[0]: file: is missing"},
		"a list without a decision":    {head + "lists: [{entity: card, file: a}]\n", "lists[0]: decision: is missing"},
		"a list that blocks":           {head + "lists: [{entity: card, file: a, decision: block}]\n", `lists[0].decision: want approve, review or decline, not "block"`},
		"a list of an unknown kind":    {head + "lists: [{entities: card, file: a, decision: decline}]\n", `unknown member "entities", did you mean "entity"?`},
		"a list outside of the bundle": {head + "lists: [{entity: card, file: ../a, decision: decline}]\n", `lists[0]: file: "../a" is no path within the bundle`},
		"a list at an absolute path":   {head + "lists: [{entity: card, file: /a, decision: decline}]\n", "is no path within the bundle"},
		"a list of another drive":      {head + "lists: [{entity: card, file: \"c:a\", decision: decline}]\n", "is no path within the bundle"},
		"a list that is the folder":    {head + "lists: [{entity: card, file: ., decision: decline}]\n", "is no path within the bundle"},
		"a list twice":                 {head + "lists:\n- {entity: card, file: a, decision: decline}\n- {entity: card, file: a, decision: review}\n", `policy.yaml:5: lists[1]: file: "a" is a list already`},
		"too many lists":               {head + "lists:\n" + manyLists(65), "policy.yaml:68: lists[64]: more than 64 lists"},
		"a long entity":                {head + "lists: [{entity: " + strings.Repeat("a", 65) + ", file: a, decision: decline}]\n", "lists[0].entity: want 1 to 64 bytes"},
		"review above decline":         {head + "cutoffs: {review: 0.9, decline: 0.8}\n", "policy.yaml:3: cutoffs: review 0.9 is above decline 0.8"},
		"a cutoff that is text":        {head + "cutoffs: {review: \"0.9\"}\n", `policy.yaml:3: cutoffs.review: want a number, not "0.9"`},
		"a cutoff that is not finite":  {head + "cutoffs: {review: .inf}\n", "cutoffs.review: want a number"},
		"a cutoff that is NaN":         {head + "cutoffs: {review: .nan}\n", "cutoffs.review: want a number"},
		"a cutoff beyond float64":      {head + "cutoffs: {review: 1e400}\n", "beyond the range"},
		"an unknown cutoff":            {head + "cutoffs: {refuse: 0.9}\n", `unknown member "refuse"`},
		"an unknown member":            {head + "cutofs: {review: 0.9}\n", `unknown member "cutofs", did you mean "cutoffs"?`},
		"no cutoffs":                   {head, "cutoffs: is missing"},
		"empty cutoffs":                {head + "cutoffs: {}\n", "cutoffs: is missing"},
		"no version":                   {"besra: 1\ncutoffs: {review: 1}\n", "version: is missing"},
		"an empty version":             {"besra: 1\nversion: \"\"\ncutoffs: {review: 1}\n", "version: want 1 to 128 bytes"},
		"a version with a line break":  {"besra: 1\nversion: \"a\\nb\"\ncutoffs: {review: 1}\n", "version: want 1 to 128 bytes"},
		"another layout":               {"besra: 2\nversion: v\ncutoffs: {review: 1}\n", "policy.yaml:1: besra: layout 2 is not known"},
		"no layout":                    {"version: v\ncutoffs: {review: 1}\n", "besra: is missing"},
		"the form that is given apart": {"models: {}\n", `unknown member "models"`},
		"nothing":                      {"", "want a map"},
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
		"a list outside":        {"models:\n  fraud:\n    version: 1\n    lists: [{entity: card, file: ../a, decision: decline}]\n", `policy.yaml:4: models.fraud.lists[0]: file: "../a" leads out of the policy's folder`},
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
