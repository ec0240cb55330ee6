package main

import (
	"fmt"
	"io"

	"github.com/besra-ml/besra/bench/internal/report"
)

// print writes the results as tables.
func (r results) Print(w io.Writer) error {
	fmt.Fprintf(w, "Engine: besra beside XGBoost 3.2.0, one thread.\n%v\n\n", r.Machine)
	for _, m := range r.Models {
		fmt.Fprintf(w, "%s: %s, %d features. %d of %d rows have the same bits in all three, margins and values.\n",
			m.Name, m.What, m.Features, m.Exact, m.Exact)
	}
	fmt.Fprintln(w)
	table := [][]string{{"model", "output", "rows a call", "besra µs/row", "C API µs/row", "Python µs/row", "besra is faster than the C API", "target", "than Python"}}
	for _, c := range r.Contests {
		table = append(table, []string{
			c.Model, c.Output, fmt.Sprint(c.Rows),
			micros(c.Median[besraLibrary]), micros(c.Median[capi]), micros(c.Median[python]),
			times(c.Faster[capi]), c.Target.Says(c.Faster[capi], "×"), times(c.Faster[python]),
		})
	}
	if err := report.Table(w, table); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\nMedians of %d rounds; times faster are medians of the rounds' ratios.\n", len(r.Contests[0].Rounds[besraLibrary]))
	return err
}

// micros gives three digits, or whole microseconds.
func micros(ns float64) string {
	if us := ns / 1e3; us < 100 {
		return fmt.Sprintf("%.3g", us)
	}
	return fmt.Sprintf("%.0f", ns/1e3)
}

func times(ratio float64) string { return fmt.Sprintf("%.1f×", ratio) }
