package telemetry

import (
	"encoding/hex"
	"strings"
)

// A Trace is the place of a request in a trace that its client began.
type Trace struct {
	ID      [16]byte // zero: there is none
	Parent  [8]byte  // the client's span
	Decided bool     // the client has decided whether it keeps it
	Sampled bool     // and does
	State   string   // tracestate, as it came
}

// None reports whether there is no trace.
func (t Trace) None() bool { return t.ID == [16]byte{} }

// String returns the trace's id in hexadecimal, "" for none.
func (t Trace) String() string {
	if t.None() {
		return ""
	}
	return hex.EncodeToString(t.ID[:])
}

// ReadTraceparent reads the header traceparent, W3C Trace Context level 1. What is none is no trace.
func ReadTraceparent(s string) (t Trace) {
	// version 00: 00-<32 hex of trace>-<16 hex of span>-<2 hex of flags>, in lower case; later ones may go on after a dash
	if len(s) < 55 || s[2] != '-' || s[35] != '-' || s[52] != '-' || len(s) > 55 && (s[:2] == "00" || s[55] != '-') {
		return Trace{}
	}
	var version, flags [1]byte
	if !unhex(version[:], s[:2]) || version[0] == 0xff || !unhex(t.ID[:], s[3:35]) || !unhex(t.Parent[:], s[36:52]) ||
		!unhex(flags[:], s[53:55]) || t.Parent == [8]byte{} || t.None() {
		return Trace{}
	}
	t.Decided, t.Sampled = true, flags[0]&1 != 0
	return t
}

// ReadXRay reads the header X-Amzn-Trace-Id, such as Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1.
// What is none is no trace; a front door that has not sampled yet sends a root alone, and then there is no parent.
func ReadXRay(s string) (t Trace) {
	for s != "" {
		part, rest, _ := strings.Cut(s, ";")
		s = rest
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		ok := true
		switch name {
		case "Root":
			ok = len(value) == 35 && value[:2] == "1-" && value[10] == '-' && unhex(t.ID[:4], value[2:10]) && unhex(t.ID[4:], value[11:])
		case "Parent":
			ok = unhex(t.Parent[:], value)
		case "Sampled":
			t.Decided, t.Sampled = value == "0" || value == "1", value == "1"
		}
		if !ok {
			return Trace{}
		}
	}
	if t.None() {
		return Trace{}
	}
	return t
}

// unhex fills dst with what s spells in lower case.
func unhex(dst []byte, s string) bool {
	if len(s) != 2*len(dst) {
		return false
	}
	for i := range dst {
		hi, lo := digit(s[2*i]), digit(s[2*i+1])
		if hi|lo > 15 {
			return false
		}
		dst[i] = hi<<4 | lo
	}
	return true
}

func digit(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	}
	return 255
}
