package valkeytest

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// An Error is what the server said instead of an answer, such as "MOVED 3999 127.0.0.1:6381".
type Error string

func (e Error) Error() string { return string(e) }

// A Conn is a connection on which one asks and waits for the answer.
type Conn struct {
	conn net.Conn
	in   *bufio.Reader
}

// dial connects to a server, within limit.
func dial(addr string, secure *tls.Config, limit time.Duration) (*Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	var conn net.Conn
	var err error
	if secure != nil {
		conn, err = (&tls.Dialer{Config: secure}).DialContext(ctx, "tcp", addr)
	} else {
		conn, err = (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	}
	if err != nil {
		return nil, err
	}
	return &Conn{conn: conn, in: bufio.NewReader(conn)}, nil
}

// Close closes the connection.
func (c *Conn) Close() { _ = c.conn.Close() }

// Do asks a command and returns the answer: text and numbers as they are, what is absent as "(nil)", of an array
// one item a line. What the server refuses is an Error.
func (c *Conn) Do(args ...string) (string, error) { return c.do(patience, args...) }

func (c *Conn) do(limit time.Duration, args ...string) (string, error) {
	_ = c.conn.SetDeadline(time.Now().Add(limit))
	var ask strings.Builder
	fmt.Fprintf(&ask, "*%d\r\n", len(args))
	for _, arg := range args {
		fmt.Fprintf(&ask, "$%d\r\n%s\r\n", len(arg), arg)
	}
	if _, err := io.WriteString(c.conn, ask.String()); err != nil {
		return "", err
	}
	return c.answer()
}

func (c *Conn) answer() (string, error) {
	line, err := c.in.ReadString('\n')
	if err != nil {
		return "", err
	}
	line = strings.TrimRight(line, "\r\n")
	if line == "" {
		return "", fmt.Errorf("the answer begins with an empty line")
	}
	kind, rest := line[0], line[1:]
	switch kind {
	case '+', ':':
		return rest, nil
	case '-':
		return "", Error(rest)
	case '$', '*':
	default:
		return "", fmt.Errorf("the answer begins with %q", line)
	}
	n, err := strconv.Atoi(rest)
	if err != nil {
		return "", fmt.Errorf("the answer begins with %q", line)
	}
	if n < 0 {
		return "(nil)", nil
	}
	if kind == '$' {
		text := make([]byte, n+2)
		if _, err := io.ReadFull(c.in, text); err != nil {
			return "", err
		}
		return string(text[:n]), nil
	}
	items := make([]string, n)
	for i := range items {
		items[i], err = c.answer()
		if e, ok := err.(Error); ok { //nolint:errorlint // answer returns an Error as it is
			items[i], err = string(e), nil
		}
		if err != nil {
			return "", err
		}
	}
	return strings.Join(items, "\n"), nil
}
