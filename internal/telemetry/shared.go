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

func (m *Metrics) addShared(counter func() *Counter, gauge func() *Gauge, histogram func() *Histogram) []reader {
	up := newFamily("besra_store_up", "1 while the shared store answers or there is none, else 0: an alarm.", GaugeKind, gauge)
	connected := newFamily("besra_store_connects_total", "Times that the shared store was connected to.", CounterKind, counter)
	losses := newFamily("besra_store_losses_total", "Times that the shared store was found without the memory that it had: an alarm.", CounterKind, counter)
	seconds := newFamily("besra_store_seconds", "Time of a call of the shared store, by what it is for.", HistogramKind, histogram, "use")
	failures := newFamily("besra_store_errors_total", "Calls of the shared store that failed.", CounterKind, counter, "use", "reason")
	foreign := newFamily("besra_store_foreign_total", "Values in the shared store that are not ours, torn or of another layout; they count as nothing.",
		CounterKind, counter, "use")
	evicted := newFamily("besra_store_evicted_keys", "Keys that the shared store has dropped for want of memory, as it says: an alarm.", GaugeKind, gauge)
	memory := newFamily("besra_store_memory_bytes", "Memory of the shared store, as it says.", GaugeKind, gauge)
	peers := newFamily("besra_store_peers", "Processes that share limits, as this one knows.", GaugeKind, gauge)
	alone := newFamily("besra_limits_alone_total", "Requests that were judged by this process's share of a limit: the shared store was down.", CounterKind, gauge)
	m.Store = Store{
		Peers: peers.with(), Alone: alone.with(),
		Up: up.with(), Connected: connected.with(), Losses: losses.with(), Evicted: evicted.with(), Memory: memory.with(),
	}
	for i, use := range [...]string{"state", "replay", "limits", "memo"} {
		m.Store.Uses[i] = StoreUse{
			Seconds: seconds.with(use), Foreign: foreign.with(use),
			Down: failures.with(use, "down"), Late: failures.with(use, "late"),
			Lost: failures.with(use, "lost"), Refused: failures.with(use, "refused"),
		}
	}
	return []reader{up, connected, losses, seconds, failures, foreign, evicted, memory, peers, alone}
}
