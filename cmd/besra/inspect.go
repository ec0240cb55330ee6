package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/besra-ml/besra/internal/bundle"
	"github.com/besra-ml/besra/internal/drift"
	"github.com/besra-ml/besra/internal/feature"
)

func inspectVerb() *verb {
	return &verb{
		name: "inspect", args: "PATH", short: "shows what is in a model file or a bundle",
		long: `
  besra inspect fraud.ubj
  besra inspect models/fraud/3
  besra inspect --json fraud-3.zip | jq .columns
  besra inspect s3://bucket/models/fraud/3`,
		run: runInspect,
	}
}

func runInspect(ctx context.Context, e *environ, v *verb, args []string) error {
	var asJSON bool
	fs := v.flags()
	fs.BoolVar(&asJSON, "json", false, "print JSON")
	rest, err := v.parse(e, fs, args)
	switch {
	case err != nil:
		return err
	case len(rest) == 0:
		return usagef("name a model file or a bundle")
	case len(rest) > 1:
		return usagef("unexpected argument %q", rest[1])
	}
	return local(ctx, e, rest[0], func(path string) error { return inspect(e, path, asJSON) })
}

func inspect(e *environ, path string, asJSON bool) error {
	b, err := bundle.Open(path)
	if err != nil {
		return err
	}
	report, err := b.Prove()
	if err != nil && !errors.Is(err, bundle.ErrBare) && !errors.Is(err, bundle.ErrNotProven) {
		return fmt.Errorf("%s: %w", path, err)
	}
	i := inspected(b, report)
	if !asJSON {
		return i.print(e.stdout)
	}
	text, err := json.MarshalIndent(i, "", "  ")
	if err != nil {
		return err
	}
	_, err = e.stdout.Write(append(text, '\n'))
	return err
}

// An inspection is what inspect shows.
type inspection struct {
	Name          string            `json:"name"`
	Version       int               `json:"version"`
	Digest        string            `json:"digest"`
	File          string            `json:"file"`
	Bytes         int64             `json:"bytes"`
	Format        string            `json:"format"`
	Trainer       string            `json:"trainer,omitempty"`
	Objective     string            `json:"objective,omitempty"`
	Link          string            `json:"link"`
	Outputs       int               `json:"outputs"`
	ValueOnly     bool              `json:"value_only,omitempty"` // it has no margins
	Values        int               `json:"values"`
	Labels        []string          `json:"labels,omitempty"`
	Score         *int              `json:"score,omitempty"`
	Trees         int               `json:"trees"`
	Iterations    int               `json:"iterations"`
	BestIteration *int              `json:"best_iteration,omitempty"`
	RowBits       int               `json:"row_bits"`
	ResultBits    int               `json:"result_bits"`
	Missing       *float64          `json:"missing,omitempty"`
	Columns       []inspectedColumn `json:"columns"`
	Event         []inspectedField  `json:"event,omitempty"`
	Histories     []string          `json:"histories,omitempty"`
	Policy        *inspectedPolicy  `json:"policy,omitempty"`
	Memo          bool              `json:"memo,omitempty"`
	About         map[string]string `json:"about,omitempty"`
	Proof         inspectedProof    `json:"proof"`
	Reference     *inspectedRows    `json:"reference,omitempty"`
	Notes         []string          `json:"notes,omitempty"`

	about []bundle.Member // in their order
}

type inspectedColumn struct {
	Name       string   `json:"name"`
	Type       string   `json:"type"`
	Unit       string   `json:"unit,omitempty"`
	Text       string   `json:"text,omitempty"`
	Min        *float64 `json:"min,omitempty"`
	Max        *float64 `json:"max,omitempty"`
	OnBounds   string   `json:"on_bounds,omitempty"`
	Missing    string   `json:"missing"`
	Dictionary []string `json:"dictionary,omitempty"`
	Hashed     bool     `json:"hashed,omitempty"` // every name is known
}

type inspectedField struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	Required bool   `json:"required"`
}

