package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/besra-ml/besra/internal/tools/simulate"
)

func simulateVerb() *verb {
	return &verb{
		name: "simulate", short: "makes card payments with labels, for training, load and tests",
		long: `
The payments follow the simulation that the Fraud Detection Handbook (Le Borgne et al., 2022) publishes:
cards with habits, terminals within their reach, and three kinds of fraud. The same flags give the same
bytes. The file is CSV: event_id, time, card, terminal, amount, label, label_time, scenario; label is fraud
or genuine, and is known at label_time.

  besra simulate -o events.csv                      half a year, 1.75 million payments
  besra simulate -o - --days 7 --cards 100 | head`,
		run: runSimulate,
	}
}

func runSimulate(ctx context.Context, e *environ, v *verb, args []string) error {
	o := simulate.Defaults()
	var out, start string
	fs := v.flags()
	fs.StringVar(&out, "o", "", "write the payments to this `file`; - is stdout")
	fs.IntVar(&o.Cards, "cards", o.Cards, "`number` of cards")
	fs.IntVar(&o.Terminals, "terminals", o.Terminals, "`number` of terminals")
	fs.IntVar(&o.Days, "days", o.Days, "`number` of days")
	fs.StringVar(&start, "start", o.Start.Format(time.DateOnly), "first `day`")
	fs.Float64Var(&o.Radius, "radius", o.Radius, "how far a card reaches, on a square of side 100: a `distance`")
	fs.Uint64Var(&o.Seed, "seed", o.Seed, "another `number` gives another world")
	rest, err := v.parse(e, fs, args)
	switch {
	case err != nil:
		return err
	case len(rest) > 0:
		return usagef("unexpected argument %q", rest[0])
	case out == "":
		return usagef("say where to write: -o FILE")
	}
	if o.Start, err = time.Parse(time.DateOnly, start); err != nil {
		return usagef("--start %q: want a day such as 2018-04-01", start)
	}
	p := newProgress(e.stderr, "days")
	defer p.end()
	var sum simulate.Summary
	write := func(w io.Writer) (err error) {
		sum, err = simulate.Write(ctx, w, o, p.show)
		return err
	}
	if out == "-" {
		return write(e.stdout)
	}
	if err := writeFile(out, write); err != nil {
		return err
	}
	p.end()
	fmt.Fprintf(e.stderr, "%s: %d payments, %d of them fraud (%.2f %%)\n", out, sum.Payments, sum.Frauds, 100*sum.FraudShare())
	return nil
}
