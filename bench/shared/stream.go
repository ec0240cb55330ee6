//go:build linux

package main

import (
	"strconv"
	"sync/atomic"
	"time"

	"github.com/besra-ml/besra/bench/internal/draw"
	"github.com/besra-ml/besra/bench/internal/load"
	"github.com/besra-ml/besra/internal/rfc3339"
)

// As many as the demo has.
const (
	cards     = 5_000
	terminals = 10_000
)

// A stream is payments without end, the same in every run: each has an id of its own, a card and a terminal.
type stream struct {
	every int64         // ms
	n     *atomic.Int64 // of the next
}

func newStream(every time.Duration) stream { return stream{every.Milliseconds(), new(atomic.Int64)} }

// asks are requests to score the stream's next payments. They are for one goroutine, the stream is for several.
func (s stream) asks() *asks { return &asks{stream: s} }

type asks struct {
	stream
	body, all []byte
}

// Next makes the next request.
func (a *asks) Next() []byte {
	n := a.n.Add(1) - 1
	const begin = 1_522_540_800_000 // 2018-04-01, as the demo's
	x, y := draw.Mix(2*uint64(n)), draw.Mix(2*uint64(n)+1)
	b := append(a.body[:0], `{"event_id":"evt_`...)
	b = strconv.AppendInt(b, n, 10)
	b = append(b, `","event":{"time":"`...)
	b = rfc3339.Append(b, begin+n*a.every)
	b = append(b, `","card":"c_`...)
	b = strconv.AppendUint(b, x>>32%cards, 10)
	b = append(b, `","terminal":"t_`...)
	b = strconv.AppendUint(b, x&(1<<32-1)%terminals, 10)
	b = append(b, `","amount":`...)
	b = strconv.AppendFloat(b, float64(100+y%20_000)/100, 'f', -1, 64)
	a.body = append(b, "}}"...)
	a.all = load.AppendRequest(a.all[:0], "POST", "/v1/score", a.body)
	return a.all
}
