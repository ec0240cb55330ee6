// Package policy turns a score into a decision, by cutoffs that are versioned apart from the model.
package policy

import (
	"fmt"
	"math"
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

// A Policy is a version of the rules that one model's scores are judged by.
type Policy struct {
	Version string
	Review  float64 // scores from here on are reviewed; NaN: none is
	Decline float64 // scores from here on are declined; NaN: none is
}

// Decide judges a score. One that is NaN or infinite is no score, and gets no decision.
func (p *Policy) Decide(score float64) Decision {
	switch {
	case math.IsNaN(score) || math.IsInf(score, 0):
		return None
	case score >= p.Decline:
		return Decline
	case score >= p.Review:
		return Review
	}
	return Approve
}
