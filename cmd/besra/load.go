package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/besra-ml/besra/internal/tools/load"
)

func loadVerb() *verb {
	return &verb{
		name: "load", args: "URL", short: "sends requests at a fixed or rising rate and measures the answers",
		long: `
Every request has an intended time, and its latency counts from that time: a server that stalls cannot hide
it by keeping the next request from being sent. When all connections are busy, requests wait, and the wait
counts. A line is written each second to stderr and the report to stdout. Ctrl-C ends the run early, with
its report. The exit code is 1 if no request was answered with a status from 200 to 299.

Examples:
  besra load --rate 1000 --bodies payments.jsonl http://127.0.0.1:8080/v1/score
  besra load --ramp 100:10000:30s --body payment.json http://127.0.0.1:8080/v1/score
  besra load --rate 5 --duration 1m --json http://127.0.0.1:8080/readyz`,
		run: runLoad,
	}
}

func runLoad(ctx context.Context, e *environ, v *verb, args []string) error {
	var (
		o            = load.Options{Header: http.Header{}}
		body, bodies string
		asJSON       bool
	)
	fs := v.flags()
	fs.Float64Var(&o.Rate, "rate", 100, "requests a second, `n`")
	fs.Func("ramp", "go evenly from one rate to another, `from:to:over`, such as 100:10000:30s", func(s string) (err error) {
		o.Ramp, err = load.ParseRamp(s)
		return err
	})
	fs.DurationVar(&o.Duration, "duration", 10*time.Second, "send for this `time`; with --ramp as long as it, unless set")
	fs.DurationVar(&o.Warmup, "warmup", 0, "send for this `time` before measuring, at the first rate")
	fs.DurationVar(&o.Timeout, "timeout", 5*time.Second, "give up on an answer after this `time`")
	fs.IntVar(&o.Connections, "connections", 64, "most connections open at once, `n`")
	fs.StringVar(&body, "body", "", "send this `file` as the body of each request")
	fs.StringVar(&bodies, "bodies", "", "send the lines of this `file` as bodies, in turn")
	fs.StringVar(&o.Method, "method", "", "the `method`; POST with a body, else GET, unless set")
	fs.Func("H", "add a `header`, \"Name: value\"; may be repeated", func(s string) error {
		name, value, err := load.ParseHeader(s)
		if err == nil {
			o.Header.Add(name, value)
		}
		return err
	})
	fs.BoolVar(&asJSON, "json", false, "write the report as JSON")
	rest, err := v.parse(e, fs, args)
	if err != nil {
		return err
	}
	set := map[string]bool{}
	fs.Visit(func(f *flag.Flag) { set[f.Name] = true })
	switch {
	case len(rest) != 1:
		return usagef("one URL is needed, %d were given", len(rest))
	case set["rate"] && o.Rate == 0, set["duration"] && o.Duration == 0,
		set["timeout"] && o.Timeout == 0, set["connections"] && o.Connections == 0:
		return usagef("--rate, --duration, --timeout and --connections must be above 0")
	case set["ramp"] && set["rate"]:
		return usagef("--rate and --ramp exclude one another")
	case body != "" && bodies != "":
		return usagef("--body and --bodies exclude one another")
	case set["ramp"] && !set["duration"]:
		o.Duration = 0 // as long as the ramp
	}
	o.URL = rest[0]
	switch {
	case body != "":
		o.Bodies, err = load.ReadBody(body)
	case bodies != "":
		o.Bodies, err = load.ReadBodies(bodies)
	}
	if err != nil {
		return err
	}
	terminal := isTerminal(e.stderr)
	o.Each = load.Live(e.stderr, terminal)
	report, err := load.Run(ctx, o)
	if err != nil {
		return err
	}
	if terminal {
		fmt.Fprintln(e.stderr)
	}
	if asJSON {
		err = json.MarshalWrite(e.stdout, report, json.Deterministic(true), jsontext.Multiline(true))
		if err == nil {
			_, err = fmt.Fprintln(e.stdout)
		}
	} else {
		_, err = report.WriteTo(e.stdout)
	}
	if err == nil && report.Succeeded == 0 {
		err = errors.New("no request succeeded")
	}
	return err
}
