package admin

import (
	"net"
	"net/netip"
	"strings"
)

const notHere = "nobody who calls is authenticated, so a request must name this machine by an address or as localhost: any other " +
	"name may be that of a web page; ask for http://127.0.0.1, make keys (besra keys create, auth.keys), or say --insecure"

// namesHere reports whether a request's Host is an IP address or localhost, with whatever port, or not there.
//
// A web page can have its own name point to 127.0.0.1 once it is loaded (DNS rebinding). A browser then takes a server
// there for the page's own, and lets the page ask it anything; but it sends the page's name as Host. A request of
// HTTP/1.0 may have no Host, and no browser sends one.
func namesHere(host string) bool {
	if host == "" {
		return true
	}
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	} else if n := len(host); n > 2 && host[0] == '[' && host[n-1] == ']' {
		host = host[1 : n-1]
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	_, err := netip.ParseAddr(host)
	return err == nil
}
