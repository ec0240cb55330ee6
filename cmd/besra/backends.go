package main

import (
	"net/http"

	"github.com/besra-ml/besra/internal/app"
	"github.com/besra-ml/besra/internal/telemetry"
	"github.com/besra-ml/besra/internal/telemetry/prometheus"
	"github.com/besra-ml/besra/models"
)

// backends lists what this binary links.
func backends() app.Backends {
	return app.Backends{
		Exporter: func(m *telemetry.Metrics) http.Handler { return prometheus.Handler(m) },
		Demo:     models.Demo(),
		Build:    telemetry.Options{Version: buildVersion()},
	}
}
