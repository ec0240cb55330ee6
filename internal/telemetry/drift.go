package telemetry

import "math"

// Drift is how far what one version of a model sees is from what it was made for. Distances are NaN while there are
// too few rows to tell.
type Drift struct {
	Score         *Gauge   // distance of the scores
	Features      []*Gauge // of each feature
	Rows          *Gauge   // that were counted within the window
	ReferenceRows *Gauge
}

type drift struct {
	features, score, rows, reference *family[*Gauge]
}

func (m *Metrics) addDrift() []reader {
	unknown := func() *Gauge {
		g := new(Gauge)
		g.Set(math.NaN())
		return g
	}
	none := func() *Gauge { return new(Gauge) }
	m.drift = drift{
		features: newFamily("besra_drift_psi", "Distance of a feature's values from the reference: PSI less its sampling noise; NaN until there are enough rows to tell.",
			GaugeKind, unknown, "model", "version", "feature"),
		score: newFamily("besra_score_drift_psi", "Distance of the scores from the reference: PSI less its sampling noise; NaN until there are enough rows to tell.",
			GaugeKind, unknown, "model", "version"),
		rows:      newFamily("besra_drift_rows", "Rows that are compared with the reference.", GaugeKind, none, "model", "version"),
		reference: newFamily("besra_drift_reference_rows", "Rows of the reference.", GaugeKind, none, "model", "version"),
	}
	return []reader{m.drift.features, m.drift.score, m.drift.rows, m.drift.reference}
}

// Drift returns the handle of one version's drift, whose series stand from then on.
func (m *Metrics) Drift(model, version string, features []string) Drift {
	keys := make([]key, len(features))
	for i, feature := range features {
		keys[i] = keyOf(model, version, feature)
	}
	d := &m.drift
	return Drift{
		Score: d.score.with(model, version), Features: d.features.withAll(keys),
		Rows: d.rows.with(model, version), ReferenceRows: d.reference.with(model, version),
	}
}

// ForgetDrift drops the figures of a version that is not served.
func (m *Metrics) ForgetDrift(model, version string) { m.drift.drop(model, version) }

func (d *drift) drop(model, version string) {
	d.features.dropAll(model, version)
	d.score.drop(model, version)
	d.rows.drop(model, version)
	d.reference.drop(model, version)
}
