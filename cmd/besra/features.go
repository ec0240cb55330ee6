package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/besra-ml/besra/internal/bundle"
	"github.com/besra-ml/besra/internal/events"
	"github.com/besra-ml/besra/internal/feature"
	"github.com/besra-ml/besra/internal/packed"
	"github.com/besra-ml/besra/internal/strictyaml"
)

func featuresVerb() *verb {
	return &verb{
		name: "features", args: "BUNDLE|FEATURES.yaml EVENTS|-", short: "turns a file of events into rows, by the code that serves",
		long: `
BUNDLE says in its features.yaml how an event and the history of its entities become a row. EVENTS is CSV, or
Parquet when its name ends in .parquet: a column for each field, and label (fraud or genuine) with label_time,
when that was known, where the history needs them. The order of the file is the order in which events arrive:
each is answered as the service would have answered it then, and remembered. Times are RFC 3339, with their
offset; an empty cell is missing.

Before there is a model, features.yaml alone makes the rows that it is trained on: all columns, in its order.

The rows are what predict reads. --keep copies columns of EVENTS in front of each row; predict then needs
--ignore-extra.

  besra features features.yaml events.csv -o rows.csv                     to train on
  besra features models/fraud/3 events.csv -o rows.csv
  besra features models/fraud/3 events.parquet -o rows.parquet --keep event_id,time,label
  besra features --ignore-extra models/fraud/3 events.csv | besra predict models/fraud/3`,
		run: runFeatures,
	}
}

// A featuresJob is what a command line asks of features.
type featuresJob struct {
	options      events.Options
	bundle       string
	events, rows string
}

func runFeatures(ctx context.Context, e *environ, v *verb, args []string) error {
	var j featuresJob
	var keep string
	fs := v.flags()
	fs.StringVar(&j.rows, "o", "-", "write the rows to this `file`, as Parquet when its name ends in .parquet; - is stdout")
	fs.StringVar(&keep, "keep", "", "`columns` of the events to write in front of the rows: event_id,time,label or any field")
	fs.BoolVar(&j.options.IgnoreExtra, "ignore-extra", false, "ignore columns that are no fields of an event")
	rest, err := v.parse(e, fs, args)
	switch {
	case err != nil:
		return err
	case len(rest) == 0:
		return usagef("name the bundle, and the file of events")
	case len(rest) == 1:
		return usagef("name the file of events; - is stdin")
	case len(rest) > 2:
		return usagef("unexpected argument %q", rest[2])
	}
	j.bundle, j.events = rest[0], rest[1]
	if keep != "" {
		j.options.Keep = strings.Split(keep, ",")
	}
	return j.run(ctx, e)
}

func (j *featuresJob) run(ctx context.Context, e *environ) error {
	if err := j.define(ctx, e); err != nil {
		return err
	}
	in, name, size, err := openRows(e, j.events)
	if err != nil {
		return err
	}
	defer in.Close()
	j.options.File = name
	r, err := events.New(j.options)
	if err != nil {
		return err
	}
	counted := &countingReader{r: in}
	from := events.CSV(packed.NewReader(counted))
	if isParquet(j.events) {
		f, ok := in.(io.ReaderAt)
		if !ok || size == 0 {
			return fmt.Errorf("%s: Parquet is read from a file, and not from its beginning", name)
		}
		from, size = events.Parquet(f, size), 0
	}
	began := time.Now()
	end := follow(e, "events", r.Events.Load, counted, size, j.rows == "-")
	sum, err := j.replay(ctx, e, r, from)
	end()
	switch {
	case errors.Is(err, context.Canceled):
		return errors.New("interrupted")
	case err != nil:
		return err
	}
	tellEvents(e, name, sum, time.Since(began))
	return nil
}

// define finds out how an event becomes a row, and of which columns.
func (j *featuresJob) define(ctx context.Context, e *environ) error {
	if strings.HasSuffix(j.bundle, ".yaml") || strings.HasSuffix(j.bundle, ".yml") {
		return j.defineAlone(ctx, e)
	}
	b, err := bundle.Load(j.bundle)
	switch {
	case err != nil:
		return err
	case b.Events == nil:
		return fmt.Errorf("%s has no features.yaml: nothing says how an event becomes a row", j.bundle)
	}
	j.options.Definition, j.options.Columns = b.Events, b.Columns()
	j.options.Bits, _ = b.Model.Bits()
	return nil
}

// defineAlone takes a features.yaml without a model. What its texts are is looked up in the events first.
func (j *featuresJob) defineAlone(ctx context.Context, e *environ) error {
	data, err := strictyaml.ReadFile(j.bundle)
	if err != nil {
		return err
	}
	o := &j.options
	if o.Definition, err = feature.Parse(j.bundle, data); err != nil {
		return err
	}
	o.Bits = 32
	texts := false
	if o.Columns, texts, err = events.ColumnsOf(o.Definition); err != nil || !texts {
		return err
	}
	in, name, size, err := openRows(e, j.events)
	if err != nil {
		return err
	}
	defer in.Close()
	o.File = name
	if size == 0 {
		return fmt.Errorf("%s: a definition with texts reads the events twice, from a file", name)
	}
	from := events.CSV(packed.NewReader(in))
	if isParquet(j.events) {
		from = events.Parquet(in.(io.ReaderAt), size)
	}
	o.Columns, err = events.Categories(ctx, *o, from)
	return err
}

func isParquet(path string) bool { return strings.HasSuffix(path, ".parquet") }

// replay writes the rows.
func (j *featuresJob) replay(ctx context.Context, e *environ, r *events.Replay, from events.Source) (sum events.Summary, err error) {
	write := func(w io.Writer) error {
		if isParquet(j.rows) {
			to := r.ParquetTo(w)
			if sum, err = r.Run(ctx, from, to); err != nil {
				return err
			}
			return to.Close()
		}
		sum, err = r.Run(ctx, from, r.CSVTo(w))
		return err
	}
	if j.rows == "-" {
		return sum, write(e.stdout)
	}
	err = writeFile(j.rows, write)
	return sum, err
}

// tellEvents says what has been done.
func tellEvents(e *environ, file string, sum events.Summary, took time.Duration) {
	seconds := max(took.Seconds(), 1e-9)
	fmt.Fprintf(e.stderr, "%s: %d events in %.1f s, %.0f a second\n", file, sum.Events, seconds, float64(sum.Events)/seconds)
	if sum.Late > 0 {
		fmt.Fprintf(e.stderr, "%d of %d events came too late to be remembered\n", sum.Late, sum.Events)
	}
	if sum.Full > 0 {
		fmt.Fprintf(e.stderr, "%d of %d events were not remembered: too many events of one entity\n", sum.Full, sum.Events)
	}
	for _, note := range sum.Notes {
		fmt.Fprintln(e.stderr, note)
	}
}
