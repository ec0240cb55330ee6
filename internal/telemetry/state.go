package telemetry

// Replay counts what became of event ids.
type Replay struct {
	Miss     *Counter // not answered before: scored
	Hit      *Counter // answered before: the first answer again
	Joined   *Counter // waited for its twin's answer
	Conflict *Counter // known with other content: refused

	Unguarded *Counter // answered though the shared store was down: a repeat may be answered anew
	Overtaken *Counter // their claim expired before they were answered: another's answer was given, if there was one

	Answers, Bytes *Gauge // held
	TTL            *Gauge // seconds for which an answer is promised to be held
	Horizon        *Gauge // seconds back to the oldest answer that is sure to be held
	Evicted        *Gauge // answers dropped before their time, for want of room
}

// State measures the histories of entities.
type State struct {
	Entities, Bytes *Gauge // held
	Idle            *Gauge // dropped since nothing of theirs could count any more
	Shed            *Gauge // dropped for want of room
}

// Journal measures the durable log.
type Journal struct {
	Up       *Gauge   // 1 while records can be written
	Bytes    *Gauge   // on disk
	Failures *Counter // writes that failed
	Unsaved  *Counter // answers that left without being durable, as state.on_failure allows
	Written  *Counter // bytes
	Seconds  *Histogram
	Snapshot *Gauge // seconds since the last snapshot; 0 before the first
}

// Labels counts what clients said that events turned out to be.
type Labels struct {
	Known, Repeated, Early *Counter // of a scored event, no news, of an event not seen
	Waiting                *Gauge   // early labels held
	Outcomes               *Gauge   // events of which the outcome is remembered
}

func (m *Metrics) addState(k *maker) {
	replay := k.counters("besra_replay_total")
	labels := k.counters("besra_labels_total")
	m.Replay = Replay{
		Miss: replay.with("miss"), Hit: replay.with("hit"), Joined: replay.with("joined"), Conflict: replay.with("conflict"),
		Unguarded: replay.with("unguarded"), Overtaken: replay.with("overtaken"),
		Answers: k.gauge("besra_replay_answers"),
		Bytes:   k.gauge("besra_replay_bytes"),
		TTL:     k.gauge("besra_replay_ttl_seconds"),
		Horizon: k.gauge("besra_replay_horizon_seconds"),
		Evicted: k.gauge("besra_replay_evicted_early_total"),
	}
	m.State = State{
		Entities: k.gauge("besra_state_entities"),
		Bytes:    k.gauge("besra_state_bytes"),
		Idle:     k.gauge("besra_state_idle_total"),
		Shed:     k.gauge("besra_state_shed_total"),
	}
	written := k.histograms("besra_journal_write_seconds", stageBounds())
	m.Journal = Journal{
		Up:       k.gauge("besra_journal_up"),
		Bytes:    k.gauge("besra_journal_bytes"),
		Failures: k.counter("besra_journal_failures_total"),
		Unsaved:  k.counter("besra_journal_unsaved_total"),
		Written:  k.counter("besra_journal_written_bytes_total"),
		Snapshot: k.gauge("besra_journal_snapshot_age_seconds"),
		Seconds:  written.with(),
	}
	m.Labels = Labels{
		Known: labels.with("known"), Repeated: labels.with("repeated"), Early: labels.with("early"),
		Waiting:  k.gauge("besra_labels_waiting"),
		Outcomes: k.gauge("besra_outcomes"),
	}
}

// Performance is how well one version of a model did on events of one age, from the newest event back.
type Performance struct {
	Precision, Recall *Gauge // of review and decline together; NaN without the labels to tell
	Labelled          *Gauge // share of events that have a label
	Caught, Missed    *Gauge // loss of frauds, in the currency
}

type performance struct {
	precision, recall, labelled, loss *family[*Gauge]
}

func (m *Metrics) addPerformance(k *maker) {
	m.performance = performance{
		precision: k.gauges("besra_precision"),
		recall:    k.gauges("besra_recall"),
		labelled:  k.gauges("besra_labelled_share"),
		loss:      k.gauges("besra_fraud_loss"),
	}
}

// Performance returns the handle of one version's performance on events of an age. The series of versions that
// are served are there from the start.
func (m *Metrics) Performance(model, version, age string) Performance {
	p := &m.performance
	return Performance{
		Precision: p.precision.with(model, version, age), Recall: p.recall.with(model, version, age),
		Labelled: p.labelled.with(model, version, age),
		Caught:   p.loss.with(model, version, age, "caught"), Missed: p.loss.with(model, version, age, "missed"),
	}
}

// ForgetPerformance drops the figures of a version that is not served.
func (m *Metrics) ForgetPerformance(model, version string) { m.performance.drop(model, version) }

// Ages are the ages by which performance is told.
func Ages() []string { return []string{"0-7d", "7-30d", "30-90d", "all"} }

func (p *performance) drop(model, version string) {
	for _, age := range Ages() {
		p.precision.drop(model, version, age)
		p.recall.drop(model, version, age)
		p.labelled.drop(model, version, age)
		p.loss.drop(model, version, age, "caught")
		p.loss.drop(model, version, age, "missed")
	}
}
