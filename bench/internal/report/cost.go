package report

import (
	"fmt"
	"io"
)

// Spent is what a server spent, µs of processor time a request, in each round.
type Spent struct {
	What string    `json:"what"`
	CPU  []float64 `json:"cpu"`
}

// A Cost is what something costs that one server does and another does not, in per cent of what an empty handler costs.
type Cost struct {
	What   string    `json:"what"`
	Micros float64   `json:"micros"` // median of the rounds' differences
	Rounds []float64 `json:"rounds"`
	Share  float64   `json:"share"` // their median
	Target Target    `json:"target"`
}

// CostOf returns what with costs more than without. All have as many rounds.
func CostOf(with, without, empty Spent, target float64) Cost {
	c := Cost{What: with.What, Target: Target{Value: target, AtMost: true}}
	var more []float64
	for i := range with.CPU {
		more = append(more, with.CPU[i]-without.CPU[i])
		c.Rounds = append(c.Rounds, 100*more[i]/empty.CPU[i])
	}
	c.Micros, c.Share = Median(more), Median(c.Rounds)
	return c
}

// Costs are those of several things, and what was measured for them.
type Costs struct {
	Machine Machine `json:"machine"`
	Servers []Spent `json:"servers"`
	Costs   []Cost  `json:"shares"`
}

// Missed reports whether a cost is above its target.
func (c Costs) Missed() bool {
	for _, one := range c.Costs {
		if !one.Target.Met(one.Share) {
			return true
		}
	}
	return false
}

// PrintCosts writes c as tables, of what it is about.
func (c Costs) PrintCosts(w io.Writer, title, what string) error {
	fmt.Fprintf(w, "%s\n%v\n\n", title, c.Machine)
	table := [][]string{{"", "processor time a request", "rounds"}}
	for _, s := range c.Servers {
		table = append(table, []string{s.What, fmt.Sprintf("%.2f µs", Median(s.CPU)), fmt.Sprint(len(s.CPU))})
	}
	if err := Table(w, table); err != nil {
		return err
	}
	fmt.Fprintln(w)
	table = [][]string{{what, "more than without", "of the empty handler's", "target"}}
	for _, one := range c.Costs {
		table = append(table, []string{
			one.What, fmt.Sprintf("%+.2f µs", one.Micros), fmt.Sprintf("%+.1f %%", one.Share), one.Target.Says(one.Share, " %"),
		})
	}
	if err := Table(w, table); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w, "\nMedians of the rounds; shares are medians of the rounds' shares.")
	return err
}
