package listen

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
)

// Addresses finds out where clients are.
type Addresses struct {
	trusted []netip.Prefix
}

// NewAddresses returns what finds out where clients are, behind proxies at the trusted addresses.
func NewAddresses(trusted []netip.Prefix) Addresses { return Addresses{trusted} }

// maxForwarded is how many entries of X-Forwarded-For are read, from the right.
const maxForwarded = 32

// Of returns the address of a request's client. That is the peer's, unless the peer is a trusted proxy: then it
// is the right-most address of X-Forwarded-For that is not a trusted proxy's. What stands to the left of it may
// be a lie. When there is none, or something that is no address before it, it is the peer's.
// It is the zero Addr when the peer has no address.
func (a Addresses) Of(r *http.Request) netip.Addr {
	peer := peerAddress(r.RemoteAddr)
	if len(a.trusted) == 0 || !within(a.trusted, peer) {
		return peer
	}
	lines := r.Header["X-Forwarded-For"]
	left := maxForwarded
	for i := len(lines) - 1; i >= 0; i-- {
		line, more := lines[i], true
		for more {
			if left--; left < 0 {
				return peer
			}
			var entry string
			line, entry, more = cutLast(line)
			addr, ok := forwardedAddress(entry)
			if !ok {
				return peer
			}
			if !within(a.trusted, addr) {
				return addr
			}
		}
	}
	return peer
}

// peerAddress reads an http.Request's RemoteAddr.
func peerAddress(s string) netip.Addr {
	ap, err := netip.ParseAddrPort(s)
	if err != nil {
		return netip.Addr{}
	}
	return plain(ap.Addr())
}

// plain writes an address in its one way: IPv4 as such, and without the interface it came through.
func plain(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

func within(trusted []netip.Prefix, a netip.Addr) bool {
	for _, p := range trusted {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// cutLast cuts a list at its last comma.
func cutLast(list string) (before, last string, found bool) {
	if i := strings.LastIndexByte(list, ','); i >= 0 {
		return list[:i], list[i+1:], true
	}
	return "", list, false
}

// forwardedAddress reads an entry of X-Forwarded-For: an address, to which some proxies add a port.
func forwardedAddress(s string) (netip.Addr, bool) {
	s = strings.Trim(s, " \t")
	const longest = len("[0000:0000:0000:0000:0000:ffff:255.255.255.255]:65535")
	if len(s) > longest || strings.IndexByte(s, '%') >= 0 {
		return netip.Addr{}, false
	}
	if a, err := netip.ParseAddr(s); err == nil {
		return plain(a), true
	}
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return plain(ap.Addr()), true
	}
	if len(s) > 2 && s[0] == '[' && s[len(s)-1] == ']' {
		if a, err := netip.ParseAddr(s[1 : len(s)-1]); err == nil && a.Is6() {
			return plain(a), true
		}
	}
	return netip.Addr{}, false
}

// ParseTrusted reads a list of addresses and prefixes.
func ParseTrusted(list []string) ([]netip.Prefix, error) {
	var all []netip.Prefix
	for i, s := range list {
		p, err := parsePrefix(s)
		if err != nil {
			return nil, fmt.Errorf("[%d]: %q: %w", i, s, err)
		}
		all = append(all, p)
	}
	return all, nil
}

func parsePrefix(s string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(s)
	if err != nil {
		a, e := netip.ParseAddr(s)
		if e != nil || a.Zone() != "" {
			return p, fmt.Errorf("want an address or a prefix such as 10.0.0.0/8")
		}
		p = netip.PrefixFrom(a, a.BitLen())
	}
	switch {
	case p.Addr().Is4In6():
		return p, fmt.Errorf("write IPv4 as such: %s", p.Addr().Unmap())
	case p != p.Masked():
		return p, fmt.Errorf("there is something beyond the prefix; want %s", p.Masked())
	}
	return p, nil
}
