package valkey

import (
	"context"
	"crypto/tls"
	"net"
	"sync"
	"time"

	"github.com/valkey-io/valkey-go"
)

// logins are passwords for new connections. To make one may take longer than a call has, and a call may be what needs
// the connection. So it is asked for before dialing, where the call's deadline is known, by a goroutine of its own:
// whoever cannot wait leaves, and the next finds it made.
type logins struct {
	ask func(ctx context.Context) (user, password string, renew time.Time, err error)

	mu   sync.Mutex
	last *asked
}

// asked is a password that is being made, or was.
type asked struct {
	done chan struct{} // closed when the rest is there
	at   time.Time
	made valkey.AuthCredentials
	err  error
}

// loginFresh is for how long a password is good for another connection.
const loginFresh = 2 * connectTime

// get returns the password that is being made; else the last, if it is fresh enough; else another.
func (l *logins) get(fresh bool) *asked {
	l.mu.Lock()
	defer l.mu.Unlock()
	if a := l.last; a != nil {
		select {
		case <-a.done:
			if renew := a.made.RefreshAfter; !fresh && a.err == nil && time.Since(a.at) < loginFresh && (renew.IsZero() || time.Now().Before(renew)) {
				return a
			}
		default:
			return a
		}
	}
	a := &asked{done: make(chan struct{})}
	l.last = a
	go func() { // it ends by itself
		ctx, cancel := context.WithTimeout(context.Background(), loginTime)
		defer cancel()
		defer close(a.done)
		a.made.Username, a.made.Password, a.made.RefreshAfter, a.err = l.ask(ctx)
		a.at = time.Now()
	}()
	return a
}

// dial dials when there is a password. Without a deadline it is no call that wants it, and an old one will not do.
func (l *logins) dial(ctx context.Context, address string, d *net.Dialer, secure *tls.Config) (net.Conn, error) {
	_, hurried := ctx.Deadline()
	a := l.get(!hurried)
	select {
	case <-a.done:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if a.err != nil {
		return nil, a.err
	}
	if secure != nil {
		return (&tls.Dialer{NetDialer: d, Config: secure}).DialContext(ctx, "tcp", address)
	}
	return d.DialContext(ctx, "tcp", address)
}

// credentials returns the password for a connection that was dialed, or whose password is to be given anew.
func (l *logins) credentials(valkey.AuthCredentialsContext) (valkey.AuthCredentials, error) {
	a := l.get(false)
	<-a.done
	return a.made, a.err
}
