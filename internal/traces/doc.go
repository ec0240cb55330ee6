// Package traces is tests alone: a client with OpenTelemetry's SDK, the real program, a real store and the Collector's own
// receiver of OTLP. What comes out must be whole traces. It is a module of its own, so that what the Collector needs never
// reaches a user.
package traces
