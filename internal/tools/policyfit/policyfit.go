// Package policyfit finds the cutoffs that would have cost least on payments whose outcome is known.
//
// What a payment costs follows from what is done with it:
//
//	            fraud                          genuine
//	approve     its loss                       nothing
//	review      the review, and its loss       the review
//	            where the review misses it
//	decline     nothing                        what a good customer's refusal costs
//
// A score at a cutoff or above it is on the stricter side. The pair of cutoffs with the least total cost is
// found exactly: it is one of the ways to split the payments by their scores, and all of them are compared.
package policyfit

import (
	"math"
	"slices"
)

// MaxPayments bounds what is held in memory, at 16 bytes a payment.
const MaxPayments = 20_000_000

// A Payment is a score and what became of it. A fraud's amount is stored with its sign set, so that a payment
// takes 16 bytes: use NewPayment, Fraud and Amount.
type Payment struct {
	Score float64
	loss  float64
}

// NewPayment returns a payment of that score, which lies within ±1e300. amount is what is lost if it is a fraud and
// approved; it is finite and not negative.
func NewPayment(score, amount float64, fraud bool) Payment {
	amount = math.Abs(amount)
	if fraud {
		amount = math.Copysign(amount, -1)
	}
	return Payment{score + 0, amount} // -0 becomes 0, which it equals
}

// Fraud reports whether it is one.
func (p Payment) Fraud() bool { return math.Signbit(p.loss) }

// Amount is what is at stake.
func (p Payment) Amount() float64 { return math.Abs(p.loss) }

// Costs say what decisions cost.
type Costs struct {
	Review       float64 // of looking at a payment
	Catches      float64 // share of the reviewed frauds that the review finds, 0 to 1
	Decline      float64 // of declining a genuine payment, whatever its amount
	DeclineShare float64 // the same as a share of its amount; both are added
}

// A Tally sums up some payments.
type Tally struct {
	Payments, Frauds int
	Money            float64 // all amounts
	Lost             float64 // the amounts of frauds
}

func (t *Tally) add(p Payment) {
	t.Payments++
	t.Money += p.Amount()
	if p.Fraud() {
		t.Frauds++
		t.Lost += p.Amount()
	}
}

func (t Tally) minus(u Tally) Tally {
	return Tally{t.Payments - u.Payments, t.Frauds - u.Frauds, t.Money - u.Money, t.Lost - u.Lost}
}

// Approved is what t costs when all of it is approved.
func (c Costs) Approved(t Tally) float64 { return t.Lost }

// Reviewed is what t costs when all of it is reviewed.
func (c Costs) Reviewed(t Tally) float64 {
	return float64(t.Payments)*c.Review + (1-c.Catches)*t.Lost
}

// Declined is what t costs when all of it is declined.
func (c Costs) Declined(t Tally) float64 {
	return float64(t.Payments-t.Frauds)*c.Decline + (t.Money-t.Lost)*c.DeclineShare
}

// Payments are payments with known outcomes, by score.
type Payments struct {
	sorted []Payment
	All    Tally
}

// New sorts the payments, in place.
func New(payments []Payment) *Payments {
	// The order of equal scores is no matter for the cutoffs; it is fixed so that sums have the same bits
	// whatever order the payments come in.
	slices.SortFunc(payments, compare)
	p := &Payments{sorted: payments}
	for _, x := range payments {
		p.All.add(x)
	}
	return p
}

// compare orders by score. There is no NaN, which cmp.Compare would look for.
func compare(a, b Payment) int {
	switch {
	case a.Score < b.Score:
		return -1
	case a.Score > b.Score:
		return 1
	case a.loss < b.loss:
		return -1
	case a.loss > b.loss:
		return 1
	}
	return 0
}

// Range returns the lowest and the highest score; there must be payments.
func (p *Payments) Range() (lowest, highest float64) {
	return p.sorted[0].Score, p.sorted[len(p.sorted)-1].Score
}

// Probabilities reports whether all scores are from 0 to 1.
func (p *Payments) Probabilities() bool {
	lowest, highest := p.Range()
	return lowest >= 0 && highest <= 1
}

// below sums up the payments with scores below each of the cutoffs, which rise.
func (p *Payments) below(cutoffs []float64) []Tally {
	sums := make([]Tally, len(cutoffs))
	var sum Tally
	i := 0
	for k, c := range cutoffs {
		for ; i < len(p.sorted) && p.sorted[i].Score < c; i++ {
			sum.add(p.sorted[i])
		}
		sums[k] = sum
	}
	return sums
}
