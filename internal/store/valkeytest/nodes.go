package valkeytest

import (
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
)

// slots is how many slots a cluster has.
const slots = 16384

// SlotOf returns the slot of a key: CRC-16 of it, or of what stands in its first braces.
func SlotOf(key string) int {
	if _, after, ok := strings.Cut(key, "{"); ok {
		if tag, _, ok := strings.Cut(after, "}"); ok && tag != "" {
			key = tag
		}
	}
	var crc uint16 // XMODEM
	for i := range len(key) {
		crc ^= uint16(key[i]) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return int(crc % slots)
}

// A seenNode is a line of CLUSTER NODES.
type seenNode struct {
	id     string
	flags  []string
	master string   // "-" for a master
	slots  []string // such as 0-5460; a slot that moves is [93->-id]
}

func (n seenNode) has(flag string) bool { return slices.Contains(n.flags, flag) }
func (n seenNode) isMaster() bool       { return n.has("master") }

func (n seenNode) owns(slot int) bool {
	return slices.ContainsFunc(n.slots, func(r string) bool {
		first, last, ok := strings.Cut(r, "-")
		if !ok {
			last = first
		}
		from, err := strconv.Atoi(first)
		if err != nil {
			return false
		}
		to, err := strconv.Atoi(last)
		return err == nil && from <= slot && slot <= to
	})
}

// nodes is how a node sees its cluster; nil if it does not answer.
func (s *Server) nodes() []seenNode {
	text, err := s.do(time.Second, "CLUSTER", "NODES")
	if err != nil {
		return nil
	}
	var nodes []seenNode
	for line := range strings.Lines(text) {
		// id address flags master ping pong epoch link slot…
		fields := strings.Fields(line)
		if len(fields) < 8 {
			continue
		}
		var owned []string
		for _, slot := range fields[8:] {
			if !strings.HasPrefix(slot, "[") {
				owned = append(owned, slot)
			}
		}
		nodes = append(nodes, seenNode{
			id: fields[0], flags: strings.Split(fields[2], ","), master: fields[3], slots: owned,
		})
	}
	return nodes
}

// hears says whether a node has shaken hands with all that it knows.
func (s *Server) hears() bool {
	return !slices.ContainsFunc(s.nodes(), func(n seenNode) bool { return n.has("handshake") })
}

// id is a node's name in its cluster.
func (s *Server) id() string {
	s.t.Helper()
	return s.Must("CLUSTER", "MYID")
}

// public is where a node's clients find it.
func (s *Server) public() string {
	if s.proxy != nil {
		return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.proxy.port))
	}
	return s.Addr()
}
