//go:build linux

package main

import (
	"math"
	"net/http"
	"runtime"
	"strconv"
	"time"

	"github.com/besra-ml/besra/internal/app"
	"github.com/besra-ml/besra/internal/identity"
	"github.com/besra-ml/besra/internal/limit"
	"github.com/besra-ml/besra/internal/telemetry"
)

// greedyRate is what the greedy client was promised, requests a second.
const greedyRate = 100

// patience is how long a connection may be open without a request.
const patience = time.Minute

// synthetic serves requests that take the processor for a while, behind a limiter.
func synthetic(address, concurrency string, work time.Duration) error {
	metrics := telemetry.New(telemetry.Options{})
	limiter, err := limit.New(limit.Options{Concurrency: concurrency, Metrics: &metrics.Access})
	if err != nil {
		return err
	}
	polite := &identity.Identity{ID: "polite"}
	batch := &identity.Identity{ID: "batch", Priority: identity.Batch}
	greedy := &identity.Identity{ID: "greedy", Limits: identity.Limits{Rate: greedyRate, Burst: greedyRate / 10}}
	turns := calibrate(work)
	t := app.Defaults().Timeouts
	s := &http.Server{
		Addr: address, ReadHeaderTimeout: patience, ReadTimeout: patience, WriteTimeout: t.Answer, IdleTimeout: t.Idle,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			who := polite
			switch r.Header.Get("X-Who") {
			case "greedy":
				who = greedy
			case "batch":
				who = batch
			}
			p, err := limiter.Admit(who, time.Now(), 1)
			if err != nil {
				refuse(w, err, p.Quota)
				return
			}
			runtime.KeepAlive(burn(turns))
			p.Release(time.Now())
			w.Header()["Content-Type"] = plain
			_, _ = w.Write(done) // whoever asked may have gone
		}),
	}
	return s.ListenAndServe()
}

var (
	plain = []string{"text/plain"}
	done  = []byte("done\n")
)

func refuse(w http.ResponseWriter, err error, q limit.Quota) {
	h := w.Header()
	h["Content-Type"] = plain
	h["Retry-After"] = []string{strconv.Itoa(limit.Seconds(q.RetryAfter))}
	if err == limit.ErrRate { //nolint:errorlint // it is returned unwrapped
		h["Ratelimit"] = []string{string(q.AppendRateLimit(nil))}
		w.WriteHeader(http.StatusTooManyRequests)
	} else {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_, _ = w.Write([]byte(err.Error()))
}

// calibrate returns how many turns of burn take a time, on a core that does nothing else.
func calibrate(work time.Duration) int {
	const turns = 1_000_000
	best := time.Duration(math.MaxInt64)
	for range 50 { // others may take the core away
		start := time.Now()
		runtime.KeepAlive(burn(turns))
		best = min(best, time.Since(start))
	}
	return int(float64(turns) * float64(work) / float64(best))
}

//go:noinline
func burn(turns int) float64 {
	x := 1.0
	for i := range turns {
		x = x*0.999999 + float64(i&1)
	}
	return x
}
