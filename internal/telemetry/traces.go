package telemetry

// Traces counts the requests whose traces are kept. Those that are neither sent nor lost are under way.
type Traces struct{ Kept, Sent, Lost *Counter }

func (m *Metrics) addTraces(counter func() *Counter) []reader {
	total := newFamily("besra_traces_total", "Requests whose traces are kept, and what became of these.", CounterKind, counter, "result")
	m.Traces = Traces{Kept: total.with("kept"), Sent: total.with("sent"), Lost: total.with("lost")}
	return []reader{total}
}
