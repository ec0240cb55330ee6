package stack_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/besra-ml/besra/deploy/aws/stack"
	"github.com/besra-ml/besra/deploy/aws/stacktest"
	"github.com/besra-ml/besra/internal/app"
	"github.com/besra-ml/besra/internal/telemetry"
	"github.com/besra-ml/besra/internal/telemetry/emf"
)

// facts are what a template of o must agree with: besra's own settings, and the metrics that it really writes.
func facts(t testing.TB, o stack.Options) stacktest.Facts {
	t.Helper()
	return stacktest.Facts{Settings: settings(), Metrics: metrics(t), Open: o.Auth == stack.None}
}

func settings() map[string]func(string) error {
	all := map[string]func(string) error{
		"state.entity_key": func(string) error { return nil }, // a secret, which is in the environment alone: app.EntityKeyVariable
	}
	c := app.Defaults()
	for _, s := range c.Settings() {
		all[s.Name] = s.Value.Set
	}
	return all
}

// metrics returns the sets of dimensions of each metric that a reporter writes when everything has happened.
func metrics(t testing.TB) map[string][]string {
	t.Helper()
	var out bytes.Buffer
	m := telemetry.New(telemetry.Options{})
	r, err := emf.New(emf.Options{Namespace: "besra", Service: "besra", Function: "besra", Metrics: m, Out: &out, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/v1/score", "/v1/score/batch"} {
		m.Route(path, telemetry.NoPromise).Answered(503, 0, time.Millisecond)
	}
	fraud := m.Model("fraud", "3", nil)
	for _, c := range []*telemetry.Counter{
		fraud.Approve, fraud.Review, fraud.Decline, fraud.Degraded, m.Replay.Hit, m.Store.Uses[0].Late, m.Access.Denied.Scope, m.Access.Shed.Overload, m.Refusals("fraud").Other,
	} {
		c.Inc()
	}
	if err := r.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	sets := map[string][]string{}
	for line := range strings.Lines(out.String()) {
		var l struct {
			AWS struct {
				CloudWatchMetrics []struct {
					Dimensions [][]string
					Metrics    []struct{ Name string }
				}
			} `json:"_aws"`
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatal(err)
		}
		for _, d := range l.AWS.CloudWatchMetrics {
			for _, metric := range d.Metrics {
				for _, set := range d.Dimensions {
					if s := strings.Join(set, ","); !slices.Contains(sets[metric.Name], s) {
						sets[metric.Name] = append(sets[metric.Name], s)
					}
				}
			}
		}
	}
	if len(sets) < 14 {
		t.Fatalf("not everything has happened: %v", sets)
	}
	return sets
}

// render renders options that are right.
func render(t testing.TB, o stack.Options) string {
	t.Helper()
	text, err := stack.Render(o)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func read(t testing.TB, text string) *stacktest.Template {
	t.Helper()
	template, err := stacktest.Read([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return template
}
