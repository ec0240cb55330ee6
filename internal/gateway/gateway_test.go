package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	besra "github.com/besra-ml/besra"
	"github.com/besra-ml/besra/internal/auth"
	"github.com/besra-ml/besra/internal/bundle"
	"github.com/besra-ml/besra/internal/entity"
	"github.com/besra-ml/besra/internal/history"
	"github.com/besra-ml/besra/internal/limit"
	"github.com/besra-ml/besra/internal/outcome"
	"github.com/besra-ml/besra/internal/policy"
	"github.com/besra-ml/besra/internal/registry"
	"github.com/besra-ml/besra/internal/score"
	"github.com/besra-ml/besra/internal/store"
	"github.com/besra-ml/besra/internal/strictjson"
	"github.com/besra-ml/besra/internal/telemetry"
	"github.com/besra-ml/besra/pipeline"
)

// scorerFunc is a scorer made of a function.
type scorerFunc func(*score.Batch) error

func (f scorerFunc) Score(_ context.Context, b *score.Batch) error { return f(b) }

// sum scores a row by the sum of its values, missing ones left out, and approves.
var sum = scorerFunc(func(b *score.Batch) error {
	for i := range b.Events {
		s := 0.0
		for _, x := range b.Row(i) {
			if x == x {
				s += x
			}
		}
		b.Events[i].Result = score.Result{Score: s, Margin: -s, Decision: policy.Approve, Policy: b.Model.Policy()}
		b.Events[i].Version = b.Model.Version
	}
	return nil
})

