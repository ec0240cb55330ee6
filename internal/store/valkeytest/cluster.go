package valkeytest

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A Cluster is masters, which share the slots evenly and in order, and their replicas.
type Cluster struct {
	Masters  []*Server   // as the cluster began
	Replicas [][]*Server // of each of Masters

	t testing.TB
}

// StartCluster starts a cluster of masters, each with so many replicas, and waits until all agree that it is
// whole: two to four seconds. A master that does not answer for half a second is replaced by its replica.
func StartCluster(t testing.TB, masters, replicas int, options ...Option) *Cluster {
	t.Helper()
	settings := with(options)
	if settings.port != 0 {
		t.Fatal("the nodes of a cluster cannot share a port")
	}
	if settings.program.Path == "" {
		settings.program = Servers(t)[0]
	}
	if len(settings.names) > 0 {
		settings.authority = newAuthority(t)
	}
	if settings.password != "" {
		settings.lines = append(settings.lines, "masterauth "+quoted(settings.password))
		if settings.user != "" {
			settings.lines = append(settings.lines, "masteruser "+quoted(settings.user))
		}
	}
	c := &Cluster{t: t, Replicas: make([][]*Server, masters)}
	for i := range masters {
		c.Masters = append(c.Masters, start(t, settings, true))
		for range replicas {
			c.Replicas[i] = append(c.Replicas[i], start(t, settings, true))
		}
	}
	c.join()
	return c
}

// join makes single nodes one cluster.
func (c *Cluster) join() {
	c.t.Helper()
	nodes, n := c.Servers(), len(c.Masters)
	for i, node := range nodes { // as redis-cli does: a node that has an epoch of its own need not argue for one
		node.Must("CLUSTER", "SET-CONFIG-EPOCH", strconv.Itoa(i+1))
	}
	for i, master := range c.Masters {
		from, to := i*slots/n, (i+1)*slots/n-1
		master.Must("CLUSTER", "ADDSLOTSRANGE", strconv.Itoa(from), strconv.Itoa(to))
	}
	for _, node := range nodes[1:] {
		nodes[0].Must("CLUSTER", "MEET", "127.0.0.1", strconv.Itoa(node.port), strconv.Itoa(node.bus))
	}
	for _, node := range nodes {
		node.await("it does not meet the others", func() bool { return len(node.nodes()) == len(nodes) && node.hears() })
	}
	for i, master := range c.Masters {
		for _, replica := range c.Replicas[i] {
			replica.Must("CLUSTER", "REPLICATE", master.id())
		}
	}
	c.Settle()
}

// Servers returns all nodes, the masters first.
func (c *Cluster) Servers() []*Server {
	return slices.Concat(append([][]*Server{c.Masters}, c.Replicas...)...)
}

// Addrs is where clients find the nodes, the masters first: with Proxied, the proxies.
func (c *Cluster) Addrs() []string {
	var addrs []string
	for _, node := range c.Servers() {
		addrs = append(addrs, node.public())
	}
	return addrs
}

// Proxy returns the proxy in front of a node; nil without Proxied.
func (c *Cluster) Proxy(node *Server) *Proxy { return node.proxy }

// Settle waits until all nodes that run agree on who has which slots and that all is well, and until replicas are
// linked to their masters.
func (c *Cluster) Settle() {
	c.t.Helper()
	for _, node := range c.running() {
		node.await("its cluster is not whole", func() bool {
			info, err := node.do(time.Second, "CLUSTER", "INFO")
			if err != nil {
				return false
			}
			state, _ := fieldOf(info, "cluster_state")
			assigned, _ := fieldOf(info, "cluster_slots_assigned")
			link := node.info("master_link_status")
			return state == "ok" && assigned == strconv.Itoa(slots) && (link == "up" || link == "")
		})
	}
	c.agree("on who has which slots", func(seen []seenNode) string {
		var view []string
		for _, node := range seen {
			if node.isMaster() && !node.has("fail") {
				view = append(view, node.id+" "+strings.Join(node.slots, " "))
			} else if !node.isMaster() {
				view = append(view, node.id+" of "+node.master)
			}
		}
		slices.Sort(view)
		return strings.Join(view, "\n")
	})
}

