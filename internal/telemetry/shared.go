package telemetry

// Store measures the store that processes share.
type Store struct {
	Up              *Gauge // 1 while it answers
	Connected       *Counter
	Losses          *Counter    // of its memory
	Uses            [4]StoreUse // states, replay, limits, memo
	Evicted, Memory *Gauge      // as the server says

	Peers, Alone *Gauge // processes that share limits; requests that were judged by a local share, which rise
}

// A StoreUse measures the calls for one use.
type StoreUse struct {
	Seconds *Histogram

	Down    *Counter // not made: the store was down
	Late    *Counter // without an answer in time
	Lost    *Counter // the connection failed
	Refused *Counter // the server answered with an error

	Foreign *Counter // values that were found and are not ours, torn, or of another layout
}

func (m *Metrics) addShared(k *maker) {
	seconds := k.histograms("besra_store_seconds", stageBounds())
	failures := k.counters("besra_store_errors_total")
	foreign := k.counters("besra_store_foreign_total")
	m.Store = Store{
		Peers: k.gauge("besra_store_peers"), Alone: k.gauge("besra_limits_alone_total"),
		Up: k.gauge("besra_store_up"), Memory: k.gauge("besra_store_memory_bytes"), Evicted: k.gauge("besra_store_evicted_keys"),
		Connected: k.counter("besra_store_connects_total"), Losses: k.counter("besra_store_losses_total"),
	}
	for i, use := range [...]string{"state", "replay", "limits", "memo"} {
		m.Store.Uses[i] = StoreUse{
			Seconds: seconds.with(use), Foreign: foreign.with(use),
			Down: failures.with(use, "down"), Late: failures.with(use, "late"),
			Lost: failures.with(use, "lost"), Refused: failures.with(use, "refused"),
		}
	}
}
