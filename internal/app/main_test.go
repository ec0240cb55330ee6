package app

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain runs the tests, none of which may leave a goroutine behind, or plays the client of
// TestTenThousandIdleConnections.
func TestMain(m *testing.M) {
	if addr := os.Getenv(idleClientEnv); addr != "" {
		idleClient(addr)
		return
	}
	// The store's client lets a goroutine sleep for some seconds after a connection has died.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/valkey-io/valkey-go.(*call).DelayDo.func1"))
}
