package main

import (
	"context"
	"fmt"
	"math"

	"github.com/besra-ml/besra/internal/bundle"
	"github.com/besra-ml/besra/internal/drift"
)

func bundleVerb() *verb {
	return &verb{
		name: "bundle", args: "MODEL", short: "packs a model with the proof that it predicts as its trainer did",
		long: `
A bundle holds the model file as its trainer saved it (XGBoost, LightGBM, CatBoost or ONNX, packed by gzip or zstd or
not), a manifest (bundle.yaml), and golden rows with the trainer's own answers: rows.csv, margin.csv (but for ONNX) and
value.csv, and leaf.csv if it is there; training/golden writes them. It is proven before it appears. OUT is a folder, or a zip file when it ends in .zip.

It also has reference.yaml: how the model's scores and features are distributed over the rows of --reference, which the
model predicts for that. What is served later is compared with it (docs/drift.md). Give rows as the model will meet them,
such as those that it was validated on, from a thousand on; a hundred thousand are plenty. Without --reference it is the
golden rows, which are few, and often chosen for being unusual.

  besra bundle fraud.ubj --golden golden --name fraud --version 3 -o models/fraud/3
  besra bundle fraud.ubj --golden golden --name fraud --version 3 --policy policy.yaml -o fraud-3.zip
  besra bundle fraud.ubj --golden golden --reference valid.csv --name fraud --version 3 -o models/fraud/3`,
		run: runBundle,
	}
}

func runBundle(_ context.Context, e *environ, v *verb, args []string) error {
	var f modelFlags
	var r bundle.Recipe
	var out, description string
	tolerance := 0
	fs := v.flags()
	fs.StringVar(&out, "o", "", "write the bundle to this `path`")
	fs.StringVar(&r.Golden, "golden", "", "the `folder` of the golden rows")
	fs.StringVar(&r.Name, "name", "", "the model's `name`: 1 to 64 of a-z, 0-9 and -")
	fs.IntVar(&r.Version, "version", 0, "the model's version, a `number` from 1")
	fs.StringVar(&r.Events, "features", "", "the features.yaml `file` that says how an event becomes a row")
	fs.StringVar(&r.Policy, "policy", "", "the policy `file` to ship with it")
	fs.StringVar(&r.Reference, "reference", "", "a `file` of rows, as predict reads them, that what is served is compared with (default: the golden rows)")
	fs.StringVar(&r.Output, "score", "", "the `output` that is the score, by label or from 0 (default: the positive class, or the only one)")
	fs.IntVar(&tolerance, "tolerance", 0, "allow answers to be `N` units in the last place apart, where the trainer itself is not reproducible")
	fs.StringVar(&description, "description", "", "a `text` for people")
	fs.BoolVar(&r.Force, "force", false, "replace what is at OUT")
	f.add(fs)
	rest, err := v.parse(e, fs, args)
	switch {
	case err != nil:
		return err
	case len(rest) != 1:
		return usagef("want one model file, not %d", len(rest))
	case out == "":
		return usagef("say where to write: -o OUT")
	case r.Golden == "":
		return usagef("say where the golden rows are: --golden DIR")
	case !bundle.IsName(r.Name):
		return usagef("--name %q: want 1 to 64 of a-z, 0-9 and -", r.Name)
	case r.Version < 1 || r.Version > math.MaxInt32:
		return usagef("--version %d: want a number from 1", r.Version)
	case tolerance < 0 || tolerance > math.MaxInt32:
		return usagef("--tolerance %d: want a number from 0", tolerance)
	}
	o, err := f.parse()
	if err != nil {
		return err
	}
	r.Model, r.Missing, r.Iterations, r.ULP = rest[0], o.Missing, o.Iterations, uint64(tolerance)
	if description != "" {
		r.About = []bundle.Member{{Name: "description", Text: description}}
	}
	b, report, err := bundle.Write(out, r)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.stdout, "%s: %s %d, proven on %d golden rows, %s\n%s: drift is told from %s\n",
		out, b.Name, b.Version, report.Rows, b.Digest, out, describeReference(b.Reference))
	if doubt := doubtReference(b.Reference); doubt != "" {
		fmt.Fprintf(e.stderr, "%s: %s\n", out, doubt)
	}
	return err
}

// describeReference says what drift is told from.
func describeReference(r *drift.Reference) string {
	switch {
	case r == nil:
		return "nothing: there is no reference"
	case r.Golden:
		return fmt.Sprintf("%d golden rows", r.Rows)
	}
	return fmt.Sprintf("%d rows", r.Rows)
}

// doubtReference says what is wrong with a reference that can be read, "" when nothing is.
func doubtReference(r *drift.Reference) string {
	const give = "give rows as the model will meet them: --reference ROWS.csv"
	switch {
	case r == nil:
		return "golden rows of so many columns make too large a reference; " + give
	case r.Rows < drift.MinRows:
		return fmt.Sprintf("%s are too few to tell drift from, it takes %d; %s", describeReference(r), drift.MinRows, give)
	case r.Golden:
		return "golden rows that were chosen for being unusual, as training/golden does, are no measure of what is usual; " + give
	}
	return ""
}
