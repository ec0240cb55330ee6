package main

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/besra-ml/besra/internal/app"
	"github.com/besra-ml/besra/internal/tools/demo"
	"github.com/besra-ml/besra/internal/tools/simulate"
	"github.com/besra-ml/besra/models"
)

func demoVerb() *verb {
	return &verb{
		name: "demo", short: "serves the demo model and plays payments through it",
		long: `
It serves the demo bundle on a free port of loopback and plays simulated payments through the same doors
that any client uses. First the server learns five weeks of them, so that it knows every card and terminal;
then it judges the four weeks that its model has not seen, in ten seconds, with labels that come seven days
late: how quick the answers are, what is approved, reviewed and declined, and what that saves. Then it goes
on serving until Ctrl-C.

  besra demo
  besra demo --exit --payments 2000`,
		run: runDemo,
	}
}

const (
	demoCostReview = 5         // the training sets the demo's cutoffs by the same cost
	demoLearn      = 37        // days: the longest windows are of 30, and end a week ago
	demoState      = 512 << 20 // bytes; an eighth holds what is labelled: 30 days
	demoGarbage    = 20        // per cent of the memory in use; nearly all of it has no pointers, so it costs little
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
	debug.SetGCPercent(demoGarbage)
	log, err := logger(e.stderr, "warn")
	if err != nil {
		return err
	}
	a, err := app.New(demoConfig(), backends(), nil, log)
	if err != nil {
		return err
	}
	return serveDemo(ctx, e, a, leave, payments)
}

func demoConfig() app.Config {
	c := app.Defaults()
	c.Listen = "127.0.0.1:0"
	c.Admin.Listen = "" // there is nothing to change
	c.State.Bytes = demoState
	return c
}

// serveDemo serves a, plays the payments, and goes on serving unless told to leave.
func serveDemo(ctx context.Context, e *environ, a *app.App, leave bool, payments int) error {
	l, err := a.Listen(ctx)
	if err != nil {
		return err
	}
	url := "http://" + l.Addr().String()
	fmt.Fprintf(e.stdout, "besra serves the demo on %s\nwatch it on %[1]s/dashboard\n", url)

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
	o := demoOptions(a, url)
	o.Count, o.Leaving = payments, leave
	o.Out, o.Terminal, o.NoColor = e.stdout, isTerminal(e.stdout), e.getenv("NO_COLOR") != ""
	_, err := demo.Play(ctx, o)
	return err
}

// demoOptions are those of a play of all held-out payments on a, which serves the demo at url.
func demoOptions(a *app.App, url string) demo.Options {
	m, card := a.Models()[0], models.Card()
	o := demo.Options{
		URL: url, Model: m.Name, World: simulate.Defaults(), First: card.FirstDay, Learn: demoLearn,
		CostReview: demoCostReview, Promise: demo.Promise{Precision: card.Precision(), Recall: card.Recall()},
	}
	if m.Policy() != nil {
		o.Cutoffs = demo.Cutoffs{Review: m.Policy().Review, Decline: m.Policy().Decline}
	}
	return o
}
