package iam

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/valkey-io/valkey-go"
)

// A cache is what ElastiCache does with those who come: it takes a token of at most 15 minutes whose credentials have
// not expired, and closes a connection 12 hours after its last AUTH.
type cache struct {
	giver *giver

	mu      sync.Mutex
	opened  int
	refused []error
	ended   int             // connections that had their 12 hours
	auths   []time.Time     // of open connections
	ages    []time.Duration // of tokens
	spans   []time.Duration // between one AUTH of a connection and the next
}

func (c *cache) dial(context.Context, string, *net.Dialer, *tls.Config) (net.Conn, error) {
	client, server := net.Pipe()
	go c.serve(server)
	return client, nil
}

func (c *cache) serve(conn net.Conn) {
	defer conn.Close()
	end := time.AfterFunc(12*time.Hour, func() {
		c.mu.Lock()
		c.ended++
		c.mu.Unlock()
		conn.Close()
	})
	defer end.Stop()
	var last time.Time
	for r := bufio.NewReader(conn); ; {
		command, err := readCommand(r)
		if err != nil {
			return
		}
		answer := "+OK\r\n"
		switch at := slices.Index(command, "AUTH"); {
		case at >= 0:
			if err := c.auth(command[at+1], command[at+2], last); err != nil {
				answer = "-WRONGPASS invalid username-password pair or user is disabled.\r\n"
				break
			}
			end.Reset(12 * time.Hour)
			last = time.Now()
			if command[0] == "HELLO" {
				answer = "%2\r\n+version\r\n+8.1.0\r\n+proto\r\n:3\r\n"
			}
		case last.IsZero():
			answer = "-NOAUTH Authentication required.\r\n"
		case command[0] == "PING":
			answer = "+PONG\r\n"
		}
		if _, err := io.WriteString(conn, answer); err != nil {
			return
		}
	}
}

func (c *cache) auth(user, token string, last time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	got, err := check(token, func(id string) string { known, _ := c.giver.of(id); return known.SecretAccessKey })
	known, _ := c.giver.of(got.ID)
	age := time.Since(got.At)
	switch {
	case err != nil:
	case got.User != user || user != "besra" || got.Session != known.SessionToken:
		err = fmt.Errorf("token of %+v for %s", got, user)
	case age > got.Life || got.Life > 15*time.Minute || age < 0:
		err = fmt.Errorf("a token of %v ago for %v", age, got.Life)
	case !time.Now().Before(known.Expires):
		err = errors.New("credentials have expired")
	}
	if err != nil {
		c.refused = append(c.refused, err)
		return err
	}
	if c.ages = append(c.ages, age); last.IsZero() {
		c.opened++
	} else {
		c.spans = append(c.spans, time.Since(last))
		c.auths = append(c.auths, time.Now())
	}
	return nil
}

// readCommand reads an array of strings, as RESP has commands.
func readCommand(r *bufio.Reader) ([]string, error) {
	length := func(mark string) (int, error) {
		line, err := r.ReadString('\n')
		if err != nil {
			return 0, err
		}
		return strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(line, mark)))
	}
	n, err := length("*")
	if err != nil {
		return nil, err
	}
	command := make([]string, n)
	for i := range command {
		size, err := length("$")
		if err != nil {
			return nil, err
		}
		text := make([]byte, size+2)
		if _, err := io.ReadFull(r, text); err != nil {
			return nil, err
		}
		command[i] = string(text[:size])
	}
	return command, nil
}

func (c *cache) client(t *testing.T, s *Source) valkey.Client {
	t.Helper()
	login := func(valkey.AuthCredentialsContext) (a valkey.AuthCredentials, err error) {
		a.Username, a.Password, a.RefreshAfter, err = s.Login(context.Background())
		return a, err
	}
	client, err := valkey.NewClient(valkey.ClientOption{
		InitAddress: []string{"cache:6379"}, DialCtxFn: c.dial, AuthCredentialsFn: login, ForceSingleClient: true,
		DisableCache: true, PipelineMultiplex: -1, Dialer: net.Dialer{KeepAlive: time.Hour}, ConnWriteTimeout: time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func use(t *testing.T, client valkey.Client) error {
	return client.Do(t.Context(), client.B().Set().Key("a").Value("b").Build()).Error()
}

// Fifty processes start at once and stay for three days, each with a connection that opened at the start; every hour two
// more come and go. All use credentials that expire after six hours, as a role's do.
func TestConnectionsOutliveTheirSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const fleet, hours = 50, 72
		g := &giver{life: 6 * time.Hour}
		c := &cache{giver: g}
		sources, clients := make([]*Source, fleet), make([]valkey.Client, fleet)
		for i := range fleet {
			sources[i] = newSource(t, g)
			clients[i] = c.client(t, sources[i])
		}
		for hour := range hours {
			time.Sleep(time.Hour)
			for i := range clients {
				if err := use(t, clients[i]); err != nil {
					t.Fatalf("after %d hours: %v", hour, err)
				}
			}
			// Of two guests that come some minutes apart, the second gets the token of the first, or another.
			for range 2 {
				guest := c.client(t, sources[0])
				if err := use(t, guest); err != nil {
					t.Fatal(err)
				}
				guest.Close()
				time.Sleep(time.Duration(hour%15) * time.Minute)
			}
		}
		for i := range clients {
			clients[i].Close()
		}
		synctest.Wait()

		c.mu.Lock()
		defer c.mu.Unlock()
		if len(c.refused) > 0 || c.ended > 0 || c.opened != fleet+2*hours {
			t.Errorf("%d were refused, %d had their time, and %d were opened: %v", len(c.refused), c.ended, c.opened, c.refused)
		}
		if oldest := slices.Max(c.ages); oldest < tokenReuse-2*time.Minute || oldest > tokenReuse {
			t.Errorf("the oldest token was used after %v", oldest)
		}
		first, last := slices.Min(c.spans), slices.Max(c.spans)
		if first < 6*time.Hour || last > 9*time.Hour+time.Second || last-first < 2*time.Hour {
			t.Errorf("connections were renewed after %v to %v", first, last)
		}
		busiest := map[time.Time]int{}
		for _, at := range c.auths {
			busiest[at.Truncate(5*time.Minute)]++
		}
		for at, n := range busiest {
			if n > fleet/3 {
				t.Errorf("%d renewals in five minutes, at %v", n, at)
			}
		}
		// One per source is due every six hours; guests ask for no others than theirs.
		if most := fleet * (hours*3/2/5 + 1); g.given() > most {
			t.Errorf("credentials were asked for %d times", g.given())
		}
	})
}

// When the credentials are away just as a connection is due, it is lost; the next is opened when they are back.
func TestAConnectionThatCannotBeRenewedIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &giver{life: 6 * time.Hour}
		c := &cache{giver: g}
		client := c.client(t, newSource(t, g))
		defer client.Close()
		time.Sleep(time.Hour)
		g.setAway(true)
		if err := use(t, client); err != nil {
			t.Error(err)
		}
		time.Sleep(9 * time.Hour)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := client.Do(ctx, client.B().Set().Key("a").Value("b").Build()).Error(); !errors.Is(err, errAway) {
			t.Errorf("got %v", err)
		}
		g.setAway(false)
		time.Sleep(2 * time.Second)
		if err := use(t, client); err != nil || c.opened != 2 || len(c.refused) > 0 {
			t.Errorf("got %v, and %d were opened", err, c.opened)
		}
	})
}
