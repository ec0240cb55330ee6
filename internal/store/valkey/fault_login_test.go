package valkey

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/valkey-io/valkey-go"

	"github.com/besra-ml/besra/internal/store"
	"github.com/besra-ml/besra/internal/store/valkeytest"
)

// A login is a user and password that change, as the file of a password does.
type login struct {
	user     string
	password atomic.Value
}

func (l *login) get(context.Context) (string, string, time.Time, error) {
	return l.user, l.password.Load().(string), time.Time{}, nil
}

func newLogin(user, password string) *login {
	l := &login{user: user}
	l.password.Store(password)
	return l
}

func connections(t *testing.T, c *valkeytest.Conn) int {
	t.Helper()
	info, err := c.Do("INFO", "stats")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(info, "total_connections_received:")
	n, err := strconv.Atoi(strings.TrimSpace(strings.SplitN(after, "\n", 2)[0]))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func dialed(t *testing.T, server *valkeytest.Server) *valkeytest.Conn {
	t.Helper()
	c, err := server.Dial()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func must(t *testing.T, c *valkeytest.Conn, args ...string) {
	t.Helper()
	if _, err := c.Do(args...); err != nil {
		t.Fatalf("%v: %v", args, err)
	}
}

func TestLogin(t *testing.T) {
	t.Parallel()
	valkeytest.Each(t, func(t *testing.T, program valkeytest.Program) {
		t.Run("a wrong password is an outage until it is corrected", func(t *testing.T) {
			t.Parallel()
			server := valkeytest.Start(t, valkeytest.On(program), valkeytest.Password("right"))
			l := newLogin("", "wrong")
			s := watch(t, store.SharedOptions{Addresses: []string{server.Addr()}, Deadline: hasty, Login: l.get})
			if status := s.Status(); status.Up || !strings.Contains(status.Why, "WRONGPASS") {
				t.Errorf("%+v", status)
			}
			conn := dialed(t, server)
			f := newFlow(t, s.Store)
			before := connections(t, conn)
			time.Sleep(time.Second)
			calls := f.look()
			if n := connections(t, conn) - before; n > 15 {
				t.Errorf("%d connections in a second", n)
			}
			if n := failures(calls); n != len(calls) || n == 0 {
				t.Errorf("%d of %d calls failed", n, len(calls))
			}
			f.inTime(calls, hasty)
			if s.log.count(saidDown) != 1 {
				t.Errorf("the log said %d times that it is down", s.log.count(saidDown))
			}
			l.password.Store("right")
			if took := f.back(); took > recovers {
				t.Errorf("it was back after %v", took)
			}
			time.Sleep(100 * time.Millisecond)
			f.check(open(t, store.SharedOptions{Addresses: []string{server.Addr()}, Login: l.get}))
		})

		for name, set := range map[string][]string{
			"a password that is rotated":                {"CONFIG", "SET", "requirepass", "second"},
			"the password of a user that is rotated":    {"ACL", "SETUSER", "app", ">second", "<first"},
			"a user who is made anew":                   {"ACL", "SETUSER", "app", "resetpass", ">second"},
			"a password that is known before it counts": nil,
		} {
			t.Run(name+" costs one connection", func(t *testing.T) {
				t.Parallel()
				options, user := []valkeytest.Option{valkeytest.On(program), valkeytest.Password("first")}, ""
				if set == nil || set[0] == "ACL" {
					user = "app"
					options = []valkeytest.Option{valkeytest.On(program), valkeytest.Users("user app on >first ~besra:* +@all")}
				}
				server := valkeytest.Start(t, options...)
				conn := dialed(t, server)
				l := newLogin(user, "first")
				s := watch(t, store.SharedOptions{Addresses: []string{server.Addr()}, Deadline: hasty, Login: l.get})
				f := newFlow(t, s.Store)
				f.back()
				f.look()
				time.Sleep(100 * time.Millisecond)
				if set == nil { // both count for a while
					must(t, conn, "ACL", "SETUSER", "app", ">second")
					l.password.Store("second")
				} else {
					must(t, conn, set...)
				}
				time.Sleep(50 * time.Millisecond)
				for _, c := range f.look() {
					var refused *valkey.ValkeyError
					if errors.As(c.err, &refused) {
						t.Errorf("nobody has cut a connection: %v", c.err)
					}
				}
				before := connections(t, conn)
				must(t, conn, "CLIENT", "KILL", "TYPE", "normal")
				if set == nil {
					must(t, conn, "ACL", "SETUSER", "app", "<first")
				} else {
					until(t, "the store is down", func() bool { return !s.Status().Up })
					time.Sleep(300 * time.Millisecond)
					if why := s.Status().Why; !strings.Contains(why, "WRONGPASS") {
						t.Errorf("it is down because of %s", why)
					}
					l.password.Store("second")
				}
				if took := f.back(); took > recovers {
					t.Errorf("it was back after %v", took)
				}
				if n := connections(t, conn) - before; n > 15 {
					t.Errorf("%d connections", n)
				}
				f.inTime(f.look(), hasty)
				time.Sleep(100 * time.Millisecond)
				f.check(open(t, store.SharedOptions{Addresses: []string{server.Addr()}, Login: l.get}))
			})
		}

		t.Run("rights that are missing are an outage until they are given", func(t *testing.T) {
			t.Parallel()
			server := valkeytest.Start(t, valkeytest.On(program), valkeytest.Users("user app on >first ~besra:* +@all"))
			l := newLogin("app", "first")
			s := watch(t, store.SharedOptions{Addresses: []string{server.Addr()}, Deadline: hasty, Login: l.get})
			f := newFlow(t, s.Store)
			f.back()
			server.Must("ACL", "SETUSER", "app", "-@write")
			until(t, "the store is down", func() bool { return !s.Status().Up })
			until(t, "it says why", func() bool { return strings.Contains(s.Status().Why, "NOPERM") })
			time.Sleep(200 * time.Millisecond)
			server.Must("ACL", "SETUSER", "app", "+@all")
			if took := f.back(); took > recovers {
				t.Errorf("it was back after %v", took)
			}
			time.Sleep(100 * time.Millisecond)
			f.check(open(t, store.SharedOptions{Addresses: []string{server.Addr()}, Login: l.get}))
		})

		t.Run("a password that takes its time costs calls none", func(t *testing.T) {
			t.Parallel()
			server := valkeytest.Start(t, valkeytest.On(program), valkeytest.Password("first"))
			var slow atomic.Bool
			s := watch(t, store.SharedOptions{
				Addresses: []string{server.Addr()}, Deadline: hasty,
				Login: func(ctx context.Context) (string, string, time.Time, error) {
					if slow.Load() {
						select {
						case <-ctx.Done():
						case <-time.After(700 * time.Millisecond):
						}
					}
					return "", "first", time.Time{}, ctx.Err()
				},
			})
			f := newFlow(t, s.Store)
			f.back()
			f.look()
			slow.Store(true)
			must(t, dialed(t, server), "CLIENT", "KILL", "TYPE", "normal")
			time.Sleep(time.Second)
			calls := f.look()
			if slowest := percentile(calls, 1); slowest > hasty+5*allowed+2*f.noise {
				t.Errorf("the slowest of %d calls took %v", len(calls), slowest)
			}
			until(t, "the store is back", func() bool { return s.Status().Up })
			slow.Store(false)
			f.back()
			time.Sleep(100 * time.Millisecond)
			f.check(open(t, store.SharedOptions{Addresses: []string{server.Addr()}, Login: newLogin("", "first").get}))
		})
	})
}
