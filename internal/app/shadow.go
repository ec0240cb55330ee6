package app

import (
	"github.com/besra-ml/besra/internal/registry"
	"github.com/besra-ml/besra/internal/score"
)

// newShadow returns what has challengers score beside the live versions, nil when the settings name none.
func (a *App) newShadow() *score.Shadow {
	return score.NewShadow(score.ShadowOptions{
		Challengers: a.config.Shadow,
		Served:      a.served,
		Sample:      a.config.ShadowSample,
		Overloaded:  a.access.crowded,
		Metrics:     a.metrics,
		Log:         a.log,
	})
}

// served returns the live version of a model, and the one that is asked for, nil where it is not served.
func (a *App) served(name string, version int) (live, asked *registry.Model) {
	for _, m := range a.models.Models() {
		if m.Name != name {
			continue
		}
		if m.Live {
			live = m
		}
		if m.Version == version {
			asked = m
		}
	}
	return live, asked
}
