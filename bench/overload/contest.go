//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/besra-ml/besra/bench/internal/load"
	"github.com/besra-ml/besra/bench/internal/report"
)

// A server is under test, with a request that takes it about as long as was asked for.
type server struct {
	*load.Process
	request func(header string) []byte
}

func (o options) start() (*server, error) {
	switch o.server {
	case "synthetic":
		p, err := load.Start("taskset", func(address string) []string {
			return []string{
				"-c", serverCore, o.self, "-serve", address, "-concurrency", o.concurrency, "-work", o.work.String(),
			}
		})
		if err != nil {
			return nil, err
		}
		s := &server{p, func(header string) []byte { return request("/", header, []byte("{}")) }}
		_, err = p.Answered(s.request(""))
		return s, err
	case "besra":
		return o.startBesra()
	}
	return nil, fmt.Errorf("no server %q; there are synthetic and besra", o.server)
}

func (o options) startBesra() (*server, error) {
	p, err := load.Start("taskset", func(address string) []string {
		args := []string{
			"-c", serverCore, o.besra, "serve", "--listen", address, "--limits-concurrency", o.concurrency,
			"--timeouts-header", patience.String(), "--timeouts-body", patience.String(),
		}
		return append(args, o.serverArgs...)
	})
	if err != nil {
		return nil, err
	}
	if _, err := p.Answered(load.Request("GET", "/readyz", nil)); err != nil {
		return nil, err
	}
	event, err := o.demoEvent(p.Address)
	if err != nil {
		return nil, err
	}
	rows := o.rows
	if rows == 0 {
		if rows, err = o.rowsFor(p.Address, event); err != nil {
			return nil, err
		}
		fmt.Fprintf(os.Stderr, "overload: %d events take about %v\n", rows, o.work)
	}
	body := batch(event, rows)
	return &server{p, func(header string) []byte {
		if header == "" {
			header = o.polite
		}
		return request("/v1/score/batch", header, body)
	}}, nil
}

// demoEvent makes an event, a row, that the only model can score, by what the server says of it.
func (o options) demoEvent(address string) ([]byte, error) {
	var who []string
	if o.polite != "" {
		who = []string{o.polite}
	}
	var list struct{ Models []struct{ Name string } }
	if err := load.Get(address, "/v1/models", &list, who...); err != nil {
		return nil, err
	}
	if len(list.Models) != 1 {
		return nil, fmt.Errorf("%d models are served instead of one", len(list.Models))
	}
	var model struct {
		Features []struct{ Name, Type string }
	}
	if err := load.Get(address, "/v1/models/"+list.Models[0].Name, &model, who...); err != nil {
		return nil, err
	}
	row := make([]any, len(model.Features))
	for i, f := range model.Features {
		row[i] = 1
		if f.Type == "string" {
			row[i] = "1"
		}
	}
	return json.Marshal(map[string]any{"row": row})
}

func batch(event []byte, rows int) []byte {
	return []byte(`{"events":[` + strings.Repeat(string(event)+",", rows-1) + string(event) + `]}`)
}

// rowsFor finds how many rows take as long as was asked for: the least time of some requests, scaled.
func (o options) rowsFor(address string, event []byte) (int, error) {
	const probe = 100
	c, err := load.NewClient(address, 1, load.Cycle(request("/v1/score/batch", o.polite, batch(event, probe))))
	if err != nil {
		return 0, err
	}
	defer c.Close()
	best := time.Hour
	for range 200 {
		start := time.Now()
		if _, err := c.Ask(); err != nil {
			return 0, err
		}
		best = min(best, time.Since(start))
	}
	return max(int(probe*float64(o.work)/float64(best)), 1), nil
}

// request makes a whole request; a header is whole, such as "X-Who: greedy".
func request(path, header string, body []byte) []byte {
	r := load.Request("POST", path, body)
	if header == "" {
		return r
	}
	line, rest, _ := strings.Cut(string(r), "\r\n")
	return []byte(line + "\r\n" + header + "\r\n" + rest)
}

// A contest is one round: what is sustainable, a bit less, far more, and a bit less again.
type contest struct {
	Rate    float64 `json:"rate"` // sustainable, requests a second
	Most    float64 `json:"most"` // and a second of the server's processor
	Calm    phase   `json:"calm"`
	Crowd   phase   `json:"crowd"`
	Settled phase   `json:"settled"` // from a second after the crowd
}

// A phase is what became of the requests of a time.
type phase struct {
	Accepted, Refused, Other, Unsent int
	P50, P99, P999, RefusedP99       float64 // ms
	Goodput                          float64 // accepted requests a second
	PerProcessor                     float64 // accepted requests a second of the server's processor
}

const (
	little, much = 0.8, 3
	recovery     = time.Second
)

func (o options) contest(s *server) (c contest, err error) {
	if c.Rate, c.Most, err = s.sustainable(); err != nil {
		return c, err
	}
	if o.rate > 0 {
		c.Rate = o.rate
	}
	client, err := load.NewClient(s.Address, o.connections, nil)
	if err != nil {
		return c, err
	}
	defer client.Close()
	for _, part := range []struct {
		phase *phase
		times float64
		long  time.Duration
		from  time.Duration // what counts
	}{
		{&c.Calm, little, o.calm, o.calm / 5}, // the first fifth warms up
		{&c.Crowd, much, o.crowd, 0},
		{&c.Settled, little, o.calm, recovery},
	} {
		before, err := s.CPU()
		if err != nil {
			return c, err
		}
		fates, err := client.Offer(o.shots(nil, 0, part.long, c.Rate*part.times, s.request(""), 0))
		if err != nil {
			return c, err
		}
		after, err := s.CPU()
		if err != nil {
			return c, err
		}
		*part.phase = phaseOf(fates, part.from, part.long)
		all := phaseOf(fates, 0, part.long)
		part.phase.PerProcessor = float64(all.Accepted) / (after - before).Seconds()
	}
	return c, nil
}

