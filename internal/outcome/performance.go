package outcome

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

// An Age says which events a Performance is about, by how many days they lie behind the newest day.
type Age uint8

// The ages.
const (
	Week    Age = iota // 0 to 6 days
	Month              // 7 to 29 days
	Quarter            // 30 to 89 days
	All                // every event, those of later days included
	ageCount
)

// A Performance is how a version of a model did on events of an age. Money is in the units of Record.Loss.
type Performance struct {
	Model   string
	Version int
	Age     Age

	Events   int64
	Labelled int64
	Frauds   int64 // labelled fraud
	Flagged  int64 // events that were reviewed or declined, labelled or not

	Caught      int64 // frauds that were reviewed or declined
	CaughtLoss  int64
	Missed      int64 // frauds that were not
	MissedLoss  int64
	FalseAlarms int64 // genuine events that were reviewed or declined

	LabelledShare float64 // of events; NaN without events
	Precision     float64 // caught of caught and false alarms; NaN when there are none
	Recall        float64 // caught of frauds; NaN when there are none
}

// ages are the days behind the newest at which ages begin and end.
var ages = [ageCount][2]int64{Week: {0, 7}, Month: {7, 30}, Quarter: {30, 90}}

// String is the age's word.
func (a Age) String() string {
	return [...]string{Week: "0-7d", Month: "7-30d", Quarter: "30-90d", All: "all"}[min(a, All)]
}

// performance makes the figures: for each model and version, in that order, one for each age.
func (l *ledger) performance() []Performance {
	newest, _ := l.newest()
	type version struct {
		model  string
		number int64
	}
	sums := map[version]*[ageCount]counts{}
	for k, c := range l.cohorts {
		v := version{k.model, k.version}
		if sums[v] == nil {
			sums[v] = new([ageCount]counts)
		}
		for age, from := range ages {
			if behind := newest - k.day; Age(age) == All || behind >= from[0] && behind < from[1] {
				sums[v][age].plus(c)
			}
		}
	}
	figures := make([]Performance, 0, len(sums)*int(ageCount))
	for v, byAge := range sums {
		for age := range byAge {
			figures = append(figures, byAge[age].performance(v.model, int(v.number), Age(age)))
		}
	}
	slices.SortFunc(figures, func(a, b Performance) int {
		return cmp.Or(strings.Compare(a.Model, b.Model), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Age, b.Age))
	})
	return figures
}

func (c *counts) plus(d *counts) {
	for decision := range c {
		for label := range c[decision] {
			t, u := &c[decision][label], d[decision][label]
			t.count += u.count
			t.loss = saturated(t.loss, u.loss)
		}
	}
}

// saturated is a+b, or the end that it would pass.
func saturated(a, b int64) int64 {
	sum := a + b
	switch {
	case a > 0 && b > 0 && sum < 0:
		return math.MaxInt64
	case a < 0 && b < 0 && sum >= 0:
		return math.MinInt64
	}
	return sum
}

func (c *counts) performance(model string, version int, age Age) Performance {
	p := Performance{Model: model, Version: version, Age: age, Events: c.events()}
	for decision, labels := range c {
		flagged := uint8(decision) == Review || uint8(decision) == Decline
		p.Labelled += labels[Genuine].count + labels[Fraud].count
		p.Frauds += labels[Fraud].count
		if !flagged {
			p.Missed += labels[Fraud].count
			p.MissedLoss = saturated(p.MissedLoss, labels[Fraud].loss)
			continue
		}
		p.Flagged += labels[Unlabelled].count + labels[Genuine].count + labels[Fraud].count
		p.Caught += labels[Fraud].count
		p.CaughtLoss = saturated(p.CaughtLoss, labels[Fraud].loss)
		p.FalseAlarms += labels[Genuine].count
	}
	p.LabelledShare = float64(p.Labelled) / float64(p.Events) // 0/0 is NaN
	p.Precision = float64(p.Caught) / float64(p.Caught+p.FalseAlarms)
	p.Recall = float64(p.Caught) / float64(p.Frauds)
	return p
}
