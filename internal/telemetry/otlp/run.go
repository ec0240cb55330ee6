package otlp

import (
	"context"
	"errors"
	"time"
)

// A flush asks for all that is kept to be sent.
type flush struct {
	ctx  context.Context
	last bool // and for the tracer to end
	done chan error
}

const (
	batchRequests = 256         // are sent together
	sendEvery     = time.Second // at the latest
)

// run makes spans of requests, and sends them, until it is asked to end.
func (t *Tracer) run() {
	defer close(t.ended)
	defer t.end()
	s := t.sender
	tick := time.NewTicker(sendEvery)
	defer tick.Stop()
	for {
		queue := t.queue
		if s.full() {
			queue = nil // what comes waits there, until the collector takes what is held
		}
		select {
		case r := <-queue:
			s.add(r)
			if s.full() {
				_ = s.send(s.ctx, false) // it tells by itself
			}
		case <-tick.C:
			_ = s.send(s.ctx, false)
			s.tell()
		case f := <-t.asked:
			f.done <- t.flush(f)
			if f.last {
				return
			}
		case <-s.ctx.Done():
			return
		}
	}
}

// flush sends what is held and what waits.
func (t *Tracer) flush(f flush) error {
	s := t.sender
	for {
		t.fill()
		if s.requests == 0 {
			return nil
		}
		if err := s.send(f.ctx, f.last); err != nil {
			return err
		}
		if f.ctx.Err() != nil {
			return f.ctx.Err()
		}
	}
}

// fill takes what waits, as far as it is sent together.
func (t *Tracer) fill() {
	for !t.sender.full() {
		select {
		case r := <-t.queue:
			t.sender.add(r)
		default:
			return
		}
	}
}

// end counts what was not sent.
func (t *Tracer) end() {
	s := t.sender
	for {
		t.fill()
		if s.requests == 0 {
			break
		}
		s.lose(errors.New("besra has ended"))
	}
	if s.metrics.Lost.Value() != s.lost {
		s.told = time.Time{}
		s.tell()
	}
	s.close()
}
