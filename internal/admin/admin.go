// Package admin is the door for operators: which versions there are, and which of them are live.
//
// It authenticates nobody; whoever puts it on a listener does.
package admin

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"

	"github.com/besra-ml/besra/internal/identity"
	"github.com/besra-ml/besra/internal/problem"
	"github.com/besra-ml/besra/internal/telemetry"
)

// Models is what can be changed. A change is made when its method returns. Errors are *problem.Problem where an operator can
// do something about them.
type Models interface {
	Versions() []Version
	Use(ctx context.Context, name string, version int) (Change, error)    // makes it the live one
	Load(ctx context.Context, name string, version int) (Change, error)   // takes it into service
	Unload(ctx context.Context, name string, version int) (Change, error) // takes it out of service
}

// A Version is one version of a model that was found.
type Version struct {
	Name      string
	Version   int
	State     State
	Proven    bool   // it reproduced its golden rows on this machine
	Directory bool   // it comes from a directory of models, which is watched and can pin it
	Digest    string // of what is served
	Reason    string // why it is refused, or not live; "": nothing is wrong
	Why       string
}

// State is what became of a version.
type State string

// The states.
const (
	Live     State = "live"     // it answers requests that name no version
	Ready    State = "ready"    // it answers those that name it
	Refused  State = "refused"  // it cannot be served
	Unloaded State = "unloaded" // an operator took it out of service
)

// A Change is what was done.
type Change struct {
	Name         string
	Version      int
	Before, Live *int // the live version before it and now; nil: none
	Persisted    bool // a pin in the directory makes it last
}

// Options is what the door is made of. Models, Log and Actions are needed.
type Options struct {
	Models  Models
	Keys    func() any         // API keys as JSON shows them; nil: there are none
	Named   bool               // requests must name this machine by an address or as localhost: see namesHere
	Actions *telemetry.Counter // of changes that were made
	Flight  *Flight            // nil: nothing is recorded
	Log     *slog.Logger
}

// The paths.
const (
	root = "/admin/v1/models"
	keys = "/admin/v1/keys"
)

// Handler returns the door:
//
//	GET  /admin/v1/models                every version, and what became of it
//	POST /admin/v1/models/{name}:use     makes {"version":3} the live one
//	POST /admin/v1/models/{name}:load    takes it into service, again if need be
//	POST /admin/v1/models/{name}:unload  takes it out of service
//	GET  /admin/v1/keys                  the API keys that are known, without their secrets
func Handler(o Options) http.Handler {
	return &door{o}
}

type door struct{ Options }

// who returns who asks, as the request's context says: its models are all that it may see and change.
func who(r *http.Request) *identity.Identity {
	if id := identity.FromContext(r.Context()); id != nil {
		return id
	}
	return identity.Anybody()
}

// An action is a change and what does it.
type action func(ctx context.Context, name string, version int) (Change, error)

func (d *door) action(verb string) action {
	switch verb {
	case "use":
		return d.Models.Use
	case "load":
		return d.Models.Load
	case "unload":
		return d.Models.Unload
	}
	return nil
}

func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if d.Named && !namesHere(r.Host) {
		problem.BadRequest.Of("Host", notHere).Write(w)
		return
	}
	path := r.URL.EscapedPath() // as it was sent: a name has nothing to escape
	if path == root {
		if allow(w, r, http.MethodGet, http.MethodHead) {
			d.list(w, r)
		}
		return
	}
	if path == keys {
		if allow(w, r, http.MethodGet, http.MethodHead) {
			d.listKeys(w, r)
		}
		return
	}
	rest, ok := strings.CutPrefix(path, root+"/")
	name, verb, acts := strings.Cut(rest, ":")
	do := d.action(verb)
	switch {
	case !ok || !acts || do == nil:
		problem.NoSuchRoute.Of("", "GET "+root+" and "+keys+"; POST "+root+"/{name}:use, :load and :unload").Write(w)
	case !allow(w, r, http.MethodPost):
	case !isName(name):
		problem.BadRequest.Of("name", "want 1 to 64 of a-z, 0-9 and -").Write(w)
	case !who(r).Sees(name):
		problem.Forbidden.Of("", "not for this model").Write(w)
	default:
		d.change(w, r, verb, name, do)
	}
}

func (d *door) listKeys(w http.ResponseWriter, r *http.Request) {
	if who(r).Models != nil {
		problem.Forbidden.Of("", "the keys are not for who is bound to models").Write(w)
		return
	}
	if d.Keys == nil {
		problem.NoSuchRoute.Of("", "no file of keys is served: auth.keys").Write(w)
		return
	}
	b, err := json.Marshal(d.Keys())
	if err != nil {
		problem.Internal.Of("", err.Error()).Write(w)
		return
	}
	writeJSON(w, b)
}

// isName reports whether s can name a model. It is asked before anything is looked for under that name.
func isName(s string) bool {
	if len(s) < 1 || len(s) > 64 {
		return false
	}
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

func (d *door) change(w http.ResponseWriter, r *http.Request, verb, name string, do action) {
	version, p := readVersion(w, r)
	if p != nil {
		p.Write(w)
		return
	}
	c, err := do(r.Context(), name, version)
	attrs := []slog.Attr{
		slog.String("who", who(r).ID), slog.String("action", verb), slog.String("model", name), slog.Int("version", version),
		slog.String("before", text(c.Before)), slog.String("after", text(c.Live)),
	}
	if err != nil {
		d.Log.LogAttrs(r.Context(), slog.LevelWarn, "audit", append(attrs, slog.Any("error", err))...)
		problemOf(err).Write(w)
		return
	}
	d.Actions.Inc()
	d.Log.LogAttrs(r.Context(), slog.LevelInfo, "audit", append(attrs, slog.Bool("persisted", c.Persisted))...)
	writeJSON(w, appendChange(nil, verb, &c))
}

// text returns a version as the log has it.
func text(version *int) string {
	if version == nil {
		return "none"
	}
	return strconv.Itoa(*version)
}

// problemOf returns an error as its operator sees it.
func problemOf(err error) *problem.Problem {
	var p *problem.Problem
	if errors.As(err, &p) {
		return p
	}
	return problem.Internal.Of("", err.Error()) // of a file that could not be written: theirs to see
}
