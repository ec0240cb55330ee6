package main

// overview is what whoever is called opens first: are the promises kept, and if not, what is the matter?
func overview() board {
	return board{
		uid: "besra-overview", title: "besra / Overview", about: "Are the promises kept, and if not, what is the matter?",
		rows: []row{
			{"Promises", []panel{
				stat("Processes up", "none", "Processes that answer Prometheus.",
					q("", `sum(up{@})`)).limit(1, 0),
				stat("Alarms", "none", "Alarms that call somebody, or are tickets. Which they are is marked on every graph.",
					q("", `count(ALERTS{alertname=~"Besra.*", alertstate="firing", job=~"$job"}) or vector(0)`)).limit(1, 2),
				stat("Budget left, availability", "percentunit", "Of the failures that 30 days may have; less than 0 is overspent.",
					q("{{job}}", `job_slo:besra_slo_budget:remaining30d{job=~"$job", slo="availability"}`)).limit(0.5, 0),
				stat("Budget left, latency", "percentunit", "Of the late answers that 30 days may have; less than 0 is overspent.",
					q("{{job}}", `job_slo:besra_slo_budget:remaining30d{job=~"$job", slo="latency"}`)).limit(0.5, 0),
				stat("Answered", "percentunit", "Requests that kept the promise of availability, in 5 minutes.",
					q("{{job}}", `sum by (job) (job_slo_result:besra_slo_requests:rate5m{job=~"$job", slo="availability", result="good"}) / sum by (job) (job_slo_result:besra_slo_requests:rate5m{job=~"$job", slo="availability"})`)).limit(0.999, 0.99),
				stat("In time", "percentunit", "Requests that kept the promise of latency, in 5 minutes.",
					q("{{job}}", `sum by (job) (job_slo_result:besra_slo_requests:rate5m{job=~"$job", slo="latency", result="good"}) / sum by (job) (job_slo_result:besra_slo_requests:rate5m{job=~"$job", slo="latency"})`)).limit(0.99, 0.95),
				burn("availability"), burn("latency"),
				graph("Budget left, of each process", "percentunit", "As each process tells it, since it started.",
					q("{{instance}} {{slo}}", `besra_slo_budget_remaining{@}`)),
			}},
			{"Traffic", []panel{
				graph("Requests", "reqps", "By route.",
					q("{{route}}", `sum by (route) (rate(besra_requests_total{@, route=~"/v.*"}[$__rate_interval]))`)).stack(),
				graph("Failures and refusals", "reqps", "Answers other than 200, by status.",
					q("{{code}}", `sum by (code) (rate(besra_requests_total{@, code!="200"}[$__rate_interval])) > 0 or sum(rate(besra_requests_total{@, code!="200"}[$__rate_interval]))`)),
				graph("Time of an answer", "s", "Of /v1/score, as besra sees it.",
					quantile(0.5, "p50", "", "besra_request_seconds", `@, route="/v1/score"`),
					quantile(0.99, "p99", "", "besra_request_seconds", `@, route="/v1/score"`),
					quantile(0.999, "p99.9", "", "besra_request_seconds", `@, route="/v1/score"`)),
				graph("Decisions", "percentunit", "Shares of what is decided; repeats count once.",
					q("{{model}} {{decision}}", `sum by (model, decision) (rate(besra_decisions_total{@}[$__rate_interval])) / on (model) group_left () sum by (model) (rate(besra_decisions_total{@}[$__rate_interval]))`)).stack().upTo(1),
				graph("Degraded answers", "percentunit", "Answers without a score that could be trusted, or without their history.",
					q("{{model}}", `job_model:besra_degraded:ratio_rate5m{job=~"$job"}`)).limit(0.01, 0.25),
				graph("Refused to keep the others in time", "percentunit", "Of requests: 503 and 504.",
					q("{{reason}}", `job_reason:besra_shed:ratio_rate5m{job=~"$job"}`)).limit(0.01),
			}},
			{"Processes", []panel{
				graph("Up", "none", "Whether they answer Prometheus.", q("{{instance}}", `up{@}`)).upTo(1),
				graph("Shared store", "none", "1 while it answers, or there is none.", q("{{instance}}", `besra_store_up{@}`)).upTo(1),
				graph("Journal", "none", "1 while it can be written, or there is none.", q("{{instance}}", `besra_journal_up{@}`)).upTo(1),
				graph("Processors", "none", "In use.", q("{{instance}}", `rate(process_cpu_seconds_total{@}[$__rate_interval])`)),
				graph("Memory", "bytes", "Resident.", q("{{instance}}", `process_resident_memory_bytes{@}`)),
				graph("Starts", "none", "In the hour before.", q("{{instance}}", `changes(process_start_time_seconds{@}[1h])`)).limit(3),
				table("Builds", "none", "How many processes run which build.",
					q("", `count by (version, revision, go, platform) (besra_build_info{@})`)).wide(12),
				table("Models", "none", "How many processes serve which version.",
					q("", `sum by (job, model, version) (besra_model_ready{@})`)).wide(12),
			}},
		},
	}
}

// burn shows how fast a budget burns, beside the rates at which somebody is called.
func burn(slo string) panel {
	const about = "1 is what the objective allows. 14.4 over an hour or 6 over six hours calls somebody; 1 over three days is a ticket."
	p := graph("Budget burn, "+slo, "none", about).limit(1, 6, 14.4)
	for _, window := range []string{"5m", "30m", "1h", "6h", "3d"} {
		p.queries = append(p.queries, q("{{job}} "+window, `job_slo:besra_slo_burn:rate`+window+`{job=~"$job", slo="`+slo+`"}`))
	}
	return p
}
