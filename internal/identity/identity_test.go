package identity

import (
	"slices"
	"testing"
)

func TestScopesAreReadAsTheyAreWritten(t *testing.T) {
	var all Scopes
	for _, name := range ScopeNames() {
		s, err := ParseScope(name)
		if err != nil {
			t.Fatal(err)
		}
		if s.String() != name || all.Has(s) {
			t.Errorf("%s is read as %v, and was there: %v", name, s, all)
		}
		all |= s
	}
	if all != All {
		t.Errorf("all names make %v", all)
	}
	if got := (Score | Labels).Names(); !slices.Equal(got, []string{"score", "labels"}) {
		t.Errorf("names %v", got)
	}
	for _, name := range []string{"", "Score", "scores", "all", "*"} {
		if s, err := ParseScope(name); err == nil {
			t.Errorf("%q is read as %v", name, s)
		}
	}
}

func TestAnIdentityThatIsBoundToModelsSeesNoOthers(t *testing.T) {
	free, bound, none := &Identity{}, &Identity{Models: []string{"fraud"}}, &Identity{Models: []string{}}
	if !free.Sees("fraud") || !bound.Sees("fraud") || none.Sees("fraud") || bound.Sees("fraud-2") || bound.Sees("") {
		t.Error("it sees what it may not, or not what it may")
	}
}
