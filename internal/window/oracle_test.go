package window

import (
	"math"
	"math/big"
	"slices"
)

// An oracle is a history as plain lists, which answers by looking at all of it, with big integers.
type oracle struct {
	spec            Spec
	retention       int64 // this and all times in ms, or steps
	lateness        int64
	newest, settled int64
	events          []Entry
	marks           map[int64][]int64
}

func newOracle(s Spec) *oracle {
	o := &oracle{spec: s, marks: map[int64][]int64{}}
	for _, a := range s.Asks {
		o.retention = max(o.retention, o.unit(a.Window+a.Delay))
	}
	o.lateness = o.unitUp(s.Lateness)
	o.retention += o.lateness
	return o
}

func (o *oracle) unit(ms int64) int64 {
	if o.spec.Step == 0 {
		return ms
	}
	return ms / o.spec.Step
}

func (o *oracle) unitUp(ms int64) int64 {
	if o.spec.Step == 0 {
		return ms
	}
	return (ms + o.spec.Step - 1) / o.spec.Step
}

func (o *oracle) insert(e Entry) Kept {
	t := o.unit(e.Time)
	if t < o.newest-o.lateness {
		return Late
	}
	o.settled, o.newest = o.newest, max(o.newest, t)
	o.events = append(o.events, Entry{Time: t, Values: slices.Clone(e.Values)})
	return Remembered
}

// at returns the indexes of the events of time t.
func (o *oracle) at(t int64) []int {
	var at []int
	for i, e := range o.events {
		if e.Time == t {
			at = append(at, i)
		}
	}
	return at
}

func (o *oracle) remove(e Entry) bool {
	t := o.unit(e.Time)
	at := o.at(t)
	if t <= o.newest-o.retention || len(o.marks[t]) >= len(at) {
		return false
	}
	for _, i := range at {
		if !slices.Equal(o.events[i].Values, e.Values) {
			continue
		}
		o.events = slices.Delete(o.events, i, i+1)
		if len(at) == 1 && t > o.settled {
			o.newest = o.settled
		}
		return true
	}
	return false
}

func (o *oracle) mark(at, from, to int64) bool {
	t, from, to := o.unit(at), o.unitUp(from), o.unitUp(to)
	if !o.spec.Labels || t <= o.newest-o.retention {
		return false
	}
	marks := o.marks[t]
	i := slices.Index(marks, from)
	switch {
	case from == 0 && len(marks) >= len(o.at(t)), from != 0 && i < 0:
		return false
	case from == to:
		return true
	}
	if from != 0 {
		marks = slices.Delete(marks, i, i+1)
	}
	if to != 0 {
		marks = append(marks, to)
	}
	o.marks[t] = marks
	if o.spec.Step > 0 {
		o.settled = o.newest
	}
	return true
}

// window returns the events of a's window as of t, and how many of them have a mark that is in effect.
func (o *oracle) window(a Ask, t int64) (events []Entry, marked int) {
	delay, span := o.unit(a.Delay), o.unit(a.Window)
	seen := map[int64]bool{}
	for _, e := range o.events {
		if e.Time <= t-delay-span || e.Time > t-delay || e.Time <= o.newest-o.retention {
			continue
		}
		events = append(events, e)
		if seen[e.Time] {
			continue
		}
		seen[e.Time] = true
		for _, m := range o.marks[e.Time] {
			if m <= t {
				marked++
			}
		}
	}
	return events, marked
}

func (o *oracle) read(e Entry) []float64 {
	answers := make([]float64, 0, len(o.spec.Asks))
	for _, a := range o.spec.Asks {
		answers = append(answers, o.answer(a, e))
	}
	return answers
}

func (o *oracle) answer(a Ask, current Entry) float64 {
	t := o.unit(current.Time)
	others, marked := o.window(a, t)
	all := slices.Clone(others)
	if a.Delay == 0 && !a.Without {
		all = append(all, Entry{Time: t, Values: current.Values})
	}
	byTime := func(x, y Entry) int { return int(x.Time - y.Time) }
	switch a.Kind {
	case Count:
		return float64(len(all))
	case FraudShare:
		if len(all) == 0 {
			return a.Empty
		}
		return float64(marked) / float64(len(all))
	case SinceLast:
		if len(others) == 0 {
			return a.Empty
		}
		return float64(t-slices.MaxFunc(others, byTime).Time) / 1000
	case SinceFirst:
		if len(all) == 0 {
			return a.Empty
		}
		return float64(t-slices.MinFunc(all, byTime).Time) / 1000
	}
	var values []int64
	for _, e := range all {
		if x := e.Values[a.Value]; x != Missing {
			values = append(values, x)
		}
	}
	return answerValues(a, values, math.Pow10(o.spec.Values[a.Value].Decimals))
}

func answerValues(a Ask, values []int64, scale float64) float64 {
	n, sum, squares := int64(len(values)), new(big.Int), new(big.Int)
	different := map[int64]bool{}
	for _, x := range values {
		b := big.NewInt(x)
		sum.Add(sum, b)
		squares.Add(squares, b.Mul(b, b))
		different[x] = true
	}
	switch a.Kind {
	case Distinct:
		return float64(len(different))
	case Sum:
		return nearest(sum) / scale
	}
	if n == 0 || a.Kind == Std && n < 2 {
		return a.Empty
	}
	switch a.Kind {
	case Mean:
		return nearest(sum) / (float64(n) * scale)
	case Min:
		return float64(slices.Min(values)) / scale
	case Max:
		return float64(slices.Max(values)) / scale
	}
	difference := squares.Sub(squares.Mul(squares, big.NewInt(n)), sum.Mul(sum, sum))
	return math.Sqrt(nearest(difference)/(float64(n)*float64(n-1))) / scale
}

func nearest(x *big.Int) float64 {
	f, _ := new(big.Float).SetInt(x).Float64()
	return f
}
