package main

// latency is where the time of a request goes.
func latency() board {
	return board{
		uid: "besra-latency", title: "besra / Latency and stages", about: "Where the time of a request goes.",
		rows: []row{
			{"Answers", []panel{
				graph("Time of /v1/score", "s", "From a request's first byte in hand to its answer.",
					quantile(0.5, "p50", "", "besra_request_seconds", `@, route="/v1/score"`),
					quantile(0.9, "p90", "", "besra_request_seconds", `@, route="/v1/score"`),
					quantile(0.99, "p99", "", "besra_request_seconds", `@, route="/v1/score"`),
					quantile(0.999, "p99.9", "", "besra_request_seconds", `@, route="/v1/score"`)).wide(12),
				graph("p99 by process", "s", "Of /v1/score: one that is slower than the others has a reason of its own.",
					quantile(0.99, "{{instance}}", "instance", "besra_request_seconds", `@, route="/v1/score"`)).wide(12),
				graph("p99 by route", "s", "",
					quantile(0.99, "{{route}}", "route", "besra_request_seconds", `@, route=~"/v.*"`)),
				graph("In time", "percentunit", "Requests that keep the promise of latency.",
					q("{{job}}", `sum by (job) (rate(besra_slo_requests_total{@, slo="latency", result="good"}[$__rate_interval])) / sum by (job) (rate(besra_slo_requests_total{@, slo="latency"}[$__rate_interval]))`)),
				graph("Requests", "reqps", "", q("{{route}}", `sum by (route) (rate(besra_requests_total{@, route=~"/v.*"}[$__rate_interval]))`)),
			}},
			{"Stages", []panel{
				graph("Mean time by stage", "s", "That of the store lies within others.",
					q("{{stage}}", `sum by (stage) (rate(besra_stage_seconds_sum{@}[$__rate_interval])) / sum by (stage) (rate(besra_stage_seconds_count{@}[$__rate_interval])) or histogram_sum(sum by (stage) (rate(besra_stage_seconds{@}[$__rate_interval]))) / histogram_count(sum by (stage) (rate(besra_stage_seconds{@}[$__rate_interval])))`)),
				graph("p99 by stage", "s", "", quantile(0.99, "{{stage}}", "stage", "besra_stage_seconds", `@`)),
				heatmap("Score", "s", "The stage score.", "besra_stage_seconds", `@, stage="score"`),
			}},
			{"What may make them wait", []panel{
				graph("In flight", "none", "Requests being answered, and how many are let in at once (0: no limit).",
					q("in flight {{instance}}", `besra_requests_in_flight{@}`), q("limit {{instance}}", `besra_concurrency_limit{@}`)),
				graph("Wait for a processor", "s", "The stage queue: what decides whether load is shed.",
					quantile(0.5, "p50", "", "besra_stage_seconds", `@, stage="queue"`), quantile(0.99, "p99", "", "besra_stage_seconds", `@, stage="queue"`)),
				graph("Wait for the journal", "s", "The stage journal.",
					quantile(0.5, "p50", "", "besra_stage_seconds", `@, stage="journal"`), quantile(0.99, "p99", "", "besra_stage_seconds", `@, stage="journal"`)),
				graph("Shared store", "s", "p99 of a call, by what it is for.",
					quantile(0.99, "{{use}}", "use", "besra_store_seconds", `@`)),
				graph("Processors", "none", "In use, and to be had.",
					q("{{instance}}", `rate(process_cpu_seconds_total{@}[$__rate_interval])`), q("of {{instance}}", `go_sched_gomaxprocs_threads{@}`)),
				graph("Pauses of the collector", "s", "Longest of the last ones.", q("{{instance}}", `max by (instance) (go_gc_duration_seconds{@})`)),
			}},
		},
	}
}
