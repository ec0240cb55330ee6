// Package monitoring is tests alone: a real Prometheus looks at the real program, by the rules and dashboards of
// deploy/monitoring. Whatever a rule or a panel asks has an answer; a fault raises the alarms that are meant for it,
// those alone, and they end with it.
package monitoring
