// Package models embeds the demo, a proven bundle, and knows what its model card promises. Both are made by
// training/train.py; docs/model-card.md describes them.
package models

import (
	"embed"
	"io/fs"
)

//go:embed fraud/1
var bundles embed.FS

// Demo is the demo's bundle; bundle.yaml lies at its root.
func Demo() fs.FS {
	bundle, _ := fs.Sub(bundles, "fraud/1") // fails for an invalid path only
	return bundle
}

// Figures are what came of payments that the model has not seen, by decision: the last days of the simulation by
// its defaults.
type Figures struct {
	FirstDay, LastDay        int // of the simulation, from 0
	Approve, Review, Decline Decided
}

// Decided is what got one decision.
type Decided struct{ Payments, Frauds int }

// Card returns the figures of docs/model-card.md.
func Card() Figures {
	return Figures{
		FirstDay: 154, LastDay: 182,
		Approve: Decided{277_619, 512},
		Review:  Decided{2_759, 546},
		Decline: Decided{1_430, 1_388},
	}
}

// Precision is the share of what was reviewed or declined that was fraud.
func (f Figures) Precision() float64 {
	return float64(f.Review.Frauds+f.Decline.Frauds) / float64(f.Review.Payments+f.Decline.Payments)
}

// Recall is the share of fraud that was reviewed or declined.
func (f Figures) Recall() float64 {
	caught := f.Review.Frauds + f.Decline.Frauds
	return float64(caught) / float64(f.Approve.Frauds+caught)
}
