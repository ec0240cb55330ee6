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

func (m *Metrics) addState(counter func() *Counter, gauge func() *Gauge, histogram func() *Histogram) []reader {
	replay := newFamily("besra_replay_total", "Event ids that came, by what became of them.", CounterKind, counter, "result")
	labels := newFamily("besra_labels_total", "Labels that came, by what they were about.", CounterKind, counter, "result")
	families := []reader{replay, labels}
	level := func(name, help string) *Gauge {
		f := newFamily(name, help, GaugeKind, gauge)
		families = append(families, f)
		return f.with()
	}
	rising := func(name, help string) *Counter {
		f := newFamily(name, help, CounterKind, counter)
		families = append(families, f)
		return f.with()
	}
	// These rise, too, but somebody else counts them.
	counted := func(name, help string) *Gauge {
		f := newFamily(name, help, CounterKind, gauge)
		families = append(families, f)
		return f.with()
	}
	m.Replay = Replay{
		Miss: replay.with("miss"), Hit: replay.with("hit"), Joined: replay.with("joined"), Conflict: replay.with("conflict"),
		Unguarded: replay.with("unguarded"), Overtaken: replay.with("overtaken"),
		Answers: level("besra_replay_answers", "Answers held for events that come again."),
		Bytes:   level("besra_replay_bytes", "Memory of the answers held for events that come again."),
		TTL:     level("besra_replay_ttl_seconds", "How long an event that comes again is promised its first answer: replay.ttl."),
		Horizon: level("besra_replay_horizon_seconds", "How long back an event that comes again is sure to get its first answer."),
		Evicted: counted("besra_replay_evicted_early_total", "Answers dropped before replay.ttl for want of replay.bytes: an alarm."),
	}
	m.State = State{
		Entities: level("besra_state_entities", "Entities whose history is held."),
		Bytes:    level("besra_state_bytes", "Memory of the histories held."),
		Idle:     counted("besra_state_idle_total", "Entities dropped because they were idle for longer than their longest window."),
		Shed:     counted("besra_state_shed_total", "Entities dropped, oldest first, for want of state.bytes: an alarm."),
	}
	written := newFamily("besra_journal_write_seconds", "Time to write records to the journal, and to sync them.", HistogramKind, histogram)
	families = append(families, written)
	m.Journal = Journal{
		Up:       level("besra_journal_up", "1 while the journal can be written or there is none, else 0: an alarm."),
		Bytes:    level("besra_journal_bytes", "Journal and snapshots on disk."),
		Failures: rising("besra_journal_failures_total", "Writes to the journal that failed: an alarm."),
		Unsaved:  rising("besra_journal_unsaved_total", "Answers given that the journal could not hold (state.on_failure: continue)."),
		Written:  rising("besra_journal_written_bytes_total", "Bytes written to the journal."),
		Snapshot: level("besra_journal_snapshot_age_seconds", "Time since the last snapshot; 0 before the first."),
		Seconds:  written.with(),
	}
	m.Labels = Labels{
		Known: labels.with("known"), Repeated: labels.with("repeated"), Early: labels.with("early"),
		Waiting:  level("besra_labels_waiting", "Labels of events that have not come."),
		Outcomes: level("besra_outcomes", "Scored events that wait for, or have, a label."),
	}
	return families
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

func (m *Metrics) addPerformance(gauge func() *Gauge) []reader {
	m.performance = performance{
		precision: newFamily("besra_precision", "Share of fraud among labelled events that were reviewed or declined, by the events' age.",
			GaugeKind, gauge, "model", "version", "age"),
		recall: newFamily("besra_recall", "Share of labelled fraud that was reviewed or declined, by the events' age.",
			GaugeKind, gauge, "model", "version", "age"),
		labelled: newFamily("besra_labelled_share", "Share of events that have a label, by their age.",
			GaugeKind, gauge, "model", "version", "age"),
		loss: newFamily("besra_fraud_loss", "Loss of labelled fraud, caught and missed, by the events' age.",
			GaugeKind, gauge, "model", "version", "age", "outcome"),
	}
	p := &m.performance
	return []reader{p.precision, p.recall, p.labelled, p.loss}
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