// sustainable is what two connections get when each asks again as soon as it is answered. When one is refused the
// machine had other things to do, and it is tried again.
func (s *server) sustainable() (rate, perProcessor float64, err error) {
	for range 5 {
		time.Sleep(recovery / 2)
		if rate, perProcessor, err = s.closedLoop(); err == nil {
			return rate, perProcessor, nil
		}
	}
	return 0, 0, err
}

func (s *server) closedLoop() (rate, perProcessor float64, err error) {
	const two, long = 2, 2 * time.Second
	c, err := load.NewClient(s.Address, two, load.Cycle(s.request("")))
	if err != nil {
		return 0, 0, err
	}
	defer c.Close()
	before, err := s.CPU()
	if err != nil {
		return 0, 0, err
	}
	answers, elapsed, err := c.ClosedLoop(long)
	if err != nil {
		return 0, 0, err
	}
	after, err := s.CPU()
	n := float64(answers)
	return n / elapsed.Seconds(), n / (after - before).Seconds(), err
}

// shots appends requests at a rate, evenly or at random.
func (o options) shots(all []load.Shot, from, d time.Duration, rate float64, request []byte, kind int) []load.Shot {
	draw := rand.New(rand.NewPCG(1, uint64(from)))
	for at := 0.0; at < d.Seconds(); {
		all = append(all, load.Shot{Due: from + time.Duration(at*1e9), Request: request, Kind: kind})
		if o.random {
			at += draw.ExpFloat64() / rate
		} else {
			at += 1 / rate
		}
	}
	return all
}

func phaseOf(fates []load.Fate, from, to time.Duration) (p phase) {
	var accepted, refused []float64
	for _, f := range fates {
		if f.Due < from || f.Due >= to {
			continue
		}
		ms := f.Latency.Seconds() * 1e3
		switch f.Status {
		case http.StatusOK:
			accepted = append(accepted, ms)
		case http.StatusServiceUnavailable, http.StatusTooManyRequests:
			refused = append(refused, ms)
		case 0:
			p.Unsent++
		default:
			p.Other++
		}
	}
	p.Accepted, p.Refused = len(accepted), len(refused)
	p.P50, p.P99, p.P999 = quantile(accepted, 0.5), quantile(accepted, 0.99), quantile(accepted, 0.999)
	p.RefusedP99 = quantile(refused, 0.99)
	p.Goodput = float64(p.Accepted) / (to - from).Seconds()
	return p
}

func quantile(v []float64, q float64) float64 {
	if len(v) == 0 {
		return 0
	}
	slices.Sort(v)
	return v[min(int(float64(len(v))*q), len(v)-1)]
}

// A duel is how long a polite client waits, in turn: alone, beside one that asks for what it was promised, and beside the
// same when it is greedy and asks for ten times as much. What a promise costs others is not greed.
type duel struct {
	Alone, Promised, Beside []float64 // p99 of each run, ms
	GreedyRefused           int
	GreedyAllowed           int
}

func (o options) duel(s *server) (*duel, error) {
	fmt.Fprintln(os.Stderr, "overload: a greedy client")
	rate := o.rate
	if rate == 0 {
		var err error
		if rate, _, err = s.sustainable(); err != nil {
			return nil, err
		}
	}
	d := new(duel)
	for range 5 {
		for _, times := range []float64{0, 1, 10} {
			fates, err := o.pair(s, rate/2, times)
			if err != nil {
				return nil, err
			}
			p99 := phaseOf(only(fates, 0), o.calm/5, o.calm).P99
			switch times {
			case 0:
				d.Alone = append(d.Alone, p99)
				continue
			case 1:
				d.Promised = append(d.Promised, p99)
				continue
			}
			d.Beside = append(d.Beside, p99)
			p := phaseOf(only(fates, 1), 0, o.calm)
			d.GreedyRefused, d.GreedyAllowed = d.GreedyRefused+p.Refused, d.GreedyAllowed+p.Accepted
		}
	}
	return d, nil
}

// pair asks as the polite client does, and as the other, too, at so many times the rate that it was promised.
func (o options) pair(s *server, rate, times float64) ([]load.Fate, error) {
	client, err := load.NewClient(s.Address, o.connections, nil)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	header := "X-Who: greedy"
	if o.greedyHeader != "" {
		header = o.greedyHeader
	}
	shots := o.shots(nil, 0, o.calm, rate, s.request(""), 0)
	if times > 0 {
		shots = o.shots(shots, 0, o.calm, times*greedyRate, s.request(header), 1)
		slices.SortStableFunc(shots, func(a, b load.Shot) int { return int(a.Due - b.Due) })
	}
	return client.Offer(shots)
}

func only(fates []load.Fate, kind int) (of []load.Fate) {
	for _, f := range fates {
		if f.Kind == kind {
			of = append(of, f)
		}
	}
	return of
}

func medianOf(rounds []contest, f func(contest) float64) float64 {
	var v []float64
	for _, c := range rounds {
		v = append(v, f(c))
	}
	return report.Median(v)
}
