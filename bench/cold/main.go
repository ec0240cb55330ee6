//go:build linux

// Command cold is the contest of cold starts: how long after its process was begun a function asks for its first event,
// how long it takes to answer that, and later ones. besra's bootstrap and AWS's Python runtime with XGBoost are asked for
// the same scores, in turn, by the same simulation of Lambda. What Lambda itself takes to find a place and to download
// the code comes on top.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/besra-ml/besra/bench/internal/report"
	"github.com/besra-ml/besra/internal/tools/lambdasim"
)

func main() {
	cache := flag.String("cache", "../.cache/bench", "`directory` that cold.sh filled")
	short := flag.Bool("short", false, "fewer rounds")
	rounds := flag.Int("rounds", 21, "cold starts of each, in turn (-short: 5)")
	warm := flag.Int("warm", 500, "warm requests after each start")
	memory := flag.Int("memory", 512, "memory of the functions, MB")
	asJSON := flag.Bool("json", false, "write JSON instead of tables")
	check := flag.Bool("check", false, "exit 3 when a target is missed")
	flag.Parse()
	if *short {
		*rounds = min(*rounds, 5)
	}
	r, err := run(*cache, *rounds, *warm, *memory)
	report.Exit("cold", r, err, *asJSON, *check)
}

// A contestant is a function, and what was measured of it, ms.
type contestant struct {
	Name  string    `json:"name"`
	Init  []float64 `json:"init_ms"`  // from the start of the process to its first request for an event
	First []float64 `json:"first_ms"` // the first event, without INIT
	Warm  []float64 `json:"warm_ms"`  // medians of the later ones
	P99   []float64 `json:"warm_p99_ms"`

	root   string
	scores []float64
}

type results struct {
	Machine report.Machine `json:"machine"`
	Memory  int            `json:"memory_mb"`
	All     []*contestant  `json:"contestants"`
}

func run(cache string, rounds, warm, memory int) (r results, err error) {
	r.Machine, r.Memory = report.ThisMachine(), memory
	if rounds < 1 || warm < 1 {
		return r, errors.New("-rounds and -warm must be positive")
	}
	for _, name := range []string{"besra", "python"} {
		r.All = append(r.All, &contestant{Name: name, root: filepath.Join(cache, "lambda", name)})
	}
	events := events()
	for round := range rounds + 1 {
		fmt.Fprintf(os.Stderr, "cold: round %d of %d\n", round, rounds)
		for i := range r.All {
			c := r.All[(round+i)%len(r.All)]
			if err := c.measure(events, warm, memory, round > 0); err != nil { // the first warms the page cache
				return r, fmt.Errorf("%s: %w", c.Name, err)
			}
		}
	}
	for i, score := range r.All[0].scores {
		if other := r.All[1].scores[i]; score != other {
			return r, fmt.Errorf("event %d has score %v by besra, and %v by XGBoost", i, score, other)
		}
	}
	return r, nil
}

// measure starts the function once, and has it answer.
func (c *contestant) measure(events [][]byte, warm, memory int, counts bool) error {
	f, err := lambdasim.New(lambdasim.Options{
		Name: c.Name, Bootstrap: filepath.Join(c.root, "bootstrap"), Memory: memory, Timeout: 20 * time.Second,
		Variables: map[string]string{"BESRA_LAMBDA_EVENT": "http-api", "BESRA_INSECURE": "true", "BESRA_LIMITS_DEADLINE": "5s"},
	})
	if err != nil {
		return err
	}
	defer f.Close()
	ctx := context.Background()
	began := time.Now()
	cold, err := f.Invoke(ctx, lambdasim.Invocation{Payload: events[0]})
	first := time.Since(began)
	if err != nil {
		return err
	}
	if _, err := scoreOf(cold); err != nil {
		return err
	}
	took := make([]float64, warm)
	c.scores = c.scores[:0]
	for i := range took {
		began := time.Now()
		answer, err := f.Invoke(ctx, lambdasim.Invocation{Payload: events[i%len(events)]})
		took[i] = ms(time.Since(began))
		if err != nil {
			return err
		}
		score, err := scoreOf(answer)
		if err != nil {
			return err
		}
		c.scores = append(c.scores, score)
	}
	if !counts {
		return nil
	}
	slices.Sort(took)
	c.Init = append(c.Init, ms(cold.Init))
	c.First = append(c.First, ms(first-cold.Init))
	c.Warm = append(c.Warm, report.Median(took))
	c.P99 = append(c.P99, took[len(took)*99/100])
	return nil
}

