package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/besra-ml/besra"
	"github.com/besra-ml/besra/internal/bundle"
)

func verifyVerb() *verb {
	return &verb{
		name: "verify", args: "BUNDLE | MODEL --golden DIR", short: "proves that a model predicts as its trainer did",
		long: `
It predicts golden rows and compares the answers with the trainer's own: those in a bundle, or those in DIR,
which holds rows.csv, margin.csv (but for ONNX, which has none) and value.csv, and leaf.csv when the tree is to be
named in which an error is. It says how many numbers are exact, how far the others are away, in units in the last place
of the model's own numbers (float32 or float64), and which row differs first. It ends with 0 when they agree, with 3
when they differ, and with 1 when it cannot tell. training/golden writes such a DIR for a model of any library.

  besra verify models/fraud/3
  besra verify s3://bucket/models/fraud/3
  besra verify fraud.txt --golden golden
  besra verify fraud.ubj --golden golden --missing -999 --tolerance 4`,
		run: runVerify,
	}
}

func runVerify(ctx context.Context, e *environ, v *verb, args []string) error {
	var f modelFlags
	var golden string
	tolerance := -1
	fs := v.flags()
	fs.StringVar(&golden, "golden", "", "compare with the answers in this `folder`")
	fs.IntVar(&tolerance, "tolerance", -1, "allow answers to be `N` units in the last place apart (default: none, or what the bundle allows)")
	f.add(fs)
	rest, err := v.parse(e, fs, args)
	switch {
	case err != nil:
		return err
	case len(rest) == 0:
		return usagef("name a bundle, or a model file and --golden DIR")
	case len(rest) > 1:
		return usagef("unexpected argument %q", rest[1])
	case tolerance < -1:
		return usagef("--tolerance %d: want a number from 0", tolerance)
	}
	o, err := f.parse()
	if err != nil {
		return err
	}
	return local(ctx, e, rest[0], func(path string) error { return verify(e, path, o, golden, tolerance) })
}

// verify proves the bundle or the model file at path.
func verify(e *environ, path string, o bundle.Options, golden string, tolerance int) error {
	b, err := bundle.OpenWith(path, o)
	if err != nil {
		return err
	}
	if golden != "" {
		if err := b.ReadGolden(golden); err != nil {
			return err
		}
	}
	if tolerance >= 0 {
		b.ULP = uint64(tolerance)
	}
	r, err := b.Prove()
	switch {
	case errors.Is(err, bundle.ErrBare):
		return fmt.Errorf("%s: %w; say --golden DIR", path, err)
	case err != nil && !errors.Is(err, bundle.ErrNotProven):
		return fmt.Errorf("%s: %w", path, err)
	}
	if err := showReport(e, b, r); err != nil {
		return err
	}
	if d := r.First(); d != nil {
		return fmt.Errorf("%s: %w: %v", path, errDifferent, d)
	}
	return nil
}

// showReport prints how the answers compare.
func showReport(e *environ, b *bundle.Bundle, r bundle.Report) error {
	text := fmt.Appendf(nil, "%s %d: %s, %d golden rows\n", b.Name, b.Version, formatOf(b.Model), r.Rows)
	for _, a := range r.Answers {
		text = fmt.Appendf(text, "%-7s %d of %d exact", a.Kind, a.Exact, a.Numbers)
		switch {
		case a.Exact == a.Numbers:
		case a.ULP == bundle.Far:
			text = append(text, ", some not comparable"...)
		default:
			text = fmt.Appendf(text, ", at most %d ulp apart", a.ULP)
		}
		if a.First != nil {
			text = fmt.Appendf(text, "; first: %v", a.First)
		}
		text = append(text, '\n')
	}
	if why := explain(b, r); why != "" {
		text = append(append(text, why...), '\n')
	}
	switch {
	case !b.Proven:
		text = append(text, "different\n"...)
	case b.ULP == 0:
		text = append(text, "proven: every answer is its trainer's, to the bit\n"...)
	default:
		text = fmt.Appendf(text, "proven: every answer is within %d ulp of its trainer's\n", b.ULP)
	}
	_, err := e.stdout.Write(text)
	return err
}

// explain says in words what a difference is about; "": nothing differs, or its place says all.
func explain(b *bundle.Bundle, r bundle.Report) string {
	d := r.First()
	switch {
	case d == nil, d.Tree >= 0:
		return ""
	case r.Compared("margin") && r.Difference("margin") == nil:
		why := fmt.Sprintf("margins agree, and values do not: the trees are right, and what differs is the function from margins to values, %s", b.Model.Link())
		if d.ULP <= nearby {
			why += ", in its last digits; --tolerance allows for that"
		}
		return why
	case r.Compared("leaf"):
		return "every row reaches the trainer's leaves: what differs is their values, the base score, or the order in which they are added"
	case b.Model.Leaf64(nil, nil) != nil:
		return ""
	}
	return "which tree it is in is not known without leaf.csv, the trainer's leaves: training/golden writes it where the library tells them"
}

// nearby is how far apart, in units in the last place, what two libraries of functions say may be.
const nearby = 64

// formatOf names the library, and its version where the file has it.
func formatOf(m *besra.Model) string {
	return strings.TrimSpace(m.Format() + " " + m.Trainer())
}
