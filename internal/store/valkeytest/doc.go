// Package valkeytest starts real servers for tests, redis-server and valkey-server: alone, with a replica, as a
// cluster. It stops, kills and freezes them, and puts a proxy with every fault of a network in front.
//
// It speaks the protocol by hand, so that a test of a client does not ask through the client that it tests.
package valkeytest