type inspectedPolicy struct {
	Version  string   `json:"version"`
	Review   *float64 `json:"review,omitempty"`
	Decline  *float64 `json:"decline,omitempty"`
	Fallback string   `json:"fallback,omitempty"`
	Lists    []string `json:"lists,omitempty"`
}

type inspectedProof struct {
	Proven bool   `json:"proven"`
	Rows   int    `json:"rows"`
	Parity string `json:"parity,omitempty"`
	First  string `json:"first_difference,omitempty"`
}

type inspectedRows struct {
	Rows   int  `json:"rows"`
	Golden bool `json:"golden"` // they are the golden rows
}

func inspected(b *bundle.Bundle, r bundle.Report) *inspection {
	m := b.Model
	i := &inspection{
		Name: b.Name, Version: b.Version, Digest: b.Digest, File: b.Manifest.Model, Bytes: b.Size,
		Format: m.Format(), Trainer: m.Trainer(), Objective: m.Objective(), Link: m.Link(),
		Outputs: m.Outputs(), ValueOnly: m.ValueOnly(), Values: m.Values(), Labels: m.Labels(), Trees: m.Trees(), Iterations: m.Iterations(),
		Missing: b.Missing, Memo: b.Memo, about: b.About,
		Notes: append(append([]string(nil), m.Notes()...), b.Notes...),
		Proof: inspectedProof{Proven: b.Proven, Rows: r.Rows},
	}
	i.RowBits, i.ResultBits = m.Bits()
	if b.Output >= 0 {
		i.Score = &b.Output
	}
	if best, ok := m.BestIteration(); ok {
		i.BestIteration = &best
	}
	for _, f := range b.Features {
		c := inspectedColumn{Name: f.Name, Type: f.Type.String(), Unit: f.Unit, Text: f.Text, Missing: "allow", Dictionary: f.Dictionary(), Hashed: f.Hashed()}
		c.Min, c.Max = finite(f.Min), finite(f.Max)
		if f.RefuseMissing {
			c.Missing = "refuse"
		}
		if c.Min != nil || c.Max != nil {
			c.OnBounds = "accept"
			if f.RefuseOutOfBounds {
				c.OnBounds = "refuse"
			}
		}
		i.Columns = append(i.Columns, c)
	}
	if d := b.Events; d != nil {
		for _, f := range d.Fields {
			i.Event = append(i.Event, inspectedField{Name: f.Name, Type: f.Type.String(), Required: f.Required || f.Type == feature.Time})
		}
		for _, g := range d.Groups {
			i.Histories = append(i.Histories, g.String())
		}
	}
	if p := b.Policy; p != nil {
		i.Policy = &inspectedPolicy{Version: p.Version, Review: finite(p.Review), Decline: finite(p.Decline), Fallback: p.Fallback.String()}
		for _, l := range p.Lists {
			i.Policy.Lists = append(i.Policy.Lists, l.String())
		}
	}
	if len(b.About) > 0 {
		i.About = map[string]string{}
	}
	for _, a := range b.About {
		i.About[a.Name] = a.Text
	}
	if !b.Bare() {
		i.Proof.Parity = "exact"
		if b.ULP > 0 {
			i.Proof.Parity = fmt.Sprintf("%d ulp", b.ULP)
		}
	}
	if d := r.First(); d != nil {
		i.Proof.First = d.String()
	}
	if ref := b.Reference; ref != nil {
		i.Reference = &inspectedRows{ref.Rows, ref.Golden}
	}
	return i
}

// finite returns x unless it stands for no number.
func finite(x float64) *float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	return &x
}

