//go:build linux

package main

import (
	"fmt"
	"io"

	"github.com/besra-ml/besra/bench/internal/report"
)

// print writes the results as tables.
func (r results) Print(w io.Writer) error {
	fmt.Fprintf(w, "Server: besra serve beside an empty net/http handler, 500 trees of depth 6, one row a request.\n%v\n\n", r.Machine)
	fmt.Fprintf(w, "%d of %d answers have the bits of XGBoost's margins. A request's body has %d bytes, an answer's %d; %d connections.\n\n",
		r.Exact, r.Exact, r.Request, r.Answer, r.Connections)
	table := [][]string{{"", "besra", "empty handler", "besra's share", "target", "rounds"}}
	for _, m := range r.Measures {
		table = append(table, []string{
			m.What, amount(report.Median(m.Besra), m.Unit), amount(report.Median(m.Empty), m.Unit),
			fmt.Sprintf("%.2f", m.Ratio), m.Target.Says(m.Ratio, ""), fmt.Sprint(len(m.Besra)),
		})
	}
	for _, f := range r.Figures {
		table = append(table, []string{f.What, amount(f.Value, f.Unit), "", "", f.Target.Says(f.Value, " "+f.Unit), ""})
	}
	if err := report.Table(w, table); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w, "\nMedians of the rounds; shares are medians of the rounds' ratios.")
	return err
}

func amount(v float64, unit string) string {
	if unit == "/s" {
		return fmt.Sprintf("%.0f /s", v)
	}
	return fmt.Sprintf("%.1f %s", v, unit)
}
