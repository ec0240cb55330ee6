// Package lambda is the door of a function on AWS Lambda: events of API Gateway, of a function URL or of a load balancer
// become requests of the gateway, and its answers theirs.
//
// Who asks is what the platform itself says in the event, never what a client sends. A function takes one kind of event.
package lambda

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"github.com/besra-ml/besra/internal/auth"
	"github.com/besra-ml/besra/internal/identity"
)

// Options is what a Door is made of. All of it is needed but what says otherwise.
type Options struct {
	Kind    Kind
	Handler http.Handler                 // answers requests; it reads who asks from their context (identity.FromContext)
	Issuers *auth.Issuers                // makes identities of the claims of verified tokens
	OwnKeys bool                         // the handler has keys of its own: one of API Gateway, which proves nothing, is nobody's proof
	Before  func(ctx context.Context)    // is called when an event has come; nil: nothing is
	After   func(ctx context.Context)    // is called before the answer goes out: the process may be frozen then; nil: likewise
	Trace   func(context.Context) string // the event's X-Amzn-Trace-Id; nil: requests have their own
	Denied  func(context.Context, error) // is told of a caller that the platform knows and besra does not take; nil: nobody is
}

// A Door answers events. Its methods may be called from many goroutines.
type Door struct {
	Options
	visits sync.Pool // *visit
}

// New returns a door.
func New(o Options) *Door {
	d := &Door{Options: o}
	d.visits.New = func() any { return &visit{answer: answer{header: http.Header{}}} }
	return d
}

// A visit is one event and its answer. It is reused by later ones.
type visit struct {
	event  event
	answer answer
}

const mostKept = 64 << 10 // bytes of a buffer that is reused

// Invoke answers one event: payload is JSON, and so is the answer. An error says that it is no event of the door's kind;
// what is wrong with the request in it is in the answer.
func (d *Door) Invoke(ctx context.Context, payload []byte) (out []byte, err error) {
	v := d.visits.Get().(*visit)
	defer func() {
		if p := recover(); p != nil { // the handler wants the connection cut, and there is none
			out, err = nil, errors.New("the request was given up")
			return
		}
		d.leave(v)
	}()
	if err := v.event.read(d.Kind, payload); err != nil {
		return nil, fmt.Errorf("lambda.event is %s, and this is none: %w", d.Kind, err)
	}
	if d.Before != nil {
		d.Before(ctx)
	}
	r, err := v.event.request(ctx, d.Kind)
	if err != nil {
		return nil, fmt.Errorf("lambda.event is %s, and this is none: %w", d.Kind, err)
	}
	id, err := v.event.caller.identity(&d.Options)
	if err != nil { // whoever it is may do nothing
		id = &identity.Identity{ID: "unknown", Name: "unknown", Method: identity.Platform}
		if d.Denied != nil {
			d.Denied(ctx, err)
		}
	}
	if id != nil {
		r = r.WithContext(identity.NewContext(ctx, id))
	}
	if d.Trace != nil && r.Header["X-Amzn-Trace-Id"] == nil {
		if trace := d.Trace(ctx); trace != "" {
			r.Header["X-Amzn-Trace-Id"] = []string{trace}
		}
	}
	d.Handler.ServeHTTP(&v.answer, r)
	v.answer.WriteHeader(http.StatusOK)
	out = v.answer.append(make([]byte, 0, 512+v.answer.body.Len()*5/4), &v.event, d.Kind)
	if most := d.Kind.most(); len(out) > most {
		v.answer.tooLarge(len(out), most)
		out = v.answer.append(nil, &v.event, d.Kind)
	}
	if d.After != nil {
		d.After(ctx)
	}
	return out, nil
}

func (d *Door) leave(v *visit) {
	v.answer.reset()
	if cap(v.event.body) > mostKept || v.answer.body.Cap() > mostKept {
		return
	}
	d.visits.Put(v)
}
