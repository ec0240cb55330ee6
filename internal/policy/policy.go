// Package policy turns a score into a decision, by cutoffs and lists that are versioned apart from the model.
//
// An event is judged in this order: the first list that has one of its entities decides; without one the
// cutoffs judge the score; without a score there is the fallback.
package policy

import (
	"fmt"
	"math"
	"strings"
)

// A Decision is what to do with an event.
type Decision uint8

// The decisions. None is the absence of one, such as where there is no score to judge by.
const (
	None Decision = iota
	Approve
	Review
	Decline
)

// String returns the word for d, "" for None.
func (d Decision) String() string {
	switch d {
	case None:
		return ""
	case Approve:
		return "approve"
	case Review:
		return "review"
	case Decline:
		return "decline"
	}
	return fmt.Sprintf("Decision(%d)", uint8(d))
}

// A Policy is a version of the rules that one model's scores are judged by. Once its lists are read it does
// not change.
type Policy struct {
	Version  string
	Review   float64  // scores from here on are reviewed; NaN: none is
	Decline  float64  // scores from here on are declined; NaN: none is
	Lists    []*List  // the first that has one of an event's entities decides, whatever the score
	Fallback Decision // when there is no score; None: no decision then
}

// Decide judges a score. One that is NaN or infinite is no score, and gets the fallback. What the lists say
// goes before: for each of p.Lists, List.Has.
func (p *Policy) Decide(score float64) Decision {
	switch {
	case math.IsNaN(score) || math.IsInf(score, 0):
		return p.Fallback
	case score >= p.Decline:
		return Decline
	case score >= p.Review:
		return Review
	}
	return Approve
}

// String shows the rules.
func (p *Policy) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "policy %s", p.Version)
	for _, l := range p.Lists {
		fmt.Fprintf(&b, ", %s", l)
	}
	if !math.IsNaN(p.Review) {
		fmt.Fprintf(&b, ", review from %v", p.Review)
	}
	if !math.IsNaN(p.Decline) {
		fmt.Fprintf(&b, ", decline from %v", p.Decline)
	}
	if p.Fallback != None {
		fmt.Fprintf(&b, ", %s without a score", p.Fallback)
	}
	return b.String()
}
