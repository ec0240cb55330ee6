package admin

import (
	"context"
	"log/slog"
	"net/http"
	"runtime/trace"
	"sync"
	"time"

	"github.com/besra-ml/besra/internal/problem"
)

// A Flight keeps a recording of what the runtime has just done: why a request was slow can be seen after it was.
type Flight struct {
	recorder *trace.FlightRecorder
	log      *slog.Logger
	mu       sync.Mutex // held to begin, to end, and to read
}

// flightBytes bounds a recording, however much happens.
const flightBytes = 64 << 20

// NewFlight returns a recording of the last while, which Run makes.
func NewFlight(last time.Duration, log *slog.Logger) *Flight {
	return &Flight{recorder: trace.NewFlightRecorder(trace.FlightRecorderConfig{MinAge: last, MaxBytes: flightBytes}), log: log}
}

// Run records until ctx ends. A process has one recording at a time.
func (f *Flight) Run(ctx context.Context) {
	f.mu.Lock()
	err := f.recorder.Start()
	f.mu.Unlock()
	if err != nil {
		f.log.Error("nothing is recorded for /debug/flight", "error", err)
		return
	}
	<-ctx.Done()
	f.mu.Lock() // whoever reads has done so
	defer f.mu.Unlock()
	f.recorder.Stop()
}

// serve answers with the recording, for go tool trace.
func (f *Flight) serve(w http.ResponseWriter) {
	if f == nil {
		problem.NoSuchRoute.Of("", "nothing is recorded: the setting is flight, such as 5s").Write(w)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.recorder.Enabled() {
		problem.NoSuchRoute.Of("", "nothing is recorded: the log says why").Write(w)
		return
	}
	binary(w, "flight.trace")
	if _, err := f.recorder.WriteTo(w); err != nil {
		f.log.Warn("the recording could not be written", "error", err) // whoever asked may have gone
	}
}
