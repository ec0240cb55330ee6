package listen

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// OnlyLoopbackHosts hands on requests whose Host is an IP address or localhost, with whatever port; others are refused.
//
// A web page can have its own name point to 127.0.0.1 once it is loaded (DNS rebinding). A browser then takes a server
// there for the page's own, and lets the page ask it anything; but it sends the page's name as Host. A request of
// HTTP/1.0 may have no Host, and no browser sends one.
func OnlyLoopbackHosts(next, refuse http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host == "" || isLoopbackHost(r.Host) {
			next.ServeHTTP(w, r)
			return
		}
		refuse.ServeHTTP(w, r)
	})
}

func isLoopbackHost(host string) bool {
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
