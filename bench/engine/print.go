package main

import (
	"fmt"
	"io"

	"github.com/besra-ml/besra/bench/internal/report"
)

// Print writes the results as tables, one for each library.
func (r results) Print(w io.Writer) error {
	fmt.Fprintf(w, "Engine: besra beside the libraries that train models, one thread.\n%v\n", r.Machine)
	for _, t := range r.Libraries {
		if err := t.print(w); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "\nMedians of %d rounds; times faster are medians of the rounds' ratios.\n",
		len(r.Libraries[0].Contests[0].Rounds[besraLibrary]))
	return err
}

func (t table) print(w io.Writer) error {
	fmt.Fprintf(w, "\n%s\n\n", t.Library)
	for _, m := range t.Models {
		fmt.Fprintf(w, "%s: %s, %d features. %d of %d rows have the same bits in all contestants.\n",
			m.Name, m.What, m.Features, m.Exact, m.Exact)
	}
	fmt.Fprintln(w)
	head := []string{"model", "output", "rows a call", "besra µs/row"}
	for _, r := range t.rivals {
		head = append(head, r.says+" µs/row")
	}
	for i, r := range t.rivals {
		if i == 0 {
			head = append(head, "besra is faster than the "+r.says, "target")
		} else {
			head = append(head, "than "+r.says)
		}
	}
	rows := [][]string{head}
	for _, c := range t.Contests {
		row := []string{c.Model, c.Output, fmt.Sprint(c.Rows), micros(c.Median[besraLibrary])}
		for _, r := range t.rivals {
			row = append(row, micros(c.Median[r.name]))
		}
		for i, r := range t.rivals {
			if row = append(row, times(c.Faster[r.name])); i == 0 {
				row = append(row, c.Target.Says(c.Faster[r.name], "×"))
			}
		}
		rows = append(rows, row)
	}
	if err := report.Table(w, rows); err != nil {
		return err
	}
	fmt.Fprintln(w)
	rows = [][]string{{"model", "file", "opened in", "target", "memory, at most", "files", "target"}}
	for _, o := range t.Opened {
		rows = append(rows, []string{
			o.Model, mib(o.File), fmt.Sprintf("%.1f ms", o.Millis), o.Target.Says(o.Millis, " ms"),
			mib(o.Memory), fmt.Sprintf("%.1f", o.Times), o.Bound.Says(o.Times, ""),
		})
	}
	return report.Table(w, rows)
}

func mib(bytes int64) string { return fmt.Sprintf("%.2f MiB", float64(bytes)/(1<<20)) }

// micros gives three digits, or whole microseconds.
func micros(ns float64) string {
	if us := ns / 1e3; us < 100 {
		return fmt.Sprintf("%.3g", us)
	}
	return fmt.Sprintf("%.0f", ns/1e3)
}

func times(ratio float64) string { return fmt.Sprintf("%.1f×", ratio) }
