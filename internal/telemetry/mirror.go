package telemetry

// Mirror measures the fetching of models that are kept elsewhere.
type Mirror struct {
	Looked, Failed *Counter // looks
	Failures       *Counter // of versions and pins
	Retries        *Counter
	Bytes          *Counter
}

func (m *Metrics) addMirror(k *maker) {
	looks := k.counters("besra_mirror_looks_total")
	m.Mirror = Mirror{
		Looked: looks.with("done"), Failed: looks.with("failed"),
		Failures: k.counters("besra_mirror_failures_total").with(),
		Retries:  k.counters("besra_mirror_retries_total").with(),
		Bytes:    k.counters("besra_mirror_fetched_bytes_total").with(),
	}
}
