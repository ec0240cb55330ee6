package telemetry

import (
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

// Kind says how the values of a family are to be read.
type Kind uint8

// The kinds.
const (
	CounterKind Kind = iota
	GaugeKind
	HistogramKind
)

// A Family is one metric with all its series, as an exporter sees it.
type Family struct {
	Name   string
	Help   string
	Kind   Kind
	Labels []string // names
	Series []Series // ordered by label values
}

// A Series is one combination of label values and what it stands at.
type Series struct {
	Values  []string // of Family.Labels; valid UTF-8 of bounded length
	Value   float64  // of a counter or gauge
	Buckets *Buckets // of a histogram
}

// Families reads metrics, one family at a time: those of these names, or every one.
func (m *Metrics) Families(names ...string) iter.Seq[Family] {
	return func(yield func(Family) bool) {
		for _, f := range m.families {
			if len(names) > 0 && !slices.Contains(names, f.name()) {
				continue
			}
			if !yield(f.read()) {
				return
			}
		}
	}
}

type reader interface {
	name() string
	read() Family
}

type instrument interface{ read(*Series) }

// family makes and keeps the series of one metric. Whoever counts holds a series; it is looked up when a model, a route or a
// key is new.
type family[T instrument] struct {
	about  Family // without series
	make   func() T
	mu     sync.RWMutex
	series map[key]T
}

const (
	maxLabels = 4
	maxSeries = 10_000 // a family; what comes later is counted together, under "other"
	maxValue  = 256    // bytes of a label value
)

// key holds the values of a family's labels, the rest empty.
type key [maxLabels]string

func keyOf(values ...string) key {
	var k key
	for i, v := range values {
		k[i] = clean(v)
	}
	return k
}

// clean makes a label value out of any bytes: valid UTF-8, as exporters require, and not too long.
func clean(v string) string {
	v = strings.ToValidUTF8(v, string(utf8.RuneError))
	if len(v) <= maxValue {
		return v
	}
	end := maxValue
	for !utf8.RuneStart(v[end]) {
		end--
	}
	return v[:end]
}

func newFamily[T instrument](d definition, make func() T) *family[T] {
	return &family[T]{
		about: Family{Name: d.name, Help: d.help, Kind: d.kind, Labels: d.labels}, make: make, series: map[key]T{},
	}
}

// with returns the series of these label values, made if need be.
func (f *family[T]) with(values ...string) T {
	k := keyOf(values...)
	f.mu.RLock()
	series, ok := f.series[k]
	f.mu.RUnlock()
	if ok {
		return series
	}
	return f.withAll([]key{k})[0]
}

// withAll returns the series of all keys, made if need be.
func (f *family[T]) withAll(keys []key) []T {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := make([]T, len(keys))
	for i, k := range keys {
		s, ok := f.series[k]
		if !ok && len(f.series) >= maxSeries {
			k = f.other()
			s, ok = f.series[k]
		}
		if !ok {
			s = f.make()
			f.series[k] = s
		}
		all[i] = s
	}
	return all
}

func (f *family[T]) other() key {
	var k key
	for i := range f.about.Labels {
		k[i] = "other"
	}
	return k
}

func (f *family[T]) drop(values ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.series, keyOf(values...))
}

// dropAll drops the series whose first label values these are.
func (f *family[T]) dropAll(values ...string) {
	first := keyOf(values...)
	f.mu.Lock()
	defer f.mu.Unlock()
	maps.DeleteFunc(f.series, func(k key, _ T) bool { return slices.Equal(k[:len(values)], first[:len(values)]) })
}

func (f *family[T]) name() string { return f.about.Name }

func (f *family[T]) read() Family {
	f.mu.RLock()
	series := maps.Clone(f.series)
	f.mu.RUnlock()
	keys := slices.SortedFunc(maps.Keys(series), func(a, b key) int { return slices.Compare(a[:], b[:]) })
	out := f.about
	out.Series = make([]Series, len(keys))
	for i, k := range keys {
		out.Series[i].Values = k[:len(out.Labels):len(out.Labels)]
		series[k].read(&out.Series[i])
	}
	return out
}
