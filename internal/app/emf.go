package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/besra-ml/besra/internal/telemetry"
)

// An Emitter writes metrics into a log from time to time.
type Emitter interface {
	// Run writes until ctx ends, and what is left then.
	Run(ctx context.Context)

	// Flush writes what has happened since the last time. What it writes may name the call that ctx belongs to.
	Flush(ctx context.Context) error

	// FlushDue does so if it is time for it. Mostly it is not, and that costs next to nothing.
	FlushDue(ctx context.Context) error
}

// EmitterOptions is what an Emitter is made of.
type EmitterOptions struct {
	Namespace, Service string
	Every              time.Duration
	Metrics            *telemetry.Metrics
	Log                *slog.Logger
}

func (a *App) openEMF(kind func(EmitterOptions) (Emitter, error)) (err error) {
	c := a.config.EMF
	if c.Namespace == "" {
		return nil
	}
	if kind == nil {
		return errors.New("emf.namespace: this binary does not write it")
	}
	a.emitter, err = kind(EmitterOptions{
		Namespace: c.Namespace, Service: a.config.Service, Every: c.Interval, Metrics: a.metrics, Log: a.log,
	})
	if err != nil {
		return fmt.Errorf("emf.namespace: %w", err)
	}
	return nil
}
