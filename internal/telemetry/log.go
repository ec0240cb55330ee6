package telemetry

// Log measures what is said of requests.
type Log struct {
	Dropped *Counter // lines that there was no room for
}

// TLS measures certificates.
type TLS struct {
	Expiry *Gauge // of the server's, seconds since 1970; 0: there is none
}

func (m *Metrics) addLog(counter func() *Counter, gauge func() *Gauge) []reader {
	dropped := newFamily("besra_log_lines_dropped_total", "Lines about requests that log.rate left no room for.", CounterKind, counter)
	expiry := newFamily("besra_tls_certificate_expiry_timestamp_seconds", "When the server's certificate ends, in seconds since 1970; 0: there is none.",
		GaugeKind, gauge)
	m.Log, m.TLS = Log{dropped.with()}, TLS{expiry.with()}
	return []reader{dropped, expiry}
}
