//go:build !besra_muted

package telemetry

// Muted says that nothing is counted, timed or told: what all of that costs is measured beside a besra that is built so
// (bench/telemetry.sh).
const Muted = false