// engine returns a real model, for the gateway to ask how wide its numbers are.
func engine(t *testing.T) *besra.Model {
	t.Helper()
	files, err := filepath.Glob("../../testdata/xgboost/*/model.ubj")
	if err != nil || len(files) == 0 {
		t.Fatalf("no model in testdata: %v", err)
	}
	m, err := besra.Open(files[0])
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// fraud is a model of three columns: amount (needed, 0 to 1000), night (a bool), country (a name).
func fraud(t *testing.T, m *telemetry.Metrics) *registry.Model {
	t.Helper()
	country, err := pipeline.StringColumn("country", []string{"DE", "VN"})
	if err != nil {
		t.Fatal(err)
	}
	free := bundle.Feature{Min: math.Inf(-1), Max: math.Inf(1)}
	amount, night := free, free
	amount.Column = besra.Column{Name: "amount", Type: besra.Float}
	amount.Min, amount.Max, amount.RefuseMissing = 0, 1000, true
	night.Column = besra.Column{Name: "night", Type: besra.Bool}
	night.RefuseOutOfBounds, night.Min, night.Max = true, 0, 1
	free.Column = country
	made := &registry.Model{
		Name: "fraud", Version: 3, Engine: engine(t), Proven: true,
		Columns:  []besra.Column{amount.Column, night.Column, country},
		Features: []bundle.Feature{amount, night, free},
		Outputs:  1, Values: 1, Bits: 32, Missing: -999,
		Counters: m.Model("fraud", "3", []string{"amount", "night", "country"}),
	}
	made.SetPolicy(&policy.Policy{Version: "v1", Review: 0.3, Decline: 0.8})
	return made
}

func newGateway(t *testing.T, s score.Scorer, change func(*Options)) *Gateway {
	t.Helper()
	m := telemetry.New(telemetry.Options{})
	r, err := registry.New([]*registry.Model{fraud(t, m)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	table, err := outcome.Open(outcome.Options{})
	if err != nil {
		t.Fatal(err)
	}
	o := Options{
		Registry: r, Scorer: s, Metrics: m, Log: slog.New(slog.DiscardHandler),
		Ready: func() error { return nil }, Recovering: func() bool { return false }, Hasher: entity.NewHasher(entity.NewKey()),
		History: history.New(history.Options{Store: store.NewMemory(store.Options{}), Outcomes: table, Metrics: m}), MaxBody: 4096, MaxBatchBody: 1 << 16, MaxBatch: 5, OpenAPI: []byte(`{}`),
	}
	o.admitAll(t, m, auth.Options{}, limit.Options{})
	if change != nil {
		change(&o)
	}
	return New(o)
}

func post(g *Gateway, path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	g.ServeHTTP(w, r)
	return w
}

func TestAnEventIsScored(t *testing.T) {
	g := newGateway(t, sum, nil)
	for name, c := range map[string]struct{ body, want string }{
		"by name": {
			`{"event_id":"evt_7","model":"fraud","features":{"amount":12.5,"night":1,"country":"VN"}}`,
			`{"event_id":"evt_7","model":"fraud","version":3,"score":14.5,"margin":-14.5,"decision":"approve","policy":"v1"}`,
		},
		"the model after the features": {
			`{"features":{"night":0,"amount":1},"model":"fraud@3"}`,
			`{"model":"fraud","version":3,"score":1,"margin":-1,"decision":"approve","policy":"v1"}`,
		},
		"by position, missing values null": {
			`{"row":[2,null,null]}`,
			`{"model":"fraud","version":3,"score":2,"margin":-2,"decision":"approve","policy":"v1"}`,
		},
		"a number for missing": {
			`{"features":{"amount":1,"night":-999}}`,
			`{"model":"fraud","version":3,"score":1,"margin":-1,"decision":"approve","policy":"v1"}`,
		},
		"a bool as a bool": {
			`{"features":{"amount":0,"night":true}}`,
			`{"model":"fraud","version":3,"score":1,"margin":-1,"decision":"approve","policy":"v1"}`,
		},
		"out of bounds, accepted": {
			`{"features":{"amount":2000}}`,
			`{"model":"fraud","version":3,"score":2000,"margin":-2000,"decision":"approve","policy":"v1","warnings":[{"code":"out-of-bounds","field":"amount"}]}`,
		},
		"a category nobody knows": {
			`{"features":{"amount":1,"country":"XX"}}`,
			`{"model":"fraud","version":3,"score":1,"margin":-1,"decision":"approve","policy":"v1","warnings":[{"code":"unknown-category","field":"country"}]}`,
		},
		"escapes in names and ids": {
			`{"\u0065vent_id":"\u0065vt\"","f\u0065atures":{"\u0061mount":1}, "explain":0, "dry_run":true}`,
			`{"event_id":"evt\"","model":"fraud","version":3,"score":1,"margin":-1,"decision":"approve","policy":"v1"}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := post(g, "/v1/score", c.body)
			if w.Code != http.StatusOK || w.Body.String() != c.want {
				t.Errorf("%d %s\nwant %s", w.Code, w.Body, c.want)
			}
			if got := w.Header().Get("Content-Type"); got != "application/json" {
				t.Errorf("Content-Type %q", got)
			}
		})
	}
}

func TestWhatCannotBeScoredIsRefused(t *testing.T) {
	g := newGateway(t, sum, nil)
	for name, c := range map[string]struct {
		body   string
		status int
		code   string
		field  string
	}{
		"nothing":                                {``, 400, "bad-json", ""},
		"no object":                              {`[]`, 400, "bad-json", ""},
		"cut off":                                {`{"features":{"amount":1}`, 400, "bad-json", ""},
		"a mistake before bad JSON":              {`{"event_id":1,"row":[1,0,null]} x`, 400, "bad-json", ""},
		"more behind it":                         {`{"features":{"amount":1}} x`, 400, "bad-json", ""},
		"a duplicate feature":                    {`{"features":{"amount":1,"amount":2}}`, 400, "bad-json", "amount"},
		"a duplicate by escape":                  {`{"features":{"amount":1,"\u0061mount":2}}`, 400, "bad-json", "amount"},
		"a duplicate member":                     {`{"row":[1,0,null],"row":[1,0,null]}`, 400, "bad-json", "row"},
		"an unknown member":                      {`{"features":{"amount":1},"modle":"fraud"}`, 400, "bad-request", "modle"},
		"a member in another case":               {`{"Features":{"amount":1}}`, 400, "bad-request", ""},
		"NaN":                                    {`{"features":{"amount":NaN}}`, 400, "bad-json", "features"},
		"Infinity":                               {`{"features":{"amount":-Infinity}}`, 400, "bad-json", "features"},
		"beyond float64":                         {`{"features":{"amount":1e999}}`, 422, "out-of-bounds", "amount"},
		"beyond float32":                         {`{"features":{"amount":1e39}}`, 422, "out-of-bounds", "amount"},
		"beyond a bound that refuses":            {`{"features":{"amount":1,"night":2}}`, 422, "out-of-bounds", "night"},
		"a number as a string":                   {`{"features":{"amount":"1.5"}}`, 422, "wrong-type", "amount"},
		"true as a number":                       {`{"features":{"amount":true}}`, 422, "wrong-type", "amount"},
		"a number as a category":                 {`{"features":{"amount":1,"country":1}}`, 422, "wrong-type", "country"},
		"an object as a number":                  {`{"features":{"amount":{}}}`, 422, "wrong-type", "amount"},
		"an unknown feature":                     {`{"features":{"amount":1,"amuont":1}}`, 422, "unknown-feature", "amuont"},
		"a missing feature":                      {`{"features":{}}`, 422, "missing-feature", "amount"},
		"a null where none may be":               {`{"features":{"amount":null}}`, 422, "missing-feature", "amount"},
		"a number for missing where none may be": {`{"features":{"amount":-999.0}}`, 422, "missing-feature", "amount"},
		"a short row":                            {`{"row":[1,0]}`, 422, "wrong-shape", "row"},
		"a long row":                             {`{"row":[1,0,null,4]}`, 422, "wrong-shape", "row"},
		"both":                                   {`{"features":{"amount":1},"row":[1,0,null]}`, 400, "bad-request", "row"},
		"neither":                                {`{"model":"fraud"}`, 400, "bad-request", ""},
		"an event":                               {`{"event":{"card":"c_1"}}`, 400, "bad-request", "event"},
		"reasons":                                {`{"row":[1,0,null],"explain":3}`, 400, "bad-request", "explain"},
		"another model":                          {`{"row":[1,0,null],"model":"fruad"}`, 404, "no-such-model", "model"},
		"an empty name":                          {`{"row":[1,0,null],"model":""}`, 404, "no-such-model", "model"},
		"another version":                        {`{"row":[1,0,null],"model":"fraud@4"}`, 404, "no-such-version", "model"},
		"an empty id":                            {`{"row":[1,0,null],"event_id":""}`, 400, "bad-request", "event_id"},
		"an id with a space":                     {`{"row":[1,0,null],"event_id":"a b"}`, 400, "bad-request", "event_id"},
		"a long id":                              {`{"row":[1,0,null],"event_id":"` + strings.Repeat("x", 129) + `"}`, 400, "bad-request", "event_id"},
		"invalid UTF-8":                          {"{\"features\":{\"amount\":1,\"country\":\"\xff\"}}", 400, "bad-json", "features"},
		"depth":                                  {strings.Repeat(`[`, 3000), 400, "bad-json", ""},
		"depth in the features":                  {`{"features":` + strings.Repeat(`{"a":`, 600), 400, "bad-json", "features"},
		"too large":                              {`{"row":[` + strings.Repeat(" ", 5000) + `1,0,null]}`, 413, "too-large", ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := post(g, "/v1/score", c.body)
			got := w.Body.String()
			if w.Code != c.status || !strings.Contains(got, `"code":"`+c.code+`"`) {
				t.Errorf("%d %s\nwant %d %s", w.Code, got, c.status, c.code)
			}
			if c.field != "" && !strings.Contains(got, `"field":"`+c.field+`"`) {
				t.Errorf("%s\nwant field %q", got, c.field)
			}
			if ct := w.Header().Get("Content-Type"); ct != "application/problem+json" {
				t.Errorf("Content-Type %q", ct)
			}
			if len(got) > 1000 {
				t.Errorf("the answer to a bad request is %d bytes long", len(got))
			}
		})
	}
}

func TestABatchAnswersEachEvent(t *testing.T) {
	g := newGateway(t, sum, nil)
	w := post(g, "/v1/score/batch", `{"events":[
		{"event_id":"a","features":{"amount":1}},
		{"event_id":"b","features":{"amount":"1"}},
		{"features":{"amount":2,"amount":3}},
		7,
		{"event_id":"e","row":[3,null,"DE"]}],"model":"fraud"}`)
	want := `{"model":"fraud","version":3,"results":[` +
		`{"event_id":"a","score":1,"margin":-1,"decision":"approve","policy":"v1"},` +
		`{"event_id":"b","error":{"type":"urn:besra:problem:wrong-type","title":"The value is of the wrong type","status":422,"code":"wrong-type","field":"amount",`
	if got := w.Body.String(); w.Code != 200 || !strings.HasPrefix(got, want) {
		t.Fatalf("%d %s\nwant %s…", w.Code, got, want)
	}
	for _, part := range []string{`{"error":{"type":"urn:besra:problem:bad-json"`, `{"error":{"type":"urn:besra:problem:bad-json"`, `{"event_id":"e","score":3,`} {
		if !strings.Contains(w.Body.String(), part) {
			t.Errorf("%s\nwant %s in it", w.Body, part)
		}
	}
}

func TestABatchThatIsNoneIsRefused(t *testing.T) {
	g := newGateway(t, sum, nil)
	item := `{"row":[1,0,null]}`
	for name, c := range map[string]struct {
		body string
		code string
	}{
		"no events":      {`{"model":"fraud"}`, "bad-request"},
		"cut off":        {`{"events":[` + item, "bad-json"},
		"junk behind it": {`{"events":[` + item + `]}]`, "bad-json"},
		"too many":       {`{"events":[` + strings.Repeat(item+",", 5) + item + `]}`, "too-large"},
		"no array":       {`{"events":` + item + `}`, "wrong-type"},
		"other members":  {`{"events":[` + item + `],"event_id":"x"}`, "bad-request"},
	} {
		t.Run(name, func(t *testing.T) {
			w := post(g, "/v1/score/batch", c.body)
			if !strings.Contains(w.Body.String(), `"code":"`+c.code+`"`) {
				t.Errorf("%d %s\nwant %s", w.Code, w.Body, c.code)
			}
		})
	}
	if w := post(g, "/v1/score/batch", `{"events":[]}`); w.Code != 200 || w.Body.String() != `{"model":"fraud","version":3,"results":[]}` {
		t.Errorf("an empty batch: %d %s", w.Code, w.Body)
	}
}

func TestUnknownFeaturesCanBeIgnored(t *testing.T) {
	g := newGateway(t, sum, func(o *Options) { o.IgnoreUnknown = true })
	if w := post(g, "/v1/score", `{"features":{"new":{"a":[1]},"amount":5}}`); w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := post(g, "/v1/score", `{"features":{"new":1,"amount":5,"new":2}}`); w.Code != 400 {
		t.Errorf("a duplicate among them: %d %s", w.Code, w.Body)
	}
}

func TestRoutes(t *testing.T) {
	g := newGateway(t, sum, func(o *Options) { o.Ready = func() error { return errors.New("no model has scored yet") } })
	for _, c := range []struct {
		method, path, contentType string
		status                    int
		header, want              string
	}{
		{"GET", "/v1/score", "", 405, "Allow", "POST"},
		{"DELETE", "/livez", "", 405, "Allow", "GET, HEAD"},
		{"GET", "/nothing", "", 404, "", ""},
		{"GET", "/", "", 404, "", ""},
		{"POST", "/v1/score", "text/plain", 415, "", ""},
		{"POST", "/v1/score", "application/json; charset=latin1", 415, "", ""},
		{"POST", "/v1/score", "", 415, "", ""},
		{"POST", "/v1/score", "application/json; charset=utf-8", 200, "", ""},
		{"GET", "/readyz", "", 503, "Retry-After", "1"},
		{"GET", "/ping", "", 503, "", ""},
		{"GET", "/livez", "", 200, "", ""},
		{"GET", "/v1/models", "", 200, "", ""},
		{"GET", "/v1/models/fraud", "", 200, "", ""},
		{"GET", "/v1/models/fraud@3", "", 200, "", ""},
		{"GET", "/v1/models/fraud@9", "", 404, "", ""},
		{"GET", "/v1/models/..%2f..%2fetc", "", 404, "", ""},
		{"GET", "/openapi.json", "", 200, "", ""},
	} {
		t.Run(c.method+" "+c.path+" "+c.contentType, func(t *testing.T) {
			r := httptest.NewRequest(c.method, c.path, strings.NewReader(`{"row":[1,0,null]}`))
			if c.contentType != "" {
				r.Header.Set("Content-Type", c.contentType)
			}
			w := httptest.NewRecorder()
			g.ServeHTTP(w, r)
			if w.Code != c.status {
				t.Errorf("%d %s, want %d", w.Code, w.Body, c.status)
			}
			if got := w.Header().Get(c.header); c.header != "" && got != c.want {
				t.Errorf("%s: %q, want %q", c.header, got, c.want)
			}
		})
	}
}

func TestRequestIDsComeBack(t *testing.T) {
	g := newGateway(t, sum, nil)
	for sent, want := range map[string]string{"abc-1": "abc-1", "": "", "two words": "", strings.Repeat("x", 200): ""} {
		r := httptest.NewRequest(http.MethodGet, "/livez", nil)
		if sent != "" {
			r.Header.Set("X-Request-Id", sent)
		}
		w := httptest.NewRecorder()
		g.ServeHTTP(w, r)
		got := w.Header().Get("X-Request-Id")
		if want != "" && got != want || want == "" && (len(got) != 16 || got == sent) {
			t.Errorf("sent %q, got %q", sent, got)
		}
	}
}

func TestAPanicIsAnInternalError(t *testing.T) {
	for name, c := range map[string]struct {
		panic func()
		log   string
	}{
		"of the runtime": {func() { _ = []int{}[len(os.Args)] }, "index out of range"},
		"with a text":    {func() { panic("secret") }, "a string"},
		"with an error":  {func() { panic(errors.New("secret")) }, "a *errors.errorString"},
	} {
		var log bytes.Buffer
		var told telemetry.Request
		g := newGateway(t, scorerFunc(func(*score.Batch) error { c.panic(); return nil }), func(o *Options) {
			o.Log = slog.New(slog.NewTextHandler(&log, nil))
			o.Tell = []telemetry.Teller{tellerFunc(func(r *telemetry.Request) { told = r.Clone() })}
		})
		w := post(g, "/v1/score", `{"row":[1,0,null]}`)
		if w.Code != 500 || !strings.Contains(w.Body.String(), `"code":"internal"`) || strings.Contains(w.Body.String(), "secret") {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
		if text := log.String(); !strings.Contains(text, c.log) || !strings.Contains(text, "gateway_test.go") || strings.Contains(text, "secret") {
			t.Errorf("%s: the log has %s", name, text)
		}
		if told.Status != 500 || told.Problem != "internal" || told.Cause == nil || strings.Contains(told.Cause.Error(), "secret") {
			t.Errorf("%s: told %+v", name, told)
		}
	}
}

// A tellerFunc is a function that is told of requests.
type tellerFunc func(*telemetry.Request)

func (f tellerFunc) Told(r *telemetry.Request) { f(r) }

func TestWhatIsToldOfARequest(t *testing.T) {
	var told []telemetry.Request
	g := newGateway(t, scorerFunc(func(b *score.Batch) error {
		b.Times.Spent(telemetry.StageScore, b.Times.Now())
		for i := range b.Events {
			e := &b.Events[i]
			e.Version = b.Model.Version
			switch {
			case b.Row(i)[0] == 1:
				e.Result.Decision, e.Result.Policy = policy.Review, b.Model.Policy()
			case b.Row(i)[0] == 2:
				e.Result.Degraded, e.Cause = true, os.ErrClosed
			case b.Row(i)[0] == 3:
				e.Refused = score.ErrReused
			case b.Row(i)[0] == 4:
				e.Refused = score.ErrLate
			}
		}
		return nil
	}), func(o *Options) {
		o.Tell = []telemetry.Teller{tellerFunc(func(r *telemetry.Request) { told = append(told, r.Clone()) })}
	})
	for _, c := range []struct {
		name, path, body string
		want             telemetry.Request
		stages           string
	}{
		{
			"a score", "/v1/score", `{"row":[1,0,null]}`,
			telemetry.Request{Status: 200, Model: "fraud", Version: 3, Events: 1, Decision: "review"},
			"admit decode score encode",
		},
		{
			"a batch", "/v1/score/batch", `{"events":[{"row":[1,0,null]},{"row":[2,0,null]},{"row":[3,0,null]},{"row":[4,0,null]}]}`,
			telemetry.Request{Status: 200, Model: "fraud", Version: 3, Events: 4, Degraded: 1, Refused: 2, Failures: 1, Cause: os.ErrClosed},
			"admit queue decode score encode",
		},
		{
			"one that is refused", "/v1/score", `{"event_id":"a","row":[3,0,null]}`,
			telemetry.Request{Status: 409, Problem: "event-reused", Model: "fraud", Version: 3, Events: 1, Refused: 1},
			"admit decode score",
		},
		{"no JSON", "/v1/score", `{"row":`, telemetry.Request{Status: 400, Problem: "bad-json"}, "admit"},
	} {
		told = nil
		if w := post(g, c.path, c.body); w.Code != c.want.Status || len(told) != 1 || told[0].ID != w.Header().Get("X-Request-Id") {
			t.Fatalf("%s: %d %s, told %d times", c.name, w.Code, w.Body, len(told))
		}
		got := told[0]
		var stages []string
		for s, lap := range got.Times.Laps {
			if lap.Times > 0 {
				stages = append(stages, telemetry.Stage(s).String())
			}
		}
		if s := strings.Join(stages, " "); s != c.stages {
			t.Errorf("%s: stages %q, want %q", c.name, s, c.stages)
		}
		if got.Took <= 0 {
			t.Errorf("%s: it took %v", c.name, got.Took)
		}
		got.ID, got.Took, got.Times = "", 0, nil
		c.want.Route, c.want.Method, c.want.Key = c.path, "POST", "anybody"
		if d := cmp.Diff(c.want, got, cmpopts.EquateErrors()); d != "" {
			t.Errorf("%s: %s", c.name, d)
		}
	}

	t.Run("and of one that asks for nothing there is", func(t *testing.T) {
		told = nil
		r := httptest.NewRequest("BREW", "/nowhere", nil)
		r.Header.Set("Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
		r.Header.Set("Tracestate", "a=b")
		g.ServeHTTP(httptest.NewRecorder(), r)
		if q := told[0]; q.Route != "other" || q.Method != "other" || q.Problem != "no-such-route" || !q.Trace.Sampled || q.Trace.State != "a=b" {
			t.Errorf("%+v", q)
		}
	})
}

func TestAScorerThatFailsIsAnInternalError(t *testing.T) {
	g := newGateway(t, scorerFunc(func(*score.Batch) error { return os.ErrClosed }), nil)
	if w := post(g, "/v1/score", `{"row":[1,0,null]}`); w.Code != 500 || strings.Contains(w.Body.String(), "closed") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestAScoreThatIsNoNumberIsNull(t *testing.T) {
	g := newGateway(t, scorerFunc(func(b *score.Batch) error {
		b.Events[0].Result = score.Result{Score: math.NaN(), Margin: math.Inf(1), Degraded: true}
		b.Events[0].Version = b.Model.Version
		return nil
	}), nil)
	want := `{"model":"fraud","version":3,"score":null,"margin":null,"degraded":true}`
	if w := post(g, "/v1/score", `{"row":[1,0,null]}`); w.Body.String() != want {
		t.Errorf("%s\nwant %s", w.Body, want)
	}
}

func TestNumbersReadBack(t *testing.T) {
	for _, x := range []float64{0, 1, -1, 0.031250175, 1e-7, 123456789, 1e21, 3.4028234663852886e38, 1.401298464324817e-45} {
		var back float64
		if _, err := fmt.Sscan(string(strictjson.AppendNumber(nil, x, 32)), &back); err != nil || float32(back) != float32(x) {
			t.Errorf("%v was written as %s", x, strictjson.AppendNumber(nil, x, 32))
		}
	}
}