// print shows i to people.
func (i *inspection) print(w io.Writer) error {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-12s %s\n", name, fmt.Sprintf(format, args...))
	}
	line("model", "%s %d", i.Name, i.Version)
	line("file", "%s, %d bytes", i.File, i.Bytes)
	line("digest", "%s", i.Digest)
	line("format", "%s", strings.TrimSpace(i.Format+" "+i.Trainer))
	if i.Objective != "" {
		line("objective", "%s", i.Objective)
	}
	line("link", "%s", i.Link)
	if i.Trees > 0 || !i.ValueOnly {
		line("trees", "%d in %d iterations", i.Trees, i.Iterations)
	}
	if i.BestIteration != nil {
		line("best", "iteration %d", *i.BestIteration)
	}
	if i.ValueOnly {
		line("outputs", "%d values, and no margin", i.Values)
	} else {
		line("outputs", "%d margins, %d values", i.Outputs, i.Values)
	}
	if len(i.Labels) > 0 {
		line("labels", "%s", strings.Join(i.Labels, ", "))
	}
	if i.Score == nil {
		line("score", "none chosen: the bundle's output says which")
	} else {
		line("score", "value %d", *i.Score)
	}
	line("numbers", "rows are float%d, results float%d", i.RowBits, i.ResultBits)
	if i.Missing != nil {
		line("missing", "nan and %v", *i.Missing)
	}
	i.printRest(line)
	fmt.Fprintf(&b, "columns      %d\n", len(i.Columns))
	for _, c := range i.Columns {
		fmt.Fprintf(&b, "  %s\n", c.String())
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// printRest shows what a bundle adds to its model.
func (i *inspection) printRest(line func(name, format string, args ...any)) {
	if p := i.Policy; p != nil {
		text := p.Version
		if p.Review != nil {
			text += fmt.Sprintf(", review from %v", *p.Review)
		}
		if p.Decline != nil {
			text += fmt.Sprintf(", decline from %v", *p.Decline)
		}
		if p.Fallback != "" {
			text += ", without a score " + p.Fallback
		}
		line("policy", "%s", text)
		for _, l := range p.Lists {
			line("list", "%s", l)
		}
	}
	if len(i.Event) > 0 {
		var fields []string
		for _, f := range i.Event {
			fields = append(fields, printable(f.Name)+" "+f.Type)
		}
		line("event", "%s", strings.Join(fields, ", "))
	}
	for _, h := range i.Histories {
		line("history", "%s", h)
	}
	switch {
	case i.Proof.Proven:
		line("proof", "proven on %d golden rows, parity %s", i.Proof.Rows, i.Proof.Parity)
	case i.Proof.First != "":
		line("proof", "NOT PROVEN: %s", i.Proof.First)
	default:
		line("proof", "unproven")
	}
	if r := i.Reference; r != nil {
		text := describeReference(&drift.Reference{Rows: r.Rows, Golden: r.Golden})
		if r.Rows < drift.MinRows {
			text += fmt.Sprintf(", too few to tell drift from: it takes %d", drift.MinRows)
		}
		line("reference", "%s", text)
	}
	for _, a := range i.about {
		line("about", "%s: %s", a.Name, a.Text)
	}
	for _, n := range i.Notes {
		line("note", "%s", n)
	}
}

// String shows a column in a line.
func (c *inspectedColumn) String() string {
	text := fmt.Sprintf("%s  %s", printable(c.Name), c.Type)
	if n := len(c.Dictionary); n > 0 {
		text += fmt.Sprintf(" of %d: %s", n, strings.Join(c.Dictionary[:min(n, 8)], ", "))
		if n > 8 {
			text += ", …"
		}
	}
	if c.Hashed {
		text += ", any name; a missing one is the empty name"
	}
	if c.Unit != "" {
		text += ", in " + c.Unit
	}
	if c.Min != nil {
		text += fmt.Sprintf(", from %v", *c.Min)
	}
	if c.Max != nil {
		text += fmt.Sprintf(", to %v", *c.Max)
	}
	if c.OnBounds == "refuse" {
		text += ", others refused"
	}
	if c.Missing == "refuse" {
		text += ", never missing"
	}
	if c.Text != "" {
		text += "; " + c.Text
	}
	return text
}

// printable quotes a name that would not stay on its line, or would speak to the terminal.
func printable(name string) string {
	if q := strconv.Quote(name); len(q) != len(name)+2 {
		return q
	}
	return name
}
