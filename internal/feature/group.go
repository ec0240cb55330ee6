package feature

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/besra-ml/besra/internal/window"
)

// A Group is all aggregates of one definition over one entity, or pair of entities, at one resolution: what one
// state holds.
type Group struct {
	// ID is a digest of everything that determines the group's states and answers: entities, values with their
	// decimals, labels, lateness, resolution and what is asked; not the names or the order of columns. It
	// never changes between releases for the same meaning.
	ID         Hash
	Entities   []string // one or two, in the order of their names
	Labels     bool     // events can be marked as fraud
	Lateness   int64    // ms
	Resolution int64    // ms; 0: exact
	Layout     *window.Layout

	values []value
	asks   []ask
}

// A value is a field that a group's states hold.
type value struct {
	name     string
	typ      FieldType
	decimals int // 0 for hashes
}

// An ask is an aggregate over a window, spelled so that equal asks are equal.
type ask struct {
	aggregate *aggregate
	of        string // the value's field; "": none
	window    int64  // ms
	delay     int64  // ms
	without   bool   // without the current event
	zero      bool   // 0 where the window is empty, else missing
}

// An aggregate is a word of features.yaml for what is asked of a window.
type aggregate struct {
	word   string
	kind   window.Kind
	of     ofWhat
	exact  bool // needs the events themselves: cannot be stepped
	filled bool // 0 where the window is empty, whatever is said
}

type ofWhat uint8

const (
	ofNothing ofWhat = iota
	ofNumber
	ofHash
)

// aggregates is the closed list. Its words are part of Groups' IDs.
var aggregates = [...]aggregate{
	{word: "count", kind: window.Count, filled: true},
	{word: "sum", kind: window.Sum, of: ofNumber, filled: true},
	{word: "mean", kind: window.Mean, of: ofNumber},
	{word: "min", kind: window.Min, of: ofNumber, exact: true},
	{word: "max", kind: window.Max, of: ofNumber, exact: true},
	{word: "std", kind: window.Std, of: ofNumber},
	{word: "distinct", kind: window.Distinct, of: ofHash, exact: true, filled: true},
	{word: "since_last", kind: window.SinceLast, exact: true},
	{word: "since_first", kind: window.SinceFirst, exact: true},
	{word: "fraud_share", kind: window.FraudShare},
}

func compareAsks(a, b ask) int {
	return cmp.Or(
		cmp.Compare(a.aggregate.word, b.aggregate.word),
		cmp.Compare(a.of, b.of),
		cmp.Compare(a.delay, b.delay),
		compareBools(a.without, b.without),
		compareBools(a.zero, b.zero),
		cmp.Compare(a.window, b.window),
	)
}

func compareBools(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// add has g answer a, over v where it is of a field.
func (g *Group) add(a ask, v value) {
	if !slices.Contains(g.asks, a) {
		g.asks = append(g.asks, a)
	}
	if a.of != "" && !slices.Contains(g.values, v) {
		g.values = append(g.values, v)
	}
	g.Labels = g.Labels || a.aggregate.kind == window.FraudShare
}

// compile puts what was added in its canonical order, lays out the states and computes the ID.
func (g *Group) compile() (err error) {
	slices.SortFunc(g.asks, compareAsks)
	slices.SortFunc(g.values, func(a, b value) int { return cmp.Compare(a.name, b.name) })
	g.ID = g.digest()
	g.Layout, err = window.Compile(g.spec())
	return err
}

func (g *Group) spec() window.Spec {
	s := window.Spec{Labels: g.Labels, Step: g.Resolution, Lateness: g.Lateness}
	for _, v := range g.values {
		s.Values = append(s.Values, window.Value{Hash: v.typ == Entity || v.typ == Text, Decimals: v.decimals})
	}
	for _, a := range g.asks {
		w := window.Ask{Kind: a.aggregate.kind, Window: a.window, Delay: a.delay, Without: a.without, Empty: math.NaN()}
		if a.zero {
			w.Empty = 0
		}
		w.Value = max(0, slices.IndexFunc(g.values, func(v value) bool { return v.name == a.of }))
		s.Asks = append(s.Asks, w)
	}
	return s
}

// digest spells the group's meaning out, a line for each thing, and hashes that. Names of fields have no spaces.
func (g *Group) digest() (id Hash) {
	var b strings.Builder
	fmt.Fprintf(&b, "besra group 1\nover %s\nlateness %d\nresolution %d\n",
		strings.Join(g.Entities, " "), g.Lateness, g.Resolution)
	for _, v := range g.values {
		fmt.Fprintf(&b, "value %s %v %d\n", v.name, v.typ, v.decimals)
	}
	for _, a := range g.asks {
		fmt.Fprintf(&b, "ask %s of %q window %d delay %d without %t zero %t\n",
			a.aggregate.word, a.of, a.window, a.delay, a.without, a.zero)
	}
	sum := sha256.Sum256([]byte(b.String()))
	copy(id[:], sum[:])
	return id
}

// windows counts the different windows.
func (g *Group) windows() int {
	seen := map[[2]int64]bool{}
	for _, a := range g.asks {
		seen[[2]int64{a.window, a.delay}] = true
	}
	return len(seen)
}

// String describes g for people: "card: count 1d 7d 30d, mean(amount) 1d 7d 30d".
func (g *Group) String() string {
	var b strings.Builder
	b.WriteString(strings.Join(g.Entities, "+"))
	if g.Resolution > 0 {
		b.WriteString(" by " + formatDuration(g.Resolution))
	}
	sep := ": "
	for i, a := range g.asks {
		if i > 0 && a.sameButWindow(g.asks[i-1]) {
			b.WriteString(" " + formatDuration(a.window))
			continue
		}
		b.WriteString(sep + a.aggregate.word)
		sep = ", "
		if a.of != "" {
			b.WriteString("(" + a.of + ")")
		}
		if a.without {
			b.WriteString(" of others")
		}
		if a.delay > 0 {
			b.WriteString(" until " + formatDuration(a.delay) + " before")
		}
		b.WriteString(" " + formatDuration(a.window))
	}
	return b.String()
}

// sameButWindow reports whether a reads like b to people, but for its window.
func (a ask) sameButWindow(b ask) bool {
	a.window, a.zero = b.window, b.zero
	return a == b
}
