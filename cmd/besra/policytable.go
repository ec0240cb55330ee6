package main

import (
	"fmt"
	"math"
	"strings"

	"github.com/besra-ml/besra/internal/tools/policyfit"
)

// A fitTable shows what proposed cutoffs do.
type fitTable struct {
	policyfit.Proposal
	costs policyfit.Costs
	all   policyfit.Tally
}

func (t fitTable) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-9s %12s %8s %9s %17s %17s %15s\n", "", "payments", "share", "frauds", "money", "money of frauds", "cost")
	row := func(name string, s policyfit.Tally, cost float64) {
		fmt.Fprintf(&b, "%-9s %12s %8s %9s %17s %17s %15s\n", name, count(s.Payments), percent(s.Payments, t.all.Payments),
			count(s.Frauds), policyfit.Money(s.Money, 2), policyfit.Money(s.Lost, 2), policyfit.Money(cost, 2))
	}
	row("approve", t.Approved, t.costs.Approved(t.Approved))
	row("review", t.Reviewed, t.costs.Reviewed(t.Reviewed))
	row("decline", t.Refused, t.costs.Declined(t.Refused))
	row("all", t.all, t.Cost)

	stopped := t.Refused.Frauds + t.Reviewed.Frauds
	fmt.Fprintf(&b, "\n%-9s %s of the declined are fraud, %s of the declined and reviewed\n", "precision",
		percent(t.Refused.Frauds, t.Refused.Payments), percent(stopped, t.Refused.Payments+t.Reviewed.Payments))
	fmt.Fprintf(&b, "%-9s %s of the frauds are declined, %s declined or reviewed\n", "recall",
		percent(t.Refused.Frauds, t.all.Frauds), percent(stopped, t.all.Frauds))

	fmt.Fprintf(&b, "\ncost %18s  %s\n", policyfit.Money(t.Cost, 2), t.cutoffs())
	for _, other := range []struct {
		name string
		cost float64
	}{
		{"approve everything", t.costs.Approved(t.all)},
		{"review everything", t.costs.Reviewed(t.all)},
		{"decline everything", t.costs.Declined(t.all)},
	} {
		fmt.Fprintf(&b, "%-4s %18s  %s\n", "", policyfit.Money(other.cost, 2), other.name)
	}
	return b.String()
}

// cutoffs says what is proposed.
func (t fitTable) cutoffs() string {
	review, decline := !math.IsNaN(t.Review), !math.IsNaN(t.Decline)
	switch {
	case review && decline:
		return fmt.Sprintf("review from %v, decline from %v", t.Review, t.Decline)
	case review:
		return fmt.Sprintf("review from %v, decline nothing", t.Review)
	case decline:
		return fmt.Sprintf("decline from %v, review nothing", t.Decline)
	}
	return "approve everything: no cutoff pays"
}

func percent(part, whole int) string {
	if whole == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f %%", 100*float64(part)/float64(whole))
}
