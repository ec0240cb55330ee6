package telemetry

// Memo measures what is remembered of rows.
type Memo struct {
	Hits, Misses, Collisions *Gauge // they rise, and somebody else counts them
	Evicted                  *Gauge // likewise
	Entries, Bytes           *Gauge

	estimates, saved *family[*Gauge]
}

func (m *Metrics) addMemo(gauge func() *Gauge) []reader {
	total := newFamily("besra_memo_total", "Rows that were looked for in the memo, by what was found.", CounterKind, gauge, "result")
	evicted := newFamily("besra_memo_evicted_total", "Rows that left the memo for want of memo.bytes.", CounterKind, gauge)
	entries := newFamily("besra_memo_entries", "Rows that the memo holds.", GaugeKind, gauge)
	bytes := newFamily("besra_memo_bytes", "Memory of the rows that the memo holds.", GaugeKind, gauge)
	estimates := newFamily("besra_memo_estimated_hit_ratio", "Share of rows that a memo of so many rows would know; NaN until there were enough to tell.",
		GaugeKind, gauge, "rows")
	saved := newFamily("besra_memo_saved_cores", "Processors that a memo of so many rows would save at the present rate; less than 0 is what it would cost.",
		GaugeKind, gauge, "rows")
	m.Memo = Memo{
		Hits: total.with("hit"), Misses: total.with("miss"), Collisions: total.with("collision"),
		Evicted: evicted.with(), Entries: entries.with(), Bytes: bytes.with(), estimates: estimates, saved: saved,
	}
	return []reader{total, evicted, entries, bytes, estimates, saved}
}

// MemoEstimate returns the gauges of what a memo of so many rows would know, and save.
func (m *Metrics) MemoEstimate(rows string) (ratio, saved *Gauge) {
	return m.Memo.estimates.with(rows), m.Memo.saved.with(rows)
}