func ms(d time.Duration) float64 { return d.Seconds() * 1e3 }

// scoreOf reads the score of an answer of a function behind an HTTP API.
func scoreOf(a lambdasim.Answer) (float64, error) {
	var outer struct {
		StatusCode int
		Body       string
	}
	var inner struct{ Score *float64 }
	if err := json.Unmarshal(a.Payload, &outer); err != nil || outer.StatusCode != 200 {
		return 0, fmt.Errorf("answered %s", a.Payload)
	}
	if err := json.Unmarshal([]byte(outer.Body), &inner); err != nil || inner.Score == nil {
		return 0, fmt.Errorf("answered %s", outer.Body)
	}
	return float64(float32(*inner.Score)), nil
}

// events makes 2,048 requests of API Gateway, each of another row.
func events() [][]byte {
	rand := rand.New(rand.NewPCG(1, 2))
	all := make([][]byte, 2048)
	for i := range all {
		row := []byte(`{"row":[`)
		for k := range 15 {
			if k > 0 {
				row = append(row, ',')
			}
			row = strconv.AppendFloat(row, math.Round(rand.ExpFloat64()*1e4)/1e3, 'g', -1, 64)
		}
		body := string(append(row, `]}`...))
		all[i], _ = json.Marshal(map[string]any{ // it is JSON
			"version": "2.0", "routeKey": "POST /v1/score", "rawPath": "/v1/score", "rawQueryString": "",
			"headers": map[string]string{
				"content-type": "application/json", "host": "a.execute-api.us-east-1.amazonaws.com", "user-agent": "cold",
				"x-amzn-trace-id": "Root=1-5759e988-bd862e3fe1be46a994272793", "x-forwarded-for": "192.0.2.1", "x-forwarded-proto": "https",
			},
			"requestContext": map[string]any{
				"accountId": "1", "apiId": "a", "domainName": "a.execute-api.us-east-1.amazonaws.com", "requestId": strconv.Itoa(i), "stage": "$default",
				"http": map[string]string{"method": "POST", "path": "/v1/score", "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "cold"},
			},
			"body": body, "isBase64Encoded": false,
		})
	}
	return all
}

func (r results) targets() (rows [][]string, missed bool) {
	besra, python := r.All[0], r.All[1]
	for _, t := range []struct {
		what        string
		value, most float64
	}{
		{"exec to first next, median ms", report.Median(besra.Init), 15},
		{"first invoke, median ms", report.Median(besra.First), 3},
		{"warm invoke, median ms", report.Median(besra.Warm), 0.5},
		{"as a share of Python's, of a fifteenth", 15 * report.Median(besra.Init) / report.Median(python.Init), 1},
	} {
		verdict := "reached"
		if t.value > t.most {
			verdict, missed = "MISSED", true
		}
		rows = append(rows, []string{t.what, fmt.Sprintf("%.3g", t.value), fmt.Sprintf("at most %g", t.most), verdict})
	}
	return rows, missed
}

// Missed reports whether a target is.
func (r results) Missed() bool {
	_, missed := r.targets()
	return missed
}

// Print writes tables.
func (r results) Print(w io.Writer) error {
	fmt.Fprintf(w, "%s\n%d MB\n\n", r.Machine, r.Memory)
	rows := [][]string{{"medians, ms", "exec to first next", "first invoke", "warm invoke", "its p99"}}
	for _, c := range r.All {
		rows = append(rows, []string{
			c.Name, spread(c.Init), fmt.Sprintf("%.2f", report.Median(c.First)), fmt.Sprintf("%.3f", report.Median(c.Warm)),
			fmt.Sprintf("%.3f", report.Median(c.P99)),
		})
	}
	if err := report.Table(w, rows); err != nil {
		return err
	}
	ratios := report.Ratios(r.All[1].Init, r.All[0].Init)
	fmt.Fprintf(w, "\nPython starts %.1f times later (median of %d pairs, %.1f to %.1f)\n\n", report.Median(ratios), len(ratios), slices.Min(ratios), slices.Max(ratios))
	targets, _ := r.targets()
	return report.Table(w, targets)
}

func spread(v []float64) string {
	return fmt.Sprintf("%.1f (%.1f to %.1f)", report.Median(v), slices.Min(v), slices.Max(v))
}
