package app

import (
	"time"

	"github.com/besra-ml/besra/internal/telemetry"
)

// openTold makes those who are told of requests, in the order in which they are.
func (a *App) openTold() {
	c := a.config
	a.metrics.Promise(telemetry.SLOOptions{
		Availability: c.SLO.Availability, Latency: c.SLO.Latency, LatencyShare: c.SLO.LatencyShare,
	})
	a.metrics.SLOs.Measure(time.Now())
	a.recent = telemetry.NewRecent(time.Now)
	if telemetry.Muted {
		return
	}
	a.tellers = []telemetry.Teller{
		a.recent,
		telemetry.NewRequestLog(telemetry.RequestLogOptions{
			Log: a.log, Sample: c.Log.Sample, Most: int(c.Log.Rate), Dropped: a.metrics.Log.Dropped, Now: time.Now,
		}),
	}
}
