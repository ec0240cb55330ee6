package telemetry

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

func (m *Metrics) addDrift(k *maker) {
	m.drift = drift{
		features: k.unknown("besra_drift_psi"), score: k.unknown("besra_score_drift_psi"),
		rows: k.gauges("besra_drift_rows"), reference: k.gauges("besra_drift_reference_rows"),
	}
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
