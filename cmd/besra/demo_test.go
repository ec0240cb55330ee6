//go:build !race

package main

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/besra-ml/besra/internal/app"
	"github.com/besra-ml/besra/internal/tools/demo"
	"github.com/besra-ml/besra/models"
)

// The model's rows were made in Python, from all payments at once. Served one by one, from what the server has kept
// of those before, the same payments must get the same decisions.
func TestThePlayComesOutAsTheModelCardSays(t *testing.T) {
	if testing.Short() {
		t.Skip("it plays 641,160 payments")
	}
	c := demoConfig()
	c.Limits.Deadline, c.Limits.Concurrency = time.Minute, "off" // the machine may be busy
	a, err := app.New(c, backends(), nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	l, err := a.Listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	serving, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- a.Serve(serving, l) }()
	o := demoOptions(a, "http://"+l.Addr().String())
	o.Flat = true
	r, err := demo.Play(t.Context(), o)
	stop()
	if err != nil {
		t.Error(err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}

	want := models.Card()
	decided := func(c demo.Class) models.Decided { return models.Decided{Payments: c.Payments, Frauds: c.Frauds} }
	got := models.Figures{
		FirstDay: want.FirstDay, LastDay: o.World.Days - 1,
		Approve: decided(r.Approve), Review: decided(r.Review), Decline: decided(r.Decline),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("model card, play:\n%s", diff)
	}
	if r.Failed > 0 {
		t.Errorf("failures: %v", r.Failures)
	}

	// The server's own figures are of whole days, one more than the held-out ones.
	if o := r.Own; o.Labelled != o.Events || o.Events < r.Answered || o.Caught < r.Stopped().Frauds || o.Frauds < r.All().Frauds {
		t.Errorf("the server's own figures are %+v", o)
	}
}
