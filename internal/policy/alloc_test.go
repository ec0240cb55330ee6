//go:build !race

package policy_test

import (
	"math/rand/v2"
	"testing"

	"github.com/besra-ml/besra/internal/policy"
)

func TestJudgingTakesNoMemory(t *testing.T) {
	l := &policy.List{}
	r := rand.New(rand.NewPCG(1, 2))
	if err := l.Read(&endless{r: r, left: 1000}, -1); err != nil {
		t.Fatal(err)
	}
	p := &policy.Policy{Review: 0.2, Decline: 0.8, Lists: []*policy.List{l, l}}
	h := uniform(r)
	if n := testing.AllocsPerRun(1000, func() {
		for _, l := range p.Lists {
			if l.Has(h) {
				t.Error("has what it has not")
			}
		}
		if p.Decide(0.5) != policy.Review {
			t.Error("wrong decision")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
