package telemetry

// A definition is what a metric is called, and how it is to be read.
type definition struct {
	name   string
	kind   Kind
	labels []string
	help   string
}

func labels(names ...string) []string { return names }

// catalogue names every metric, in the order in which exporters show them.
func catalogue() []definition {
	return []definition{
		// requests
		{"besra_build_info", GaugeKind, labels("version", "revision", "go", "platform"), "1; the labels tell which build this is."},
		{"besra_requests_total", CounterKind, labels("route", "code"), "Requests answered."},
		{"besra_request_seconds", HistogramKind, labels("route"), "Time from a request's first byte in hand to its answer."},
		{"besra_requests_in_flight", GaugeKind, labels(), "Requests being answered now."},
		{"besra_problems_total", CounterKind, labels("code"), "Requests answered with a problem, by its code."},
		{"besra_stage_seconds", HistogramKind, labels("stage"), "Time that a request spent in each stage; that of the store lies within others."},
		// models
		{"besra_rows_scored_total", CounterKind, labels("model", "version"), "Rows that a model scored."},
		{"besra_decisions_total", CounterKind, labels("model", "version", "decision"), "Decisions made; a replayed answer is not counted again."},
		{"besra_score", HistogramKind, labels("model", "version"), "Scores given; a replayed answer is not counted again."},
		{"besra_features_missing_total", CounterKind, labels("model", "feature"), "Feature values that were missing."},
		{"besra_features_out_of_bounds_total", CounterKind, labels("model", "feature"), "Feature values outside the bounds that the bundle declares."},
		{"besra_model_ready", GaugeKind, labels("model", "version"), "1 while this version answers requests, else 0."},
		{"besra_model_loaded_timestamp_seconds", GaugeKind, labels("model", "version"), "When this version was read, in seconds since 1970."},
		{"besra_model_refused_total", CounterKind, labels("model", "reason"), "Versions that were found and not accepted."},
		{"besra_degraded_total", CounterKind, labels("model", "version"), "Answers without a score that could be trusted."},
		{"besra_events_not_remembered_total", CounterKind, labels("model", "reason"), "Events that were scored and did not enter history."},
		{"besra_policy_reloads_total", CounterKind, labels("result"), "Changes of a policy that were found, and whether they were taken."},
		// models that are kept elsewhere
		{"besra_mirror_looks_total", CounterKind, labels("result"), "Looks at models that are kept elsewhere, such as in S3; failed: what is served stays."},
		{"besra_mirror_failures_total", CounterKind, labels(), "Versions and pins that could not be fetched, at each look."},
		{"besra_mirror_retries_total", CounterKind, labels(), "Requests for models that were made again, because of what may pass."},
		{"besra_mirror_fetched_bytes_total", CounterKind, labels(), "Bytes of models that were fetched."},
		// what is remembered
		{"besra_replay_total", CounterKind, labels("result"), "Event ids that came, by what became of them."},
		{"besra_labels_total", CounterKind, labels("result"), "Labels that came, by what they were about."},
		{"besra_replay_answers", GaugeKind, labels(), "Answers held for events that come again."},
		{"besra_replay_bytes", GaugeKind, labels(), "Memory of the answers held for events that come again."},
		{"besra_replay_ttl_seconds", GaugeKind, labels(), "How long an event that comes again is promised its first answer: replay.ttl."},
		{"besra_replay_horizon_seconds", GaugeKind, labels(), "How long back an event that comes again is sure to get its first answer."},
		{"besra_replay_evicted_early_total", CounterKind, labels(), "Answers dropped before replay.ttl for want of replay.bytes: an alarm."},
		{"besra_state_entities", GaugeKind, labels(), "Entities whose history is held."},
		{"besra_state_bytes", GaugeKind, labels(), "Memory of the histories held."},
		{"besra_state_idle_total", CounterKind, labels(), "Entities dropped because they were idle for longer than their longest window."},
		{"besra_state_shed_total", CounterKind, labels(), "Entities dropped, oldest first, for want of state.bytes: an alarm."},
		{"besra_journal_write_seconds", HistogramKind, labels(), "Time to write records to the journal, and to sync them."},
		{"besra_journal_up", GaugeKind, labels(), "1 while the journal can be written or there is none, else 0: an alarm."},
		{"besra_journal_bytes", GaugeKind, labels(), "Journal and snapshots on disk."},
		{"besra_journal_failures_total", CounterKind, labels(), "Writes to the journal that failed: an alarm."},
		{"besra_journal_unsaved_total", CounterKind, labels(), "Answers given that the journal could not hold (state.on_failure: continue)."},
		{"besra_journal_written_bytes_total", CounterKind, labels(), "Bytes written to the journal."},
		{"besra_journal_snapshot_age_seconds", GaugeKind, labels(), "Time since the last snapshot; 0 before the first."},
		{"besra_labels_waiting", GaugeKind, labels(), "Labels of events that have not come."},
		{"besra_outcomes", GaugeKind, labels(), "Scored events that wait for, or have, a label."},
		// the store that processes share
		{"besra_store_up", GaugeKind, labels(), "1 while the shared store answers or there is none, else 0: an alarm."},
		{"besra_store_connects_total", CounterKind, labels(), "Times that the shared store was connected to."},
		{"besra_store_losses_total", CounterKind, labels(), "Times that the shared store was found without the memory that it had: an alarm."},
		{"besra_store_seconds", HistogramKind, labels("use"), "Time of a call of the shared store, by what it is for."},
		{"besra_store_errors_total", CounterKind, labels("use", "reason"), "Calls of the shared store that failed."},
		{"besra_store_foreign_total", CounterKind, labels("use"), "Values in the shared store that are not ours, torn or of another layout; they count as nothing."},
		{"besra_store_evicted_keys", GaugeKind, labels(), "Keys that the shared store has dropped for want of memory, as it says: an alarm."},
		{"besra_store_memory_bytes", GaugeKind, labels(), "Memory of the shared store, as it says."},
		{"besra_store_peers", GaugeKind, labels(), "Processes that share limits, as this one knows."},
		{"besra_limits_alone_total", CounterKind, labels(), "Requests that were judged by this process's share of a limit: the shared store was down."},
		// rows that are remembered
		{"besra_memo_total", CounterKind, labels("result"), "Rows that were looked for in the memo, by what was found."},
		{"besra_memo_evicted_total", CounterKind, labels(), "Rows that left the memo for want of memo.bytes."},
		{"besra_memo_entries", GaugeKind, labels(), "Rows that the memo holds."},
		{"besra_memo_bytes", GaugeKind, labels(), "Memory of the rows that the memo holds."},
		{"besra_memo_estimated_hit_ratio", GaugeKind, labels("rows"), "Share of rows that a memo of so many rows would know; NaN until there were enough to tell."},
		{"besra_memo_saved_cores", GaugeKind, labels("rows"), "Processors that a memo of so many rows would save at the present rate; less than 0 is what it would cost."},
		// how well it does
		{"besra_precision", GaugeKind, labels("model", "version", "age"), "Share of fraud among labelled events that were reviewed or declined, by the events' age."},
		{"besra_recall", GaugeKind, labels("model", "version", "age"), "Share of labelled fraud that was reviewed or declined, by the events' age."},
		{"besra_labelled_share", GaugeKind, labels("model", "version", "age"), "Share of events that have a label, by their age."},
		{"besra_fraud_loss", GaugeKind, labels("model", "version", "age", "outcome"), "Loss of labelled fraud, caught and missed, by the events' age."},
		// who may ask, and how much
		{"besra_denied_total", CounterKind, labels("reason"), "Requests answered 401 or 403, by reason."},
		{"besra_limited_total", CounterKind, labels("reason"), "Requests answered 429, by reason."},
		{"besra_shed_total", CounterKind, labels("reason"), "Requests answered 503 or 504 to keep the others in time, by reason."},
		{"besra_keys_reloads_total", CounterKind, labels("result"), "Changes of the file of keys that were found, and whether they were taken."},
		{"besra_tls_reloads_total", CounterKind, labels("result"), "Changes of TLS certificates that were found, and whether they were taken."},
		{"besra_jwks_fetches_total", CounterKind, labels("result"), "Fetches of token issuers' keys, by result."},
		{"besra_keys", GaugeKind, labels(), "API keys and certificates that are known."},
		{"besra_tokens_remembered", GaugeKind, labels(), "Verified tokens that are remembered."},
		{"besra_concurrency_limit", GaugeKind, labels(), "Requests that are let in at once; 0: no limit."},
		{"besra_admin_actions_total", CounterKind, labels(), "Changes made through the admin listener."},
		// promises
		{"besra_slo_objective", GaugeKind, labels("slo"), "Share of requests that is promised to be good."},
		{"besra_slo_requests_total", CounterKind, labels("slo", "result"), "Requests that a promise is about, good and bad."},
		{"besra_slo_budget_remaining", GaugeKind, labels("slo"), "What is left of the budget of bad requests in 30 days, or since the start: 1 is all, below 0 it is overspent."},
		{"besra_slo_burn_rate", GaugeKind, labels("slo", "window"), "How fast the budget is spent: at 1 it lasts for 30 days."},
		// what is told
		{"besra_log_lines_dropped_total", CounterKind, labels(), "Lines about requests that log.rate left no room for."},
		{"besra_traces_total", CounterKind, labels("result"), "Requests whose traces are kept, and how many of these were sent and lost; the others are under way."},
		{"besra_tls_certificate_expiry_timestamp_seconds", GaugeKind, labels(), "When the server's certificate ends, in seconds since 1970; 0: there is none."},
		// challengers
		{"besra_shadow_events_total", CounterKind, labels("model", "version", "result"), "Events for a challenger, by what became of them."},
		{"besra_shadow_decisions_changed_total", CounterKind, labels("model", "version"), "Events on which a challenger decides otherwise than the live version."},
		{"besra_shadow_score_shift", HistogramKind, labels("model", "version"), "A challenger's score less the live version's."},
		// drift
		{"besra_drift_psi", GaugeKind, labels("model", "version", "feature"), "Distance of a feature's values from the reference: PSI less its sampling noise; NaN until there are enough rows to tell."},
		{"besra_score_drift_psi", GaugeKind, labels("model", "version"), "Distance of the scores from the reference: PSI less its sampling noise; NaN until there are enough rows to tell."},
		{"besra_drift_rows", GaugeKind, labels("model", "version"), "Rows that are compared with the reference."},
		{"besra_drift_reference_rows", GaugeKind, labels("model", "version"), "Rows of the reference."},
	}
}
