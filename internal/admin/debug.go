package admin

import (
	"net/http"
	"runtime/pprof"
	"runtime/trace"
	"strconv"
	"strings"
	"time"

	"github.com/besra-ml/besra/internal/problem"
)

// The paths of what Go tells of the process.
const (
	profiles = "/debug/pprof/"
	flight   = "/debug/flight"
)

// Debug returns the door to what Go tells of the process: where its time and memory go. There is nothing in it of what is
// asked and answered, but it tells about all models, and is for those who are bound to none.
//
//	GET /debug/pprof/                       the names of what there is
//	GET /debug/pprof/profile?seconds=30     where processors are, for up to a minute
//	GET /debug/pprof/trace?seconds=1        all that the runtime does
//	GET /debug/pprof/{heap,goroutine,…}     what Go counts all the time; with debug=1 as text
//	GET /debug/flight                       all that the runtime has done in the last seconds, if it is recorded
//
// They are what go tool pprof and go tool trace ask for. net/http/pprof has the same, and pages of HTML.
func Debug(o Options) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := r.URL.EscapedPath()
		name, ok := strings.CutPrefix(path, profiles)
		switch {
		case o.Named && !namesHere(r.Host):
			problem.BadRequest.Of("Host", notHere).Write(w)
		case who(r).Models != nil:
			problem.Forbidden.Of("", "this is not for who is bound to models").Write(w)
		case !ok && path != flight:
			problem.NoSuchRoute.Of("", "GET "+profiles+" and "+flight).Write(w)
		case !allow(w, r, http.MethodGet):
		case path == flight:
			o.Flight.serve(w)
		case name == "":
			listProfiles(w)
		case name == "profile":
			during(w, r, 30*time.Second, func() error { return pprof.StartCPUProfile(w) }, pprof.StopCPUProfile)
		case name == "trace":
			during(w, r, time.Second, func() error { return trace.Start(w) }, trace.Stop)
		case pprof.Lookup(name) == nil:
			problem.NoSuchRoute.Of("", "GET "+profiles+" names those that there are").Write(w)
		default:
			writeProfile(w, r, pprof.Lookup(name))
		}
	})
}

func listProfiles(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	names := []string{"profile", "trace"}
	for _, p := range pprof.Profiles() {
		names = append(names, p.Name())
	}
	_, _ = w.Write([]byte(strings.Join(names, "\n") + "\n")) // whoever asked may have gone
}

func writeProfile(w http.ResponseWriter, r *http.Request, p *pprof.Profile) {
	debug, err := strconv.Atoi(query(r, "debug", "0"))
	if err != nil || debug < 0 || debug > 2 {
		problem.BadRequest.Of("debug", "want 0, 1 or 2").Write(w)
		return
	}
	binary(w, p.Name())
	if debug > 0 {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	}
	_ = p.WriteTo(w, debug) // likewise
}

// maxProfile bounds how long is looked.
const maxProfile = time.Minute

// during has something written for as long as a request says, or until whoever asked has gone.
func during(w http.ResponseWriter, r *http.Request, usual time.Duration, start func() error, stop func()) {
	seconds, err := strconv.ParseFloat(query(r, "seconds", strconv.Itoa(int(usual.Seconds()))), 64)
	if err != nil || !(seconds > 0 && seconds <= maxProfile.Seconds()) {
		problem.BadRequest.Of("seconds", "want a number up to "+strconv.Itoa(int(maxProfile.Seconds()))).Write(w)
		return
	}
	binary(w, strings.TrimPrefix(r.URL.Path, profiles))
	if err := start(); err != nil { // somebody else is looking, and nothing has been written
		w.Header().Del("Content-Disposition")
		problem.Overloaded.Of("", err.Error()).Write(w)
		return
	}
	defer stop()
	enough := time.NewTimer(time.Duration(seconds * float64(time.Second)))
	defer enough.Stop()
	select {
	case <-enough.C:
	case <-r.Context().Done():
	}
}

func query(r *http.Request, name, usual string) string {
	if v := r.URL.Query().Get(name); v != "" {
		return v
	}
	return usual
}

// binary says that the answer is a file.
func binary(w http.ResponseWriter, name string) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", "application/octet-stream")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Disposition", `attachment; filename="`+name+`"`)
}
