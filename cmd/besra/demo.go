package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/besra-ml/besra/internal/app"
	"github.com/besra-ml/besra/internal/tools/demo"
	"github.com/besra-ml/besra/models"
)

func demoVerb() *verb {
	return &verb{
		name: "demo", short: "serves the demo model and plays payments through it",
		long: `
It serves the demo bundle on a free port of loopback and plays held-out payments, whose outcome is known,
through the same door that any client uses: how quick the answers are, what is approved, reviewed and
declined, and what that saves. Then it goes on serving until Ctrl-C.

  besra demo
  besra demo --exit --payments 2000`,
		run: runDemo,
	}
}

// What the demo's money is counted in; the training sets its cutoffs by the same cost.
const (
	demoCostReview = 5
	demoLength     = 10 * time.Second
)

func runDemo(ctx context.Context, e *environ, v *verb, args []string) error {
	var leave bool
	var payments int
	fs := v.flags()
	fs.BoolVar(&leave, "exit", false, "end after the report")
	fs.IntVar(&payments, "payments", 0, "play the first `number` of payments only")
	rest, err := v.parse(e, fs, args)
	switch {
	case err != nil:
		return err
	case len(rest) > 0:
		return usagef("unexpected argument %q", rest[0])
	case payments < 0:
		return usagef("--payments %d: want a number from 1", payments)
	}
	c := app.Defaults()
	c.Listen = "127.0.0.1:0"
	log, err := logger(e.stderr, "warn")
	if err != nil {
		return err
	}
	a, err := app.New(c, backends(), nil, log)
	if err != nil {
		return err
	}
	return serveDemo(ctx, e, a, leave, payments)
}

// serveDemo serves a, plays the payments, and goes on serving unless told to leave.
func serveDemo(ctx context.Context, e *environ, a *app.App, leave bool, payments int) error {
	l, err := a.Listen(ctx)
	if err != nil {
		return err
	}
	url := "http://" + l.Addr().String()
	fmt.Fprintf(e.stdout, "besra serves the demo on %s\n", url)

	serving, stop := context.WithCancel(ctx)
	served := make(chan error, 1)
	go func() { served <- a.Serve(serving, l) }()

	err = play(ctx, e, a, url, leave, payments)
	if err == nil && !leave && ctx.Err() == nil {
		fmt.Fprintf(e.stdout, "\nbesra goes on serving on %s; Ctrl-C ends it.\n", url)
		select {
		case <-ctx.Done():
		case err = <-served:
			served <- err
		}
	}
	stop()
	return errors.Join(err, <-served)
}

func play(ctx context.Context, e *environ, a *app.App, url string, leave bool, payments int) error {
	m := a.Models()[0]
	heldOut, err := models.HeldOut()
	if err != nil {
		return err
	}
	defer heldOut.Close()
	o := demo.Options{
		URL: url, Model: m.Name, Payments: heldOut, Count: payments, Duration: demoLength,
		CostReview: demoCostReview, Leaving: leave, Out: e.stdout, Terminal: isTerminal(e.stdout), NoColor: e.getenv("NO_COLOR") != "",
	}
	for _, c := range m.Columns {
		o.Features = append(o.Features, c.Name)
	}
	if m.Policy() != nil {
		o.Cutoffs = demo.Cutoffs{Review: m.Policy().Review, Decline: m.Policy().Decline}
	}
	_, err = demo.Play(ctx, o)
	return err
}