// agree waits until all nodes that run see the same.
func (c *Cluster) agree(what string, view func([]seenNode) string) {
	c.t.Helper()
	first := c.running()[0]
	first.await("the nodes do not agree "+what, func() bool {
		views := map[string]bool{}
		for _, node := range c.running() {
			views[view(node.nodes())] = true
		}
		return len(views) == 1 && !views[""]
	})
}

// running returns the nodes that answer.
func (c *Cluster) running() []*Server {
	return slices.DeleteFunc(c.Servers(), func(node *Server) bool {
		_, err := node.do(time.Second, "PING")
		return err != nil
	})
}

// Owner returns the node that has a slot, as the nodes that run see it.
func (c *Cluster) Owner(slot int) *Server {
	c.t.Helper()
	for _, node := range c.running() {
		for _, seen := range node.nodes() {
			if seen.isMaster() && !seen.has("fail") && seen.owns(slot) {
				return c.byID(seen.id)
			}
		}
	}
	c.t.Fatalf("nobody has slot %d", slot)
	return nil
}

func (c *Cluster) byID(id string) *Server {
	c.t.Helper()
	for _, node := range c.Servers() {
		if got, err := node.do(time.Second, "CLUSTER", "MYID"); err == nil && got == id {
			return node
		}
	}
	c.t.Fatalf("no node is %s", id)
	return nil
}

// Failover has a replica take over from its master, which hands over if it can.
func (c *Cluster) Failover(replica *Server) {
	c.t.Helper()
	how := []string{"CLUSTER", "FAILOVER"}
	if replica.info("master_link_status") != "up" {
		how = append(how, "FORCE")
	}
	replica.Must(how...)
	c.Promoted(replica)
}

// Promoted waits until a replica has taken over from its master, and the others know.
func (c *Cluster) Promoted(replica *Server) {
	c.t.Helper()
	id := replica.id()
	for _, node := range c.running() {
		node.await("it does not know of a new master", func() bool {
			for _, seen := range node.nodes() {
				if seen.id == id {
					return seen.isMaster() && len(seen.slots) > 0
				}
			}
			return false
		})
	}
	c.Settle()
}

// MoveSlot moves a slot and its keys to another node.
func (c *Cluster) MoveSlot(slot int, to *Server) {
	c.t.Helper()
	c.BeginMove(slot, to).End()
}

// A Move is a slot on its way from one node to another. Until its End, clients hear MOVED of the old owner, and
// the old owner answers ASK for keys that it does not have.
type Move struct {
	c        *Cluster
	slot     string
	from, to *Server
}

// BeginMove marks a slot as on its way, and moves no key yet.
func (c *Cluster) BeginMove(slot int, to *Server) *Move {
	c.t.Helper()
	m := &Move{c: c, slot: strconv.Itoa(slot), from: c.Owner(slot), to: to}
	if m.from == to {
		c.t.Fatalf("slot %d is there already", slot)
	}
	to.Must("CLUSTER", "SETSLOT", m.slot, "IMPORTING", m.from.id())
	m.from.Must("CLUSTER", "SETSLOT", m.slot, "MIGRATING", to.id())
	return m
}

// Keys moves at most n keys, and returns how many.
func (m *Move) Keys(n int) int {
	m.c.t.Helper()
	text := m.from.Must("CLUSTER", "GETKEYSINSLOT", m.slot, strconv.Itoa(n))
	if text == "" {
		return 0
	}
	keys := strings.Split(text, "\n")
	command := []string{"MIGRATE", "127.0.0.1", strconv.Itoa(m.to.port), "", "0", "5000", "REPLACE"}
	switch login := m.to.settings; {
	case login.user != "":
		command = append(command, "AUTH2", login.user, login.password)
	case login.password != "":
		command = append(command, "AUTH", login.password)
	}
	m.from.Must(append(append(command, "KEYS"), keys...)...)
	return len(keys)
}

// End moves the keys that are left and hands the slot over.
func (m *Move) End() {
	m.c.t.Helper()
	for m.Keys(100) > 0 {
	}
	id := m.to.id()
	for _, node := range []*Server{m.to, m.from} { // in this order: somebody has the slot all the time
		node.Must("CLUSTER", "SETSLOT", m.slot, "NODE", id)
	}
	m.c.Settle()
}
