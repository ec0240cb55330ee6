package main

import (
	"fmt"
	"strings"
)

// A board is one dashboard: rows of panels, which flow from left to right.
type board struct {
	uid, title, about string
	variables         []variable // beside those that all have: datasource, job, instance
	rows              []row
}

// A row is a heading and what stands below it.
type row struct {
	title  string
	panels []panel
}

// A panel shows what its queries return.
type panel struct {
	kind          string // of Grafana's
	title, about  string
	unit          string
	width, height int // of 24 columns; 30 pixels
	queries       []query
	limits        []float64 // from which on values are yellow, and red; falling: down from which
	stacked       bool
	max           float64 // of the axis; 0: as it comes
}

// A query is PromQL, and what its series are called. {@} and {@, …} choose the processes that the reader has chosen.
type query struct {
	expr, legend string
	instant      bool // the last value alone
	format       string
}

// A variable is what the reader can choose: the values of a label.
type variable struct{ name, metric string }

const chosen = `job=~"$job", instance=~"$instance"`

func q(legend, expr string) query {
	return query{expr: strings.ReplaceAll(expr, "@", chosen), legend: legend}
}

// quantile is one of a histogram's, by labels: of its native form where Prometheus has that, else of its buckets.
func quantile(of float64, legend, by, histogram, matchers string) query {
	const (
		native  = `histogram_quantile(%[1]v, sum by (%[2]s) (rate(%[3]s{%[4]s}[$__rate_interval])))`
		classic = `histogram_quantile(%[1]v, sum by (%[5]s) (rate(%[3]s_bucket{%[4]s}[$__rate_interval])))`
	)
	le := "le"
	if by != "" {
		le = by + ", le"
	}
	return q(legend, fmt.Sprintf(native+" or "+classic, of, by, histogram, matchers, le))
}

// graph is lines over time, three beside one another.
func graph(title, unit, about string, queries ...query) panel {
	return panel{kind: "timeseries", title: title, unit: unit, about: about, width: 8, height: 8, queries: queries}
}

// stat is a number as it stands now, six beside one another.
func stat(title, unit, about string, queries ...query) panel {
	for i := range queries {
		queries[i].instant = true
	}
	return panel{kind: "stat", title: title, unit: unit, about: about, width: 4, height: 4, queries: queries}
}

// table is a line for each series.
func table(title, unit, about string, of query) panel {
	of.instant, of.format = true, "table"
	return panel{kind: "table", title: title, unit: unit, about: about, width: 8, height: 8, queries: []query{of}}
}

// heatmap is a histogram over time, in its native form where Prometheus has that, else in its buckets.
func heatmap(title, unit, about, histogram, matchers string) panel {
	const form = `sum(increase(%[1]s{%[2]s}[$__rate_interval])) or on () sum by (le) (increase(%[1]s_bucket{%[2]s}[$__rate_interval]))`
	of := q("{{le}}", fmt.Sprintf(form, histogram, matchers))
	of.format = "heatmap"
	return panel{kind: "heatmap", title: title, unit: unit, about: about, width: 8, height: 8, queries: []query{of}}
}

func (p panel) wide(columns int) panel        { p.width = columns; return p }
func (p panel) stack() panel                  { p.stacked = true; return p }
func (p panel) upTo(most float64) panel       { p.max = most; return p }
func (p panel) limit(limits ...float64) panel { p.limits = limits; return p }
