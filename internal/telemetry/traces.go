package telemetry

// Traces counts the requests whose traces are kept. Those that are neither sent nor lost are under way.
type Traces struct{ Kept, Sent, Lost *Counter }

func (m *Metrics) addTraces(k *maker) {
	total := k.counters("besra_traces_total")
	m.Traces = Traces{Kept: total.with("kept"), Sent: total.with("sent"), Lost: total.with("lost")}
}
