package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/besra-ml/besra/internal/bundle"
)

func verifyVerb() *verb {
	return &verb{
		name: "verify", args: "BUNDLE | MODEL --golden DIR", short: "proves that a model predicts as its trainer did",
		long: `
It predicts golden rows and compares the answers with the trainer's own: those in a bundle, or those in DIR,
which holds rows.csv, margin.csv and value.csv, and leaf.csv when the tree is to be named in which an error
is. It ends with 0 when they agree, with 3 when they differ, and with 1 when it cannot tell.

  besra verify models/fraud/3
  besra verify s3://bucket/models/fraud/3
  besra verify fraud.ubj --golden golden
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
	text := fmt.Appendf(nil, "%s %d: %s %s, %d golden rows\n", b.Name, b.Version, b.Model.Format(), b.Model.Trainer(), r.Rows)
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
