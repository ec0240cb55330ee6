package valkeytest

// An Option changes how a server is started.
type Option func(*settings)

type settings struct {
	program        Program // zero: the first that can be had
	port           int     // 0: a free one
	lines          []string
	users          []string
	user, password string // as whom Do asks
	authority      *authority
	names          []string // of the server's certificate
	proxied        bool
}

func with(options []Option) settings {
	var s settings
	for _, option := range options {
		option(&s)
	}
	return s
}

// On starts this program.
func On(program Program) Option { return func(s *settings) { s.program = program } }

// Port starts the server on this port, and on no other.
func Port(port int) Option { return func(s *settings) { s.port = port } }

// Config adds lines to the configuration, such as "maxmemory 2mb". The last line about a thing counts.
func Config(lines ...string) Option {
	return func(s *settings) { s.lines = append(s.lines, lines...) }
}

// Password asks everyone for this password.
func Password(password string) Option {
	return func(s *settings) {
		s.password = password
		s.lines = append(s.lines, "requirepass "+quoted(password))
	}
}

// Users makes users from the lines of an ACL file, such as "user app on >secret ~besra:* +@all". There is also
// the user default, who may do everything without a password, unless a line says otherwise. The methods of the
// Server ask as default, unless Login says otherwise.
func Users(lines ...string) Option {
	return func(s *settings) { s.users = append(s.users, lines...) }
}

// Login is who the methods of the Server ask as.
func Login(user, password string) Option {
	return func(s *settings) { s.user, s.password = user, password }
}

// TLS has the server speak TLS alone, with a certificate for these names and addresses, or for 127.0.0.1 and
// localhost. Clients need no certificate, unless Config("tls-auth-clients yes").
func TLS(names ...string) Option {
	if len(names) == 0 {
		names = []string{"127.0.0.1", "localhost"}
	}
	return func(s *settings) { s.names = names }
}

// Proxied puts a Proxy in front of each node of a cluster. The cluster names its nodes by their proxies, to
// clients and to replicas alike; what the nodes agree on goes past the proxies.
func Proxied() Option { return func(s *settings) { s.proxied = true } }
