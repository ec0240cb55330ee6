package main

// memory is what is remembered, where, and how safely.
func memory() board {
	return board{
		uid: "besra-memory", title: "besra / Store, replay, memo, journal", about: "What is remembered, where, and how safely.",
		rows: []row{
			{"Shared store", []panel{
				graph("Up", "none", "1 while it answers, or there is none.", q("{{instance}}", `besra_store_up{@}`)).upTo(1),
				graph("Calls", "ops", "By what they are for.", q("{{use}}", `sum by (use) (rate(besra_store_seconds_count{@}[$__rate_interval])) or histogram_count(sum by (use) (rate(besra_store_seconds{@}[$__rate_interval])))`)),
				graph("Time of a call", "s", "", quantile(0.5, "p50 {{use}}", "use", "besra_store_seconds", `@`), quantile(0.99, "p99 {{use}}", "use", "besra_store_seconds", `@`)),
				graph("Failures", "ops", "late: no answer in time; lost: the connection; refused: by the server; down: not asked.",
					q("{{use}} {{reason}}", `sum by (use, reason) (rate(besra_store_errors_total{@}[$__rate_interval]))`)),
				graph("Memory", "bytes", "Of the server, as it says.", q("{{job}}", `max by (job) (besra_store_memory_bytes{@})`)),
				graph("Dropped keys, losses, foreign values", "none", "In the hour before.",
					q("dropped keys", `max(increase(besra_store_evicted_keys{@}[1h]))`), q("losses of memory", `max(increase(besra_store_losses_total{@}[1h]))`),
					q("foreign values", `sum(increase(besra_store_foreign_total{@}[1h]))`)),
				graph("Connections", "none", "Made in the hour before.", q("{{instance}}", `increase(besra_store_connects_total{@}[1h])`)),
				graph("Peers", "none", "Processes that share limits.", q("{{instance}}", `besra_store_peers{@}`)),
				graph("Judged alone", "reqps", "Requests that were held against a process's even share of a limit.", q("{{instance}}", `rate(besra_limits_alone_total{@}[$__rate_interval])`)),
			}},
			{"Repeats", []panel{
				graph("Event ids", "reqps", "miss: new; hit: repeated; joined: waited for its twin; conflict: other content; unguarded, overtaken: the store was down, or slow.",
					q("{{result}}", `sum by (result) (rate(besra_replay_total{@}[$__rate_interval]))`)),
				graph("Horizon", "s", "How far back all answers are held, and how far they should be.",
					q("{{instance}}", `besra_replay_horizon_seconds{@}`), q("replay.ttl", `max(besra_replay_ttl_seconds{@})`)),
				graph("Dropped early", "none", "Answers, in the hour before.", q("{{instance}}", `increase(besra_replay_evicted_early_total{@}[1h])`)),
				graph("Answers", "none", "Held.", q("{{instance}}", `besra_replay_answers{@}`)),
				graph("Memory of answers", "bytes", "", q("{{instance}}", `besra_replay_bytes{@}`)),
			}},
			{"Histories", []panel{
				graph("Entities", "none", "Whose history is held.", q("{{instance}}", `besra_state_entities{@}`)),
				graph("Memory of histories", "bytes", "", q("{{instance}}", `besra_state_bytes{@}`)),
				graph("Dropped", "none", "In the hour before: idle for longer than their longest window; shed for want of state.bytes.",
					q("idle {{instance}}", `increase(besra_state_idle_total{@}[1h])`), q("shed {{instance}}", `increase(besra_state_shed_total{@}[1h])`)),
				graph("Events not remembered", "percentunit", "Scored, and not in all of their histories.",
					q("{{model}} {{reason}}", `sum by (model, reason) (rate(besra_events_not_remembered_total{@}[$__rate_interval])) / on (model) group_left () sum by (model) (rate(besra_rows_scored_total{@}[$__rate_interval]))`)),
				graph("Outcomes", "none", "Events whose outcome is remembered, and labels that wait for their event.",
					q("outcomes {{instance}}", `besra_outcomes{@}`), q("waiting {{instance}}", `besra_labels_waiting{@}`)),
			}},
			{"Journal", []panel{
				graph("Up", "none", "1 while it can be written, or there is none.", q("{{instance}}", `besra_journal_up{@}`)).upTo(1),
				graph("On disk", "bytes", "Journal and snapshots.", q("{{instance}}", `besra_journal_bytes{@}`)),
				graph("Written", "Bps", "", q("{{instance}}", `rate(besra_journal_written_bytes_total{@}[$__rate_interval])`)),
				graph("Time of a write", "s", "With the fsync of always.",
					quantile(0.5, "p50", "", "besra_journal_write_seconds", `@`), quantile(0.99, "p99", "", "besra_journal_write_seconds", `@`)),
				graph("Failures", "none", "Writes that failed, and answers given that the journal could not hold, in the hour before.",
					q("failures {{instance}}", `increase(besra_journal_failures_total{@}[1h])`), q("unsaved {{instance}}", `increase(besra_journal_unsaved_total{@}[1h])`)),
				graph("Since the last snapshot", "s", "0 before the first.", q("{{instance}}", `besra_journal_snapshot_age_seconds{@}`)),
			}},
			{"Memo", []panel{
				graph("Rows looked up", "reqps", "", q("{{result}}", `sum by (result) (rate(besra_memo_total{@}[$__rate_interval]))`)),
				graph("What a memo would know", "percentunit", "Share of rows, if so many were held; a gap: too few rows to tell.", q("{{rows}}", `avg by (rows) (besra_memo_estimated_hit_ratio{@})`)).upTo(1),
				graph("What it would save", "none", "Processors, at the present rate; below 0 is what it would cost.", q("{{rows}}", `sum by (rows) (besra_memo_saved_cores{@})`)),
				graph("Rows held", "none", "", q("{{instance}}", `besra_memo_entries{@}`)),
				graph("Memory of rows", "bytes", "", q("{{instance}}", `besra_memo_bytes{@}`)),
				graph("Left for want of memo.bytes", "ops", "", q("{{instance}}", `rate(besra_memo_evicted_total{@}[$__rate_interval])`)),
			}},
		},
	}
}
