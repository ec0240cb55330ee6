package valkeytest

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestSlotOf(t *testing.T) {
	for key, want := range map[string]int{
		"":              0,
		"123456789":     0x31C3, // the specification's own
		"{123456789}.a": 0x31C3,
		"a{123456789}":  0x31C3,
		"foo{}{bar}":    8363,
		"foo{bar}{zap}": 5061,
		"foo{{bar}}zap": 4015,
	} {
		if got := SlotOf(key); got != want {
			t.Errorf("%q: %d, want %d", key, got, want)
		}
	}
}

func TestCluster(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, program Program) {
		t.Parallel()
		begun := time.Now()
		c := StartCluster(t, 3, 1, On(program), Password("secret"), Proxied())
		t.Logf("it took %v", time.Since(begun))

		t.Run("slots are as the server counts them", func(t *testing.T) {
			for _, key := range []string{"a", "{a}b", "foo{}{bar}", "foo{{bar}}zap", "{", "}", "{}", "}{a}"} {
				if got := c.Masters[0].Must("CLUSTER", "KEYSLOT", key); got != fmt.Sprint(SlotOf(key)) {
					t.Errorf("%q: %d, want %s", key, SlotOf(key), got)
				}
			}
		})
		t.Run("each key has its node, named by its proxy", func(t *testing.T) {
			owner := c.Owner(SlotOf("a"))
			owner.Must("SET", "a", "1")
			for _, master := range c.Masters {
				if master == owner {
					continue
				}
				want := fmt.Sprintf("MOVED %d %s", SlotOf("a"), c.Proxy(owner).Addr())
				if _, err := master.Do("SET", "a", "1"); err == nil || err.Error() != want {
					t.Errorf("%v, want %s", err, want)
				}
			}
		})
		t.Run("a slot moves with its keys", func(t *testing.T) {
			from := c.Owner(SlotOf("{s}"))
			to := c.Masters[0]
			if to == from {
				to = c.Masters[1]
			}
			for i := range 250 {
				from.Must("SET", fmt.Sprintf("{s}%d", i), "1")
			}
			m := c.BeginMove(SlotOf("{s}"), to)
			if moved := m.Keys(50); moved != 50 {
				t.Errorf("%d keys", moved)
			}
			if _, err := from.Do("GET", "{s}none"); err == nil || !strings.HasPrefix(err.Error(), "ASK ") {
				t.Errorf("%v", err)
			}
			m.End()
			if c.Owner(SlotOf("{s}")) != to {
				t.Error("it has not moved")
			}
			if got := to.Must("CLUSTER", "COUNTKEYSINSLOT", fmt.Sprint(SlotOf("{s}"))); got != "250" {
				t.Errorf("%s keys", got)
			}
			c.MoveSlot(SlotOf("{s}"), from)
		})
		t.Run("a replica takes over when told", func(t *testing.T) {
			replica := c.Replicas[0][0]
			begun := time.Now()
			c.Failover(replica)
			t.Logf("it took %v", time.Since(begun))
			if c.Owner(0) != replica {
				t.Error("it has not")
			}
		})
		t.Run("a replica takes over from a master that died", func(t *testing.T) {
			master, replica := c.Masters[1], c.Replicas[1][0]
			begun := time.Now()
			master.Kill()
			c.Promoted(replica)
			t.Logf("it took %v", time.Since(begun))
			replica.Must("CLUSTER", "COUNTKEYSINSLOT", "1")
			master.Restart()
			c.Settle()
			if got := master.Info("role"); got != "slave" {
				t.Errorf("it came back as %s", got)
			}
		})
	})
}

func TestClusterTLS(t *testing.T) {
	t.Parallel()
	c := StartCluster(t, 2, 0, TLS())
	owner := c.Owner(SlotOf("a"))
	owner.Must("SET", "a", "1")
	c.MoveSlot(SlotOf("a"), c.Owner(SlotOf("b")))
	if got := c.Owner(SlotOf("b")).Must("GET", "a"); got != "1" {
		t.Errorf("%q", got)
	}
}

func TestReplica(t *testing.T) {
	t.Parallel()
	for name, options := range map[string][]Option{
		"plain":    nil,
		"password": {Password("secret")},
		"TLS":      {TLS()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			primary := Start(t, options...)
			replica := StartReplica(t, primary)
			primary.Must("SET", "key", "value")
			primary.Caught(1)
			if got := replica.Must("GET", "key"); got != "value" {
				t.Errorf("%q", got)
			}
			if _, err := replica.Do("SET", "key", "other"); err == nil || !strings.HasPrefix(err.Error(), "READONLY") {
				t.Errorf("%v", err)
			}
			primary.Kill()
			replica.Promote()
			replica.Must("SET", "key", "other")
		})
	}
}
