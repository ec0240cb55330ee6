// Package outage tests what processes that share a store promise: of each event one answer, whichever process it meets
// and whatever dies meanwhile. Its tests start the real program and a real store, and let them fail.
package outage
