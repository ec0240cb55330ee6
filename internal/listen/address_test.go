package listen

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func trusting(t testing.TB, list ...string) Addresses {
	t.Helper()
	trusted, err := ParseTrusted(list)
	if err != nil {
		t.Fatal(err)
	}
	return NewAddresses(trusted)
}

func TestWhereAClientIs(t *testing.T) {
	t.Parallel()
	many := strings.Repeat("10.0.0.1, ", maxForwarded)
	for name, c := range map[string]struct {
		trusted   []string
		peer      string
		forwarded []string
		want      string
	}{
		"nobody is trusted":                        {nil, "10.0.0.1:1", []string{"203.0.113.7"}, "10.0.0.1"},
		"the peer is not trusted":                  {[]string{"10.0.0.0/8"}, "192.0.2.1:1", []string{"203.0.113.7"}, "192.0.2.1"},
		"a proxy":                                  {[]string{"10.0.0.0/8"}, "10.0.0.1:1", []string{"203.0.113.7"}, "203.0.113.7"},
		"a proxy that says nothing":                {[]string{"10.0.0.0/8"}, "10.0.0.1:1", nil, "10.0.0.1"},
		"a proxy that says an empty line":          {[]string{"10.0.0.0/8"}, "10.0.0.1:1", []string{""}, "10.0.0.1"},
		"a proxy behind a proxy":                   {[]string{"10.0.0.0/8"}, "10.0.0.1:1", []string{"203.0.113.7, 10.0.0.2"}, "203.0.113.7"},
		"a client that lies":                       {[]string{"10.0.0.0/8"}, "10.0.0.1:1", []string{"1.2.3.4, 203.0.113.7"}, "203.0.113.7"},
		"a client that claims to be a proxy":       {[]string{"10.0.0.0/8"}, "10.0.0.1:1", []string{"1.2.3.4, 10.0.0.9, 203.0.113.7"}, "203.0.113.7"},
		"a client that lies in a line of its own":  {[]string{"10.0.0.0/8"}, "10.0.0.1:1", []string{"1.2.3.4", "203.0.113.7,10.0.0.2"}, "203.0.113.7"},
		"a client that sends garbage":              {[]string{"10.0.0.0/8"}, "10.0.0.1:1", []string{"<script>, 203.0.113.7"}, "203.0.113.7"},
		"a proxy that sends garbage":               {[]string{"10.0.0.0/8"}, "10.0.0.1:1", []string{"203.0.113.7, unknown"}, "10.0.0.1"},
		"garbage between proxies":                  {[]string{"10.0.0.0/8"}, "10.0.0.1:1", []string{"203.0.113.7, 1.2.3, 10.0.0.2"}, "10.0.0.1"},
		"an empty entry":                           {[]string{"10.0.0.0/8"}, "10.0.0.1:1", []string{"203.0.113.7,"}, "10.0.0.1"},
		"only proxies":                             {[]string{"10.0.0.0/8"}, "10.0.0.1:1", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.1"},
		"more proxies than are read":               {[]string{"10.0.0.0/8"}, "10.0.0.1:1", []string{"203.0.113.7, " + many[:len(many)-2]}, "10.0.0.1"},
		"as many proxies as are read":              {[]string{"10.0.0.0/8"}, "10.0.0.1:1", []string{"203.0.113.7, " + many[len("10.0.0.1, "):len(many)-2]}, "203.0.113.7"},
		"a port":                                   {[]string{"10.0.0.1"}, "10.0.0.1:1", []string{"203.0.113.7:4711"}, "203.0.113.7"},
		"IPv6":                                     {[]string{"::1"}, "[::1]:1", []string{"2001:db8::7"}, "2001:db8::7"},
		"IPv6 in brackets":                         {[]string{"::1"}, "[::1]:1", []string{"[2001:db8::7]"}, "2001:db8::7"},
		"IPv6 with a port":                         {[]string{"::1"}, "[::1]:1", []string{"[2001:db8::7]:4711"}, "2001:db8::7"},
		"IPv6 with a zone":                         {[]string{"::1"}, "[::1]:1", []string{"fe80::1%eth0"}, "::1"},
		"IPv4 in brackets":                         {[]string{"::1"}, "[::1]:1", []string{"[203.0.113.7]"}, "::1"},
		"a peer of IPv4 on a socket of IPv6":       {[]string{"10.0.0.0/8"}, "[::ffff:10.0.0.1]:1", []string{"::ffff:203.0.113.7"}, "203.0.113.7"},
		"a proxy of IPv4, written as IPv6":         {[]string{"10.0.0.0/8"}, "10.0.0.1:1", []string{"203.0.113.7, ::ffff:10.0.0.2"}, "203.0.113.7"},
		"a peer with a zone":                       {[]string{"fe80::/10"}, "[fe80::1%eth0]:1", []string{"2001:db8::7"}, "2001:db8::7"},
		"a peer without an address":                {[]string{"10.0.0.0/8"}, "@", []string{"203.0.113.7"}, "invalid IP"},
		"octal digits, which some read as decimal": {[]string{"10.0.0.0/8"}, "10.0.0.1:1", []string{"010.0.0.2"}, "10.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			r := &http.Request{RemoteAddr: c.peer, Header: http.Header{"X-Forwarded-For": c.forwarded}}
			if got := trusting(t, c.trusted...).Of(r); got.String() != c.want {
				t.Errorf("%v, want %s", got, c.want)
			}
		})
	}
}

