package app

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/besra-ml/besra"
)

// demoFeatures is demoRow by name, with what change says; nil leaves a feature out.
func demoFeatures(t *testing.T, change map[string]any) string {
	t.Helper()
	var request struct{ Row []float64 }
	if err := json.Unmarshal([]byte(demoRow), &request); err != nil {
		t.Fatal(err)
	}
	features := map[string]any{}
	for i, c := range demoModel(t).Columns() {
		features[c.Name] = request.Row[i]
	}
	for name, v := range change {
		features[name] = v
		if v == nil {
			delete(features, name)
		}
	}
	text, err := json.Marshal(map[string]any{"features": features})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func demoModel(t *testing.T) *besra.Model {
	t.Helper()
	m, err := besra.Open(filepath.Join(demoBundle, "model.ubj"))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// demoScore is what the library says to demoRow with what change says, by feature.
func demoScore(t *testing.T, change map[string]float64) float64 {
	t.Helper()
	var request struct{ Row []float64 }
	if err := json.Unmarshal([]byte(demoRow), &request); err != nil {
		t.Fatal(err)
	}
	m := demoModel(t)
	for i, c := range m.Columns() {
		if x, ok := change[c.Name]; ok {
			request.Row[i] = x
		}
	}
	p := make([]float64, 1)
	if err := m.Predict64(p, request.Row); err != nil {
		t.Fatal(err)
	}
	return p[0]
}

// What other servers do with such input: they score it, fail with 500, or fill the memory.
func TestBadInput(t *testing.T) {
	s := start(t, nil)
	with := func(name string, v any) string { return demoFeatures(t, map[string]any{name: v}) }
	raw := func(name, value string) string {
		return strings.Replace(with(name, 424242), "424242", value, 1)
	}
	for name, c := range map[string]struct {
		body   string
		status int
		code   string
		field  string
	}{
		"a number as a string":                  {with("amount", "1.5"), 422, "wrong-type", "amount"},
		"true as a number":                      {with("amount", true), 422, "wrong-type", "amount"},
		"an array as a number":                  {with("amount", []int{1}), 422, "wrong-type", "amount"},
		"an object as a number":                 {with("amount", map[string]int{"value": 1}), 422, "wrong-type", "amount"},
		"1e39, where there are bounds":          {raw("amount", "1e39"), 422, "out-of-bounds", "amount"},
		"1e39, where there are none":            {raw("card_count_1d", "1e39"), 422, "out-of-bounds", "card_count_1d"},
		"-1e39":                                 {raw("card_mean_1d", "-1e39"), 422, "out-of-bounds", "card_mean_1d"},
		"the least number beyond float32":       {raw("card_count_7d", "340282356779733661637539395458142568448"), 422, "out-of-bounds", "card_count_7d"},
		"a number beyond float64":               {raw("amount", "1e309"), 422, "out-of-bounds", "amount"},
		"NaN":                                   {raw("amount", "NaN"), 400, "bad-json", "features"},
		"Infinity":                              {raw("amount", "Infinity"), 400, "bad-json", "features"},
		"-Infinity":                             {raw("amount", "-Infinity"), 400, "bad-json", "features"},
		"a hexadecimal number":                  {raw("amount", "0x10"), 400, "bad-json", "features"},
		"a leading zero":                        {raw("amount", "01"), 400, "bad-json", "features"},
		"a leading plus":                        {raw("amount", "+1"), 400, "bad-json", "features"},
		"an unknown feature":                    {with("amuont", 1), 422, "unknown-feature", "amuont"},
		"a feature in another case":             {with("Amount", 1), 422, "unknown-feature", "Amount"},
		"an unknown member":                     {`{"rows":[],` + demoRow[1:], 400, "bad-request", "rows"},
		"a duplicate feature":                   {raw("amount", `1,"amount":2`), 400, "bad-json", "amount"},
		"a duplicate feature, spelled with \\u": {raw("amount", `1,"\u0061mount":2`), 400, "bad-json", "amount"},
		"a duplicate member":                    {demoRow[:len(demoRow)-1] + "," + demoRow[1:], 400, "bad-json", "row"},
		"a row that is one short":               {strings.Replace(demoRow, "138.43,", "", 1), 422, "wrong-shape", "row"},
		"a row that is one long":                {strings.Replace(demoRow, "[", "[1,", 1), 422, "wrong-shape", "row"},
		"an empty row":                          {`{"row":[]}`, 422, "wrong-shape", "row"},
		"a row of rows":                         {`{"row":[[1]]}`, 422, "wrong-type", "amount"},
		"a feature that is left out":            {with("amount", nil), 422, "missing-feature", "amount"},
		"a feature that is null":                {raw("night", "null"), 422, "missing-feature", "night"},
		"no features":                           {`{"features":{}}`, 422, "missing-feature", "amount"},
		"nothing at all":                        {`{}`, 400, "bad-request", ""},
		"another model's name":                  {`{"model":"fruad",` + demoRow[1:], 404, "no-such-model", "model"},
		"another version":                       {`{"model":"fraud@2",` + demoRow[1:], 404, "no-such-version", "model"},
		"invalid UTF-8 in a name":               {"{\"features\":{\"\xff\":1}}", 400, "bad-json", "features"},
		"half a surrogate pair":                 {`{"event_id":"\ud800",` + demoRow[1:], 400, "bad-json", "event_id"},
		"a byte order mark":                     {"\ufeff" + demoRow, 400, "bad-json", ""},
		"a NUL":                                 {"\x00" + demoRow, 400, "bad-json", ""},
		"two bodies":                            {demoRow + demoRow, 400, "bad-json", ""},
		"100,000 arrays deep":                   {strings.Repeat("[", 100_000), 400, "bad-json", ""},
		"100,000 arrays deep, in a row":         {`{"row":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `}`, 400, "bad-json", "row"},
		"100,000 objects deep, in a feature":    {`{"features":{"amount":` + strings.Repeat(`{"a":`, 100_000) + `1` + strings.Repeat(`}`, 100_001) + `}`, 400, "bad-json", "features"},
	} {
		t.Run(name, func(t *testing.T) {
			status, body := s.post("/v1/score", c.body)
			if p := refused(t, status, body, c.status, c.code); p.Field != c.field || p.Detail == "" {
				t.Errorf("field %q, want %q: %s", p.Field, c.field, p.Detail)
			}
		})
	}
	t.Run("null is missing, as is a feature that is left out", func(t *testing.T) {
		want := demoScore(t, map[string]float64{"card_mean_7d": math.NaN()})
		for _, body := range []string{raw("card_mean_7d", "null"), with("card_mean_7d", nil), strings.Replace(demoRow, "73.7325", "null", 1)} {
			status, answer := s.post("/v1/score", body)
			if got := scoreOf(t, status, answer); got.score(t) != want {
				t.Errorf("%s: %s, want %v", body, answer, want)
			}
		}
		if want == demoScore(t, nil) {
			t.Error("a missing value makes no difference, so that this shows nothing")
		}
	})
	t.Run("a number of 17 digits is rounded once", func(t *testing.T) {
		// Halfway between two float32 numbers, and a little above it: what is left of the digits decides.
		status, answer := s.post("/v1/score", raw("amount", "138.43000030517578126"))
		want := demoScore(t, map[string]float64{"amount": 138.43000030517578126})
		if got := scoreOf(t, status, answer); got.score(t) != want {
			t.Errorf("%s, want %v", answer, want)
		}
	})
}

// A scored is an answer with a score, its numbers as they were sent.
type scored struct {
	ID       string      `json:"event_id"`
	Model    string      `json:"model"`
	Version  int         `json:"version"`
	Score    json.Number `json:"score"`
	Margin   json.Number `json:"margin"`
	Decision string      `json:"decision"`
	Policy   string      `json:"policy"`
	Degraded bool        `json:"degraded"`
	Scores   []float64   `json:"scores"`
	Labels   []string    `json:"labels"`
	Warnings []struct{ Code, Field string }
	Error    *problemJSON
}

// score is the answer's score, as a float64 that holds the float32.
func (s scored) score(t *testing.T) float64 {
	t.Helper()
	x, err := s.Score.Float64()
	if err != nil {
		t.Fatalf("score %q: %v", s.Score, err)
	}
	return float64(float32(x))
}

func scoreOf(t *testing.T, status int, body string) scored {
	t.Helper()
	var s scored
	if err := json.Unmarshal([]byte(body), &s); err != nil || status != http.StatusOK {
		t.Fatalf("%d %.500s: %v", status, body, err)
	}
	return s
}

func TestAHundredMegabytesAreRefused(t *testing.T) {
	const huge = 100 << 20
	s := start(t, nil)
	for name, c := range map[string]struct {
		path    string
		chunked bool
		most    uint64 // bytes of memory taken in all
	}{
		"announced":            {"/v1/score", false, 1 << 20},
		"in chunks":            {"/v1/score", true, 8 << 20},
		"announced as a batch": {"/v1/score/batch", false, 1 << 20},
		"a batch in chunks":    {"/v1/score/batch", true, 128 << 20}, // whose limit is 16 MiB
	} {
		t.Run(name, func(t *testing.T) {
			s.scores()
			w := dial(t, s)
			before := allocated()
			begun := time.Now()
			length := fmt.Sprintf("Content-Length: %d", huge)
			if c.chunked {
				length = "Transfer-Encoding: chunked"
			}
			w.send("POST " + c.path + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" + length + "\r\n\r\n")
			sent := make(chan int)
			go func() { sent <- w.flood(huge, c.chunked) }()
			resp, body := w.answer()
			if d := time.Since(begun); d > 5*time.Second {
				t.Errorf("it took %v", d)
			}
			refused(t, resp.StatusCode, body, http.StatusRequestEntityTooLarge, "too-large")
			if !resp.Close {
				t.Error("the connection is to be used again")
			}
			s.scores() // others are answered meanwhile
			n := <-sent
			taken := allocated() - before
			t.Logf("%d bytes were sent, %d bytes of memory taken", n, taken)
			if taken > c.most {
				t.Errorf("%d bytes of memory were taken, want at most %d", taken, c.most)
			}
			if n == huge {
				t.Error("all of it was read")
			}
		})
	}
}

// flood sends a body of n bytes, and returns how many it could send before the server hung up.
func (w *wire) flood(n int, chunked bool) int {
	const size = 64 << 10
	piece := bytes.Repeat([]byte(" "), size)
	if chunked {
		piece = fmt.Appendf(nil, "%x\r\n%s\r\n", size, piece)
	}
	for sent := 0; sent < n; sent += size {
		if _, err := w.Write(piece); err != nil {
			return sent
		}
	}
	return n
}

// allocated returns how many bytes were ever allocated.
func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

func TestErrorsDoNotRepeatTheInputAtLength(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	long := strings.Repeat("x", 200_000)
	for name, body := range map[string]string{
		"as a feature's name":    `{"features":{"` + long + `":1}}`,
		"as a feature's value":   `{"features":{"amount":"` + long + `"}}`,
		"as a number":            `{"features":{"amount":` + strings.Repeat("9", 200_000) + `}}`,
		"as a member":            `{"` + long + `":1}`,
		"as a model":             `{"model":"` + long + `",` + demoRow[1:],
		"as a version":           `{"model":"fraud@` + long + `",` + demoRow[1:],
		"as a model of controls": `{"model":"` + strings.Repeat(`\u0001`, 30_000) + `",` + demoRow[1:],
		"as an id":               `{"event_id":"` + long + `",` + demoRow[1:],
		"as no JSON":             long,
		"as a duplicate":         `{"features":{"` + long + `":1,"` + long + `":1}}`,
	} {
		t.Run(name, func(t *testing.T) {
			for _, path := range []string{"/v1/score", "/v1/score/batch"} {
				status, answer := s.post(path, body)
				if status < 400 || status >= 500 || len(answer) > 1000 {
					t.Errorf("%s: %d, %d bytes: %.300s", path, status, len(answer), answer)
				}
			}
			// The same as an item of a batch, where there can be many.
			status, answer := s.post("/v1/score/batch", `{"events":[`+body+`]}`)
			if status >= 500 || len(answer) > 1000 {
				t.Errorf("in a batch: %d, %d bytes: %.300s", status, len(answer), answer)
			}
		})
	}
	for _, path := range []string{"/" + long[:10_000], "/v1/models/" + long[:10_000]} {
		if status, answer := s.get(path); status != http.StatusNotFound || len(answer) > 1000 {
			t.Errorf("a long path: %d, %d bytes", status, len(answer))
		}
	}
}

func TestWhatIsNotARouteIsAProblem(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	for _, c := range []struct {
		method, path string
		status       int
		code, allow  string
	}{
		{"GET", "/v1/score", 405, "method-not-allowed", "POST"},
		{"PUT", "/v1/score/batch", 405, "method-not-allowed", "POST"},
		{"POST", "/readyz", 405, "method-not-allowed", "GET, HEAD"},
		{"OPTIONS", "/metrics", 405, "method-not-allowed", "GET, HEAD"},
		{"BREW", "/v1/models", 405, "method-not-allowed", "GET, HEAD"},
		{"GET", "/", 404, "no-such-route", ""},
		{"GET", "/v1", 404, "no-such-route", ""},
		{"POST", "/v1/score/", 404, "no-such-route", ""},
		{"POST", "/v1//score", 404, "no-such-route", ""},
		{"POST", "//v1/score", 404, "no-such-route", ""},
		{"GET", "/v1/../metrics", 404, "no-such-route", ""},
		{"GET", "/v1/./models", 404, "no-such-route", ""},
		{"GET", "/v1/models/", 404, "no-such-route", ""},
		{"GET", "/v1/models/fraud/extra", 404, "no-such-route", ""},
		{"GET", "/v1/models/%2e%2e", 404, "no-such-model", ""},
		{"GET", "/v1/models/..%2f..%2fetc%2fpasswd", 404, "no-such-route", ""},
		{"GET", "/v1/models/%00", 404, "no-such-model", ""},
		{"GET", "/v1/models/fraud@9", 404, "no-such-version", ""},
		{"POST", "/v2/models/fraud/infer", 404, "no-such-route", ""},
		{"OPTIONS", "*", 404, "no-such-route", ""},
		{"CONNECT", "192.0.2.1:443", 404, "no-such-route", ""},
	} {
		t.Run(c.method+" "+c.path, func(t *testing.T) {
			w := dial(t, s)
			w.send(c.method + " " + c.path + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
			resp, body := w.answer()
			refused(t, resp.StatusCode, body, c.status, c.code)
			if got := resp.Header.Get("Allow"); got != c.allow {
				t.Errorf("Allow: %q, want %q", got, c.allow)
			}
			if got := resp.Header.Get("Content-Type"); got != "application/problem+json" {
				t.Errorf("Content-Type: %q", got)
			}
		})
	}
}

func TestRequestsThatAreNoHTTP(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	for name, text := range map[string]string{
		"garbage":              "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
		"a header too long":    "GET /livez HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("x", 64<<10) + "\r\n\r\n",
		"headers too many":     "GET /livez HTTP/1.1\r\nHost: localhost\r\n" + strings.Repeat("X-Y: z\r\n", 8<<10) + "\r\n",
		"two lengths":          "POST /v1/score HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
		"a negative length":    "POST /v1/score HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
		"a length of 2^64":     "POST /v1/score HTTP/1.1\r\nHost: localhost\r\nContent-Length: 18446744073709551616\r\n\r\n",
		"no host":              "GET /livez HTTP/1.1\r\n\r\n",
		"a header with a NUL":  "GET /livez HTTP/1.1\r\nHost: localhost\r\nX: \x00\r\n\r\n",
		"a chunk that is none": "POST /v1/score HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			w := dial(t, s)
			_, _ = io.WriteString(w, text) // the server may hang up before it has read it all
			if resp, body := w.answer(); resp.StatusCode < 400 || resp.StatusCode >= 500 || len(body) > 1000 {
				t.Errorf("%d %s", resp.StatusCode, body)
			}
		})
	}
	s.scores()
}
