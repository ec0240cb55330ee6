package main

// clients is what is said to clients, who is not let in, and why.
func clients() board {
	return board{
		uid: "besra-clients", title: "besra / Clients and denials", about: "What is said to clients, who is not let in, and why.",
		rows: []row{
			{"What clients are told", []panel{
				graph("Answers", "reqps", "By status.", q("{{code}}", `sum by (code) (rate(besra_requests_total{@}[$__rate_interval])) > 0 or sum(rate(besra_requests_total{@}[$__rate_interval]))`)).stack(),
				graph("Problems", "reqps", "By the code that a client reads in the answer.", q("{{code}}", `sum by (code) (rate(besra_problems_total{@}[$__rate_interval]))`)),
				graph("By route", "reqps", "Answers from 400 on.", q("{{route}}", `sum by (route) (rate(besra_requests_total{@, code=~"4..|5.."}[$__rate_interval]))`)),
			}},
			{"Not let in", []panel{
				graph("Denied", "reqps", "401 and 403, by reason. Many unknown ones from nowhere: somebody tries keys. Many expired ones: a client missed a rotation.",
					q("{{reason}}", `sum by (reason) (rate(besra_denied_total{@}[$__rate_interval]))`)),
				graph("Limited", "reqps", "429: a client asked for more than was agreed.", q("{{reason}}", `sum by (reason) (rate(besra_limited_total{@}[$__rate_interval]))`)),
				graph("Shed", "reqps", "503 and 504 to keep the others in time.", q("{{reason}}", `sum by (reason) (rate(besra_shed_total{@}[$__rate_interval]))`)),
			}},
			{"Credentials", []panel{
				graph("Keys", "none", "API keys and certificates that are known.", q("{{instance}}", `besra_keys{@}`)),
				graph("Changes of keys and certificates", "none", "In the hour before; refused ones leave the old in force.",
					q("keys {{result}}", `sum by (result) (increase(besra_keys_reloads_total{@}[1h]))`), q("certificates {{result}}", `sum by (result) (increase(besra_tls_reloads_total{@}[1h]))`)),
				stat("Certificate ends in", "s", "Nothing: there is no TLS.", q("{{instance}}", `besra_tls_certificate_expiry_timestamp_seconds{@} - time() and besra_tls_certificate_expiry_timestamp_seconds{@} > 0`)).wide(8).limit(14*86400, 2*86400),
				graph("Tokens remembered", "none", "Verified ones, which are not verified again.", q("{{instance}}", `besra_tokens_remembered{@}`)),
				graph("Issuers' keys", "none", "Fetches, in the hour before.", q("{{result}}", `sum by (result) (increase(besra_jwks_fetches_total{@}[1h]))`)),
				graph("Changes by operators", "none", "In the hour before.", q("{{instance}}", `increase(besra_admin_actions_total{@}[1h])`)),
			}},
			{"What is told of requests", []panel{
				graph("Log lines dropped", "none", "In the hour before.", q("{{instance}}", `increase(besra_log_lines_dropped_total{@}[1h])`)),
				graph("Traces", "ops", "", q("{{result}}", `sum by (result) (rate(besra_traces_total{@}[$__rate_interval]))`)),
			}},
		},
	}
}
