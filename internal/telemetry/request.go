package telemetry

import (
	"slices"
	"time"
)

// A Request is what is told of one request when it has been answered: to the log, to traces, to the dashboard. It has
// nothing in it of what was asked and answered but names that operators gave, and the request's own id.
//
// It is valid while it is being told; who keeps it keeps a Clone.
type Request struct {
	ID     string // X-Request-Id, as it was answered
	Route  string // as metrics name it
	Method string // of HTTP, as clients spell those that are served; else "other"
	Status int    // of HTTP

	Problem string // the code of the problem that it was answered with; "": none
	Reason  string // why it was denied, limited or shed, as metrics spell it; "": it was not
	Cause   error  // what the client was not told; nil: nothing

	Key    string // the id of who asked; "": nobody knows, or it is nobody's business
	Tenant string

	Model             string // that scored; "": none
	Version           int
	Events            int    // that were asked about
	Refused, Degraded int    // of them
	Failures          int    // of those refused: on our side
	Replayed          int    // of them
	Decision          string // on a single event; "": none
	Entities          []Listed

	Took  time.Duration
	Trace Trace
	Times *Times
}

// Clone returns a copy that can be kept.
func (r *Request) Clone() Request {
	c, times := *r, *r.Times
	c.Times, c.Entities = &times, slices.Clone(r.Entities)
	return c
}

// A Listed is an entity that operators want to find in the log, by the keyed hash that lists of policies spell.
type Listed struct{ Field, Hash string }

// Failed reports whether the fault was ours, in whole or, in a batch, in part.
func (r *Request) Failed() bool { return r.Status >= 500 || r.Failures > 0 }

// A Teller is told of every request.
type Teller interface{ Told(r *Request) }
