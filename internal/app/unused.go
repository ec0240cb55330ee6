package app

import (
	"net"
	"net/http"
	"sync"
	"sync/atomic"
)

// unusedConns knows the connections on which nothing was asked yet, such as clients' pools open in advance.
// http.Server.Shutdown would wait seconds for them.
type unusedConns struct {
	n     atomic.Int64
	conns sync.Map // net.Conn to nil
}

// track is an http.Server's ConnState. When no connection is new it costs a load.
func (u *unusedConns) track(c net.Conn, state http.ConnState) {
	if state == http.StateNew {
		u.conns.Store(c, nil)
		u.n.Add(1)
		return
	}
	if u.n.Load() == 0 {
		return
	}
	if _, unused := u.conns.LoadAndDelete(c); unused {
		u.n.Add(-1)
	}
}

// close closes the connections that are still unused.
func (u *unusedConns) close() {
	u.conns.Range(func(c, _ any) bool {
		_ = c.(net.Conn).Close() // nobody waits for an answer on it
		return true
	})
}
