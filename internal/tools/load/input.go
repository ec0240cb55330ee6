package load

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
)

// maxBodies bounds what is read of a file of bodies.
const maxBodies = 256 << 20

// ReadBody reads a file that is one body.
func ReadBody(path string) ([][]byte, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	return [][]byte{data}, nil
}

// ReadBodies reads a file with one body a line, such as JSON Lines. Empty lines are skipped.
func ReadBodies(path string) ([][]byte, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	var bodies [][]byte
	for line := range bytes.Lines(data) {
		if line = bytes.TrimSpace(line); len(line) > 0 {
			bodies = append(bodies, line)
		}
	}
	if len(bodies) == 0 {
		return nil, fmt.Errorf("read %s: no line holds a body", path)
	}
	return bodies, nil
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxBodies+1))
	switch {
	case err != nil:
		return nil, err
	case len(data) > maxBodies:
		return nil, fmt.Errorf("read %s: more than %d MiB", path, maxBodies>>20)
	}
	return data, nil
}

// ParseHeader reads "Name: value".
func ParseHeader(s string) (name, value string, err error) {
	name, value, ok := strings.Cut(s, ":")
	value = strings.TrimSpace(value)
	if !ok || name == "" || strings.ContainsFunc(name, notToken) {
		return "", "", fmt.Errorf(`header %q is not "Name: value"`, s)
	}
	if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
		return "", "", fmt.Errorf("header %q has a control character", s)
	}
	return name, value, nil
}

// notToken tells whether r may not stand in a header's name (RFC 9110, 5.6.2).
func notToken(r rune) bool {
	letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
	return !letter && !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
}

// ParseRamp reads "FROM:TO:OVER", such as "100:10000:30s".
func ParseRamp(s string) (Ramp, error) {
	parts := strings.Split(s, ":")
	if len(parts) != 3 {
		return Ramp{}, fmt.Errorf("ramp %q is not FROM:TO:OVER, such as 100:10000:30s", s)
	}
	from, err := strconv.ParseFloat(parts[0], 64)
	if err != nil {
		return Ramp{}, fmt.Errorf("ramp %q: %q is not a rate", s, parts[0])
	}
	to, err := strconv.ParseFloat(parts[1], 64)
	if err != nil {
		return Ramp{}, fmt.Errorf("ramp %q: %q is not a rate", s, parts[1])
	}
	over, err := time.ParseDuration(parts[2])
	if err != nil {
		return Ramp{}, fmt.Errorf("ramp %q: %q is not a duration such as 30s", s, parts[2])
	}
	if over <= 0 {
		return Ramp{}, fmt.Errorf("ramp %q: its duration is not above 0", s)
	}
	return Ramp{From: from, To: to, Over: over}, nil
}
