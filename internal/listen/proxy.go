package listen

import (
	"errors"
	"net"
	"net/netip"
	"time"

	"github.com/pires/go-proxyproto"
)

var errNotTCP = errors.New("the PROXY header is not of TCP")

// ProxyProtocol returns a listener whose connections from trusted addresses begin with a PROXY header, version 1
// or 2, and come from where it says. It must be there within wait, version 1 in one piece, or the connection
// fails at its first read. Version 1's UNKNOWN and version 2's LOCAL are the proxy itself, asking whether we
// live. Other connections are what they are: what looks like a header there is for HTTP to refuse.
//
// Accept does not wait for headers; a connection's RemoteAddr does.
func ProxyProtocol(l net.Listener, trusted []netip.Prefix, wait time.Duration) net.Listener {
	return &proxyproto.Listener{
		Listener:          l,
		ReadHeaderTimeout: wait,
		ValidateHeader:    ofTCP,
		ConnPolicy: func(c proxyproto.ConnPolicyOptions) (proxyproto.Policy, error) {
			if within(trusted, peerAddress(c.Upstream.String())) {
				return proxyproto.REQUIRE, nil
			}
			return proxyproto.SKIP, nil
		},
	}
}

// ofTCP refuses what a TCP listener can have got from nowhere.
func ofTCP(h *proxyproto.Header) error {
	if h.Command.IsLocal() || h.SourceAddr == nil {
		return nil
	}
	if _, ok := h.SourceAddr.(*net.TCPAddr); !ok {
		return errNotTCP
	}
	return nil
}