func TestWhoIsTrusted(t *testing.T) {
	t.Parallel()
	got, err := ParseTrusted([]string{"10.0.0.0/8", "192.0.2.1", "::1", "2001:db8::/32", "0.0.0.0/0"})
	want := []netip.Prefix{
		netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix("::1/128"),
		netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("0.0.0.0/0"),
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	for text, want := range map[string]string{
		"":                     `[1]: "": want an address or a prefix`,
		"proxy.example.com":    `want an address or a prefix`,
		"10.0.0.0/33":          `want an address or a prefix`,
		"10.0.0.300":           `want an address or a prefix`,
		"10.0.0.1:80":          `want an address or a prefix`,
		"fe80::1%eth0":         `want an address or a prefix`,
		"10.0.0.1/8":           `want 10.0.0.0/8`,
		"::ffff:10.0.0.0/104":  `write IPv4 as such: 10.0.0.0`,
		"::ffff:10.0.0.1":      `write IPv4 as such: 10.0.0.1`,
		" 10.0.0.1":            `want an address or a prefix`,
		"10.0.0.0/8,192.0.2.1": `want an address or a prefix`,
	} {
		if _, err := ParseTrusted([]string{"::1", text}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", text, err, want)
		}
	}
}

func TestAnAddressTakesNoMemory(t *testing.T) {
	direct := &http.Request{RemoteAddr: "192.0.2.1:54321", Header: http.Header{}}
	behind := &http.Request{RemoteAddr: "[2001:db8::1]:54321", Header: http.Header{"X-Forwarded-For": {"203.0.113.7, 2001:db8::2"}}}
	alone, proxied := NewAddresses(nil), trusting(t, "10.0.0.0/8", "2001:db8::/32")
	for name, ask := range map[string]func() netip.Addr{
		"no proxy is trusted":     func() netip.Addr { return alone.Of(direct) },
		"the peer is not a proxy": func() netip.Addr { return proxied.Of(direct) },
		"the peer is a proxy":     func() netip.Addr { return proxied.Of(behind) },
	} {
		if !ask().IsValid() {
			t.Errorf("%s: no address", name)
		}
		if n := testing.AllocsPerRun(100, func() { ask() }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkAddress(b *testing.B) {
	for _, c := range []struct {
		name      string
		trusted   []string
		forwarded []string
	}{{"direct", nil, nil}, {"proxied", []string{"10.0.0.0/8"}, []string{"203.0.113.7, 10.0.0.2"}}} {
		b.Run(c.name, func(b *testing.B) {
			a := trusting(b, c.trusted...)
			r := &http.Request{RemoteAddr: "10.0.0.1:54321", Header: http.Header{"X-Forwarded-For": c.forwarded}}
			b.ReportAllocs()
			for b.Loop() {
				a.Of(r)
			}
		})
	}
}

// Whatever a header says, the address is the peer's, or one that the header has and no proxy is at.
func FuzzForwardedFor(f *testing.F) {
	for _, s := range []string{
		"203.0.113.7", "203.0.113.7, 10.0.0.2", "1.2.3.4:5, [::1]:80\n10.0.0.3", ",,,", "unknown", "fe80::1%eth0, ::ffff:10.0.0.1",
		strings.Repeat("10.0.0.1,", 100), "[]", "[203.0.113.7", "\x00", "é", "2001:db8::7\n\n",
	} {
		f.Add("10.0.0.1:1", s)
		f.Add("[::1]:65535", s)
	}
	f.Fuzz(func(t *testing.T, peer, lines string) {
		a := trusting(t, "10.0.0.0/8", "::1")
		header := strings.Split(lines, "\n")
		got := a.Of(&http.Request{RemoteAddr: peer, Header: http.Header{"X-Forwarded-For": header}})
		if got == peerAddress(peer) {
			return
		}
		if !within(a.trusted, peerAddress(peer)) {
			t.Fatalf("%v, believed of a peer that is no proxy", got)
		}
		if !got.IsValid() || got.Is4In6() || got.Zone() != "" || within(a.trusted, got) {
			t.Fatalf("%v", got)
		}
		for _, line := range header {
			for entry := range strings.SplitSeq(line, ",") {
				if addr, ok := forwardedAddress(entry); ok && addr == got {
					return
				}
			}
		}
		t.Fatalf("%v is not in the header", got)
	})
}
