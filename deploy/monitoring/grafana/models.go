package main

// models is what models say, whether events are still what they were trained for, and how well they do.
func models() board {
	const of = `@, model=~"$model"`
	return board{
		uid: "besra-models", title: "besra / Models and drift",
		about:     "What models say, whether events are still what they were trained for, and how well they do.",
		variables: []variable{{"model", "besra_model_ready"}},
		rows: []row{
			{"Versions", []panel{
				graph("Live", "none", "Processes that answer with this version.", q("{{model}}@{{version}}", `sum by (model, version) (besra_model_ready{`+of+`})`)),
				graph("Rows", "reqps", "Rows that a version scored.", q("{{model}}@{{version}}", `sum by (model, version) (rate(besra_rows_scored_total{`+of+`}[$__rate_interval]))`)),
				graph("Refused", "none", "Versions that were found and not accepted, in the hour before.",
					q("{{model}} {{reason}}", `sum by (model, reason) (increase(besra_model_refused_total{`+of+`}[1h]))`)),
				table("Loaded", "dateTimeAsIso", "When a version was loaded, first by any process.",
					q("", `min by (model, version) (besra_model_loaded_timestamp_seconds{`+of+`}) * 1000`)),
				graph("Changes of the policy", "none", "In the hour before.", q("{{result}}", `sum by (result) (increase(besra_policy_reloads_total{@}[1h]))`)),
				graph("A bucket of models", "none", "Looks, versions that could not be fetched, and requests that were made again, in the hour before.",
					q("looks, {{result}}", `sum by (result) (increase(besra_mirror_looks_total{@}[1h]))`),
					q("not fetched", `sum(increase(besra_mirror_failures_total{@}[1h]))`), q("made again", `sum(increase(besra_mirror_retries_total{@}[1h]))`)),
				graph("Fetched from it", "Bps", "", q("", `sum(rate(besra_mirror_fetched_bytes_total{@}[$__rate_interval]))`)),
				graph("Changes by operators", "none", "In the hour before.", q("", `sum(increase(besra_admin_actions_total{@}[1h]))`)),
			}},
			{"Decisions and scores", []panel{
				graph("Decisions", "percentunit", "Shares; repeats count once.",
					q("{{model}}@{{version}} {{decision}}", `sum by (model, version, decision) (rate(besra_decisions_total{`+of+`}[$__rate_interval])) / on (model, version) group_left () sum by (model, version) (rate(besra_decisions_total{`+of+`}[$__rate_interval]))`)),
				graph("Scores", "none", "Median, and the score that one of a hundred events passes.",
					quantile(0.5, "p50 {{model}}@{{version}}", "model, version", "besra_score", of), quantile(0.99, "p99 {{model}}@{{version}}", "model, version", "besra_score", of)),
				heatmap("Scores over time", "none", "", "besra_score", of),
			}},
			{"Drift", []panel{
				graph("Features", "none", "Population stability index against training: .1 is a ticket, .25 calls somebody. A gap: too few rows for a verdict.",
					q("{{model}}@{{version}} {{feature}}", `topk(10, job_model_version_feature:besra_drift_psi:avg{job=~"$job", model=~"$model"})`)).limit(0.1, 0.25),
				graph("Scores", "none", "The same of scores.",
					q("{{model}}@{{version}}", `job_model_version:besra_score_drift_psi:avg{job=~"$job", model=~"$model"}`)).limit(0.1, 0.25),
				graph("Rows behind the verdict", "none", "Of each process, and of the reference.",
					q("{{model}}@{{version}} {{instance}}", `besra_drift_rows{`+of+`}`), q("{{model}}@{{version}} reference", `max by (model, version) (besra_drift_reference_rows{`+of+`})`)),
				graph("Missing", "percentunit", "Share of rows in which a feature is missing; the ten that miss most.",
					q("{{model}} {{feature}}", `topk(10, job_model_feature:besra_features_missing:ratio_rate30m{job=~"$job", model=~"$model"})`)).upTo(1),
				graph("Missing, more than in the day before", "percentunit", "From .1 on that is a ticket.",
					q("{{model}} {{feature}}", `topk(10, job_model_feature:besra_features_missing:ratio_rate30m{job=~"$job", model=~"$model"} - job_model_feature:besra_features_missing:ratio_rate1d)`)).limit(0.1),
				graph("Out of bounds", "percentunit", "Share of rows in which a feature is outside of what the bundle declares.",
					q("{{model}} {{feature}}", `topk(10, sum by (model, feature) (rate(besra_features_out_of_bounds_total{`+of+`}[$__rate_interval])) / on (model) group_left () sum by (model) (rate(besra_rows_scored_total{`+of+`}[$__rate_interval])))`)),
			}},
			{"How well they do, by labels", []panel{
				graph("Precision", "percentunit", "Fraud among labelled events that were reviewed or declined.", q("{{model}}@{{version}} {{age}}", `avg by (model, version, age) (besra_precision{`+of+`})`)).upTo(1),
				graph("Recall", "percentunit", "Labelled fraud that was reviewed or declined.", q("{{model}}@{{version}} {{age}}", `avg by (model, version, age) (besra_recall{`+of+`})`)).upTo(1),
				graph("Labelled", "percentunit", "Events that have a label.", q("{{model}}@{{version}} {{age}}", `avg by (model, version, age) (besra_labelled_share{`+of+`})`)).upTo(1),
				graph("Loss", "none", "Of labelled fraud, in the events' own money.", q("{{model}}@{{version}} {{outcome}}", `max by (model, version, outcome) (besra_fraud_loss{`+of+`, age="all"})`)),
				graph("Labels", "reqps", "", q("{{result}}", `sum by (result) (rate(besra_labels_total{@}[$__rate_interval]))`)),
				graph("Degraded", "percentunit", "Answers without a score that could be trusted, or without their history.", q("{{model}}", `job_model:besra_degraded:ratio_rate5m{job=~"$job", model=~"$model"}`)),
			}},
			{"Challengers", []panel{
				graph("Events", "reqps", "Events for a challenger, by what became of them.", q("{{model}}@{{version}} {{result}}", `sum by (model, version, result) (rate(besra_shadow_events_total{`+of+`}[$__rate_interval]))`)),
				graph("Decides otherwise", "percentunit", "Of the events that both scored.",
					q("{{model}}@{{version}}", `sum by (model, version) (rate(besra_shadow_decisions_changed_total{`+of+`}[$__rate_interval])) / sum by (model, version) (rate(besra_shadow_events_total{`+of+`, result="compared"}[$__rate_interval]))`)),
				heatmap("Challenger's score less the live one's", "none", "", "besra_shadow_score_shift", of),
			}},
		},
	}
}
