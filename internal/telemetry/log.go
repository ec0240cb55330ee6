package telemetry

// Log measures what is said of requests.
type Log struct {
	Dropped *Counter // lines that there was no room for
}

// TLS measures certificates.
type TLS struct {
	Expiry *Gauge // of the server's, seconds since 1970; 0: there is none
}

func (m *Metrics) addLog(k *maker) {
	m.Log, m.TLS = Log{k.counter("besra_log_lines_dropped_total")}, TLS{k.gauge("besra_tls_certificate_expiry_timestamp_seconds")}
}
