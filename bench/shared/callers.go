//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/valkey-io/valkey-go"

	"github.com/besra-ml/besra/bench/shared/pace"
)

// posts returns callers that send a stream's payments to a server, each over a connection of its own.
func posts(address string, s stream, n int) (callers []pace.Caller, done func(), err error) {
	return connections(address, n, func(to io.Writer, from *bufio.Reader) pace.Caller {
		asks := s.asks()
		return func() error {
			if _, err := to.Write(asks.Next()); err != nil {
				return err
			}
			return readHTTP(from)
		}
	})
}

// readHTTP reads an answer.
func readHTTP(from *bufio.Reader) error {
	length := 0
	for first := true; ; first = false {
		line, err := from.ReadSlice('\n')
		if err != nil {
			return err
		}
		if first && !bytes.HasPrefix(line, []byte("HTTP/1.1 200 ")) {
			return fmt.Errorf("not 200: %s", line)
		}
		if digits, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(digits))); err != nil {
				return err
			}
		}
		if len(bytes.TrimSpace(line)) == 0 {
			break
		}
	}
	_, err := from.Discard(length)
	return err
}

// plainGets returns callers that get a key, each over a connection of its own.
func plainGets(address, key string, n int) (callers []pace.Caller, done func(), err error) {
	ask := fmt.Appendf(nil, "*2\r\n$3\r\nGET\r\n$%d\r\n%s\r\n", len(key), key)
	return connections(address, n, func(to io.Writer, from *bufio.Reader) pace.Caller {
		return func() error {
			if _, err := to.Write(ask); err != nil {
				return err
			}
			line, err := from.ReadSlice('\n')
			if err != nil {
				return err
			}
			length, err := strconv.Atoi(string(bytes.TrimSpace(line[1:])))
			if err != nil || line[0] != '$' || length <= 0 {
				return fmt.Errorf("GET: %q", line)
			}
			_, err = from.Discard(length + 2)
			return err
		}
	})
}

func connections(address string, n int, asks func(to io.Writer, from *bufio.Reader) pace.Caller) (callers []pace.Caller, done func(), err error) {
	var all []net.Conn
	done = func() {
		for _, c := range all {
			_ = c.Close()
		}
	}
	for range n {
		c, err := new(net.Dialer).DialContext(context.Background(), "tcp", address)
		if err != nil {
			done()
			return nil, nil, err
		}
		all = append(all, c)
		callers = append(callers, asks(c, bufio.NewReaderSize(c, 64<<10)))
	}
	return callers, done, nil
}

// gets returns callers that get a key through one client, as besra's calls go through one.
func gets(c valkey.Client, key string, n int) []pace.Caller {
	return slices.Repeat([]pace.Caller{func() error {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		return c.Do(ctx, c.B().Get().Key(key).Build()).Error()
	}}, n)
}
