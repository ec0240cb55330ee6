package telemetry

// Memo measures what is remembered of rows.
type Memo struct {
	Hits, Misses, Collisions *Gauge // they rise, and somebody else counts them
	Evicted                  *Gauge // likewise
	Entries, Bytes           *Gauge

	estimates, saved *family[*Gauge]
}

func (m *Metrics) addMemo(k *maker) {
	total := k.gauges("besra_memo_total")
	estimates := k.gauges("besra_memo_estimated_hit_ratio")
	saved := k.gauges("besra_memo_saved_cores")
	m.Memo = Memo{
		Hits: total.with("hit"), Misses: total.with("miss"), Collisions: total.with("collision"),
		Evicted: k.gauge("besra_memo_evicted_total"), Entries: k.gauge("besra_memo_entries"), Bytes: k.gauge("besra_memo_bytes"), estimates: estimates, saved: saved,
	}
}

// MemoEstimate returns the gauges of what a memo of so many rows would know, and save.
func (m *Metrics) MemoEstimate(rows string) (ratio, saved *Gauge) {
	return m.Memo.estimates.with(rows), m.Memo.saved.with(rows)
}
