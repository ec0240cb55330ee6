package lambdasim

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// NewID returns a UUID, as requests have.
func NewID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// newHex returns so many random bytes.
func newHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// traceHeader returns what a function gets as its trace header: what came along; or, with active tracing, a decision of
// Lambda's own where none came (lambda/latest/dg/services-xray.html).
func traceHeader(came string, active bool) string {
	root, parent, sampled := "", "", ""
	for part := range strings.SplitSeq(came, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch name {
		case "Root":
			root = value
		case "Parent":
			parent = value
		case "Sampled":
			sampled = value
		}
	}
	if root == "" {
		root = NewTraceID()
	}
	if sampled != "0" && sampled != "1" {
		sampled = "0"
		if active {
			sampled = "1"
		}
	}
	if active || parent == "" {
		parent = newHex(8) // of Lambda's own segment
	}
	return "Root=" + root + ";Parent=" + parent + ";Sampled=" + sampled
}

// sampledRoot returns the id of the trace if it is kept.
func sampledRoot(header string) string {
	root, rest, _ := strings.Cut(header, ";")
	if !strings.HasSuffix(rest, "Sampled=1") {
		return ""
	}
	return strings.TrimPrefix(root, "Root=")
}

// NewTraceID returns an id as X-Ray spells them.
func NewTraceID() string {
	return "1-" + strconv.FormatInt(time.Now().Unix(), 16) + "-" + newHex(12)
}

// NewName returns n random letters and digits, as ids of APIs are.
func NewName(n int) string {
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789"
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	for i := range b {
		b[i] = letters[int(b[i])%len(letters)]
	}
	return string(b)
}
