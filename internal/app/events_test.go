package app

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/besra-ml/besra/internal/entity"
	"github.com/besra-ml/besra/internal/feature"
	"github.com/besra-ml/besra/internal/history"
)

// payment returns the body of a payment with an id.
func payment(id, at, card, terminal string, amount float64) string {
	return fmt.Sprintf(`{"event_id":%q,"event":{"time":%q,"card":%q,"terminal":%q,"amount":%v}}`, id, at, card, terminal, amount)
}

// posted is an answer with its headers.
func (s *server) posted(path, body string) (int, http.Header, string) {
	s.t.Helper()
	r, err := http.NewRequest(http.MethodPost, "http://"+s.addr+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	w, err := s.client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer w.Body.Close()
	b, err := io.ReadAll(w.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return w.StatusCode, w.Header, string(b)
}

// entities is how many histories are held.
func (s *server) entities() int { return int(s.history.Store.Stats().Entities) }

func TestARepeatedEventGetsItsFirstAnswer(t *testing.T) {
	s := start(t, nil)
	const features = `{"event_id":"row_1","features":{"amount":12.5,"night":0,"weekend":1}}`
	for name, c := range map[string]struct{ first, again, other string }{
		"an event": {
			payment("evt_1", "2026-11-27T00:00:01Z", "c_1", "t_1", 12.5),
			`{ "event" : {"amount":1.25e1, "terminal":"\u0074_1","card":"c_1", "time":"2026-11-27T00:00:01Z"},"model":"fraud@1","explain":0,"event_id":"evt_1"}`,
			payment("evt_1", "2026-11-27T00:00:01Z", "c_1", "t_1", 12.51),
		},
		"features": {
			features,
			`{"features":{"weekend":1.0,"amount":12.5,"night":0,"card_count_1d":null},"event_id":"row_1"}`,
			strings.Replace(features, "12.5", "12.6", 1),
		},
		"a row": {
			`{"event_id":"row_2","row":[1,0,0,1,1,1,1,1,1,1,0,1,0,1,0]}`,
			`{"row":[1.0,0,0,1,1,1,1,1,1,1,0,1,0,1,0],"event_id":"row_2"}`,
			`{"event_id":"row_2","row":[2,0,0,1,1,1,1,1,1,1,0,1,0,1,0]}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			status, header, first := s.posted("/v1/score", c.first)
			if status != 200 || header.Get("Idempotent-Replayed") != "" {
				t.Fatalf("%d %v %s", status, header, first)
			}
			entities, rows := s.entities(), s.Models()[0].Counters.Rows.Value()
			for _, body := range []string{c.first, c.again} {
				status, header, again := s.posted("/v1/score", body)
				if status != 200 || header.Get("Idempotent-Replayed") != "true" || again != first {
					t.Errorf("%d %q %s, want %s", status, header.Get("Idempotent-Replayed"), again, first)
				}
			}
			if status, _, other := s.posted("/v1/score", c.other); status != 409 || !strings.Contains(other, "event-reused") {
				t.Errorf("%d %s", status, other)
			}
			if s.entities() != entities || s.Models()[0].Counters.Rows.Value() != rows {
				t.Error("a repetition counts")
			}
		})
	}
}

func TestABatchRepeatsToo(t *testing.T) {
	s := start(t, nil)
	one := payment("evt_1", "2026-11-27T00:00:01Z", "c_1", "t_1", 1)
	_, _, alone := s.posted("/v1/score", one)
	two := payment("evt_2", "2026-11-27T00:00:02Z", "c_1", "t_1", 2)
	other := payment("evt_2", "2026-11-27T00:00:02Z", "c_1", "t_1", 3)
	status, answer := s.post("/v1/score/batch", `{"events":[`+strings.Join([]string{one, two, two, other}, ",")+`]}`)
	var got struct {
		Results []struct {
			scored
			Replayed bool
		}
	}
	if err := json.Unmarshal([]byte(answer), &got); err != nil || status != 200 || len(got.Results) != 4 {
		t.Fatalf("%d %s", status, answer)
	}
	first := scoreOf(t, 200, alone)
	r := got.Results
	if !r[0].Replayed || r[0].Score != first.Score || r[0].Version != 1 {
		t.Errorf("%+v, want %+v again", r[0], first)
	}
	if r[1].Replayed || !r[2].Replayed || r[1].Score != r[2].Score {
		t.Errorf("twins in a batch: %+v, %+v", r[1], r[2])
	}
	if r[3].Error == nil || r[3].Error.Code != "event-reused" {
		t.Errorf("another event with the same id: %+v", r[3])
	}
}

// cardCount is what the model's histories say of a card now, as a dry run of a payment lets us see.
func (s *server) count(card string) int {
	s.t.Helper()
	hash := s.hasher.Hash("card", []byte(card))
	n := 0
	held, err := s.history.Held(subject(s, hash))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, h := range held {
		n += len(h.Entries)
	}
	return n
}

func TestTwinsAtOnceAreScoredOnce(t *testing.T) {
	s := start(t, nil)
	body := payment("evt_1", "2026-11-27T00:00:01Z", "c_1", "t_1", 12.5)
	const twins = 50
	answers, replayed := make([]string, twins), make([]bool, twins)
	var team sync.WaitGroup
	for i := range twins {
		team.Go(func() {
			_, h, b := s.posted("/v1/score", body)
			answers[i], replayed[i] = b, h.Get("Idempotent-Replayed") == "true"
		})
	}
	team.Wait()
	scoredOnes := 0
	for i, a := range answers {
		if a != answers[0] {
			t.Errorf("%s and %s", a, answers[0])
		}
		if !replayed[i] {
			scoredOnes++
		}
	}
	if scoredOnes != 1 || s.count("c_1") != 1 || s.Models()[0].Counters.Rows.Value() != 1 {
		t.Errorf("%d were scored, %d counted", scoredOnes, s.count("c_1"))
	}
}

func TestWhatIsNotScoredLeavesNoTrace(t *testing.T) {
	s := start(t, nil)
	good := payment("evt_1", "2026-11-27T00:00:01Z", "c_1", "t_1", 12.5)
	for name, body := range map[string]string{
		"an unknown field":  strings.Replace(good, `"amount"`, `"amounts"`, 1),
		"a dry run":         strings.Replace(good, `{"event_id"`, `{"dry_run":true,"event_id"`, 1),
		"no amount":         strings.Replace(good, `,"amount":12.5`, "", 1),
		"a negative amount": strings.Replace(good, `12.5`, `1e13`, 1),
	} {
		_, _, answer := s.posted("/v1/score", body)
		if s.entities() != 0 || s.history.Store.Stats().Answers != 0 {
			t.Errorf("%s: %s left a trace", name, answer)
		}
	}
	if status, _, answer := s.posted("/v1/score", good); status != 200 || s.count("c_1") != 1 {
		t.Errorf("%d %s: counted %d times", status, answer, s.count("c_1"))
	}
	// What is wrong by today's schema is still what it was, once it was answered.
	_, h, answer := s.posted("/v1/score", good)
	if h.Get("Idempotent-Replayed") != "true" {
		t.Errorf("%s", answer)
	}
}

func TestWrongEvents(t *testing.T) {
	s := start(t, nil)
	good := payment("evt_1", "2026-11-27T00:00:01Z", "c_1", "t_1", 12.5)
	for name, c := range map[string]struct {
		old, new    string
		status      int
		code, field string
	}{
		"a time that is a number":            {`"2026-11-27T00:00:01Z"`, `1764201601`, 422, "wrong-type", "time"},
		"a time without a zone":              {`"2026-11-27T00:00:01Z"`, `"2026-11-27T00:00:01"`, 422, "wrong-type", "time"},
		"a time of the year 1":               {`"2026-11-27T00:00:01Z"`, `"0001-01-01T00:00:00Z"`, 422, "wrong-type", "time"},
		"a time before 1970":                 {`"2026-11-27T00:00:01Z"`, `"1969-12-31T23:59:59Z"`, 422, "wrong-type", "time"},
		"a 30th of February":                 {`"2026-11-27T00:00:01Z"`, `"2026-02-30T00:00:00Z"`, 422, "wrong-type", "time"},
		"no time":                            {`"2026-11-27T00:00:01Z"`, `null`, 422, "missing-feature", "time"},
		"a card that is a number":            {`"c_1"`, `17`, 422, "wrong-type", "card"},
		"a card of no letters":               {`"c_1"`, `""`, 422, "out-of-bounds", "card"},
		"a card of too many letters":         {`"c_1"`, `"` + strings.Repeat("c", 257) + `"`, 422, "out-of-bounds", "card"},
		"a card number as the card":          {`"c_1"`, `"4111 1111 1111 1111"`, 400, "bad-request", "card"},
		"a card number as the id":            {`"evt_1"`, `"4111111111111111"`, 400, "bad-request", "event_id"},
		"an amount that is text":             {`12.5`, `"12.5"`, 422, "wrong-type", "amount"},
		"an amount that is NaN":              {`12.5`, `NaN`, 400, "bad-json", ""},
		"an amount beyond what can be added": {`12.5`, `1e12`, 422, "out-of-bounds", "amount"},
		"a negative amount beyond that":      {`12.5`, `-1e12`, 422, "out-of-bounds", "amount"},
		"no amount":                          {`12.5`, `null`, 422, "missing-feature", "amount"},
		"a field twice":                      {`"amount":12.5`, `"amount":1,"amount":2`, 400, "bad-json", "amount"},
		"an unknown field":                   {`"amount"`, `"amounts"`, 422, "unknown-feature", "amounts"},
		"no object":                          {good[strings.Index(good, `{"time"`) : len(good)-1], `[1,2]`, 422, "wrong-type", "event"},
	} {
		t.Run(name+" is refused", func(t *testing.T) {
			if !strings.Contains(good, c.old) {
				t.Fatalf("%s is not in %s", c.old, good)
			}
			status, answer := s.post("/v1/score", strings.Replace(good, c.old, c.new, 1))
			var p problemJSON
			if err := json.Unmarshal([]byte(answer), &p); err != nil || status != c.status || p.Code != c.code || c.field != "" && p.Field != c.field {
				t.Errorf("%d %s", status, answer)
			}
			if strings.Contains(answer, "4111") {
				t.Errorf("%s repeats a card number", answer)
			}
		})
	}
	if s.entities() != 0 {
		t.Errorf("%d entities", s.entities())
	}
}

func TestHostileTimesAreScoredAndHurtNobodyElse(t *testing.T) {
	s := start(t, nil)
	for i, at := range []string{
		"2026-11-27T00:00:01Z", "9999-12-31T23:59:59.999Z", "1970-01-01T00:00:00Z", "2026-11-27T00:00:02Z", "2026-11-27T00:00:02Z",
	} {
		for _, card := range []string{"c_1", fmt.Sprintf("c_jump_%d", i)} {
			status, answer := s.post("/v1/score", payment(fmt.Sprintf("evt_%d_%s", i, card), at, card, "t_"+card, 5))
			if status != 200 {
				t.Fatalf("%s: %d %s", at, status, answer)
			}
			late := strings.Contains(answer, `{"code":"late","field":"card"}`)
			if want := card == "c_1" && i >= 2; late != want {
				t.Errorf("%s of %s: %s", at, card, answer)
			}
		}
	}
	if n := s.count("c_1"); n != 1 { // the one of the year 9999, to which all others are beyond any window
		t.Errorf("%d payments are remembered", n)
	}
	if n := s.Models()[0].Counters.Late.Value(); n != 6 { // card and terminal
		t.Errorf("%d counted as late", n)
	}
}

func TestABusyCardStaysRight(t *testing.T) {
	const events = 20_000 // in one second
	s := start(t, nil)
	for i := 0; i < events; i += 5000 {
		var items []string
		for k := i; k < i+5000; k++ {
			items = append(items, payment(fmt.Sprintf("evt_%d", k), "2026-11-27T00:00:01Z", "c_1", "t_1", 1))
		}
		status, answer := s.post("/v1/score/batch", `{"events":[`+strings.Join(items, ",")+`]}`)
		if status != 200 || strings.Contains(answer, "error") || strings.Contains(answer, "warnings") {
			t.Fatalf("%d %.300s", status, answer)
		}
	}
	if n := s.count("c_1"); n != events {
		t.Errorf("%d of %d payments are remembered", n, events)
	}
}

func TestLabels(t *testing.T) {
	s := start(t, nil)
	s.post("/v1/score", payment("evt_1", "2026-11-27T00:00:01Z", "c_1", "t_1", 99.5))
	label := func(id, l, at string) string { return fmt.Sprintf(`{"event_id":%q,"label":%q,"time":%q}`, id, l, at) }
	all := `{"labels":[` + label("evt_1", "fraud", "2026-12-04T00:00:00Z") + "," + label("evt_9", "genuine", "2026-12-05T00:00:00Z") + `]}`
	for _, want := range []string{
		`{"accepted":2,"known":1,"repeated":0,"early":1}`, `{"accepted":2,"known":0,"repeated":2,"early":0}`,
	} {
		if status, answer := s.post("/v1/labels", all); status != 200 || answer != want {
			t.Errorf("%d %s, want %s", status, answer, want)
		}
	}
	_, status := s.get("/v1/status")
	var got struct {
		Performance []struct {
			Age                              string
			Events, Labelled, Frauds, Missed int
			Recall                           float64
			MissedLoss                       float64 `json:"missed_loss"`
		}
	}
	if err := json.Unmarshal([]byte(status), &got); err != nil || len(got.Performance) != 4 {
		t.Fatalf("%v: %s", err, status)
	}
	if p := got.Performance[0]; p.Age != "0-7d" || p.Events != 1 || p.Labelled != 1 || p.Frauds != 1 || p.Missed != 1 || p.MissedLoss != 99.5 {
		t.Errorf("%+v", p)
	}
	for name, c := range map[string]struct{ body, field string }{
		"no labels":        {`{}`, "labels"},
		"another word":     {`{"labels":[` + label("a", "stolen", "2026-12-04T00:00:00Z") + `]}`, "labels[0].label"},
		"no time":          {`{"labels":[` + label("a", "fraud", "2026-12-04T00:00:00Z") + `,{"event_id":"a","label":"fraud"}]}`, "labels[1].time"},
		"a wrong time":     {`{"labels":[` + label("a", "fraud", "yesterday") + `]}`, "labels[0].time"},
		"an unknown thing": {`{"labels":[{"id":"a"}]}`, "labels[0].id"},
		"no JSON":          {`{"labels":[` + label("a", "stolen", "2026-12-04T00:00:00Z") + `],,`, ""},
		"a card number":    {`{"labels":[` + label("4111111111111111", "fraud", "2026-12-04T00:00:00Z") + `]}`, "labels[0].event_id"},
	} {
		status, answer := s.post("/v1/labels", c.body)
		var p problemJSON
		if err := json.Unmarshal([]byte(answer), &p); err != nil || status != 400 && status != 422 || p.Field != c.field {
			t.Errorf("%s: %d %s", name, status, answer)
		}
	}
	if n := s.history.Outcomes.Stats().Early; n != 1 {
		t.Errorf("%d labels wait: what was wrong left a trace", n)
	}
}

func TestAStartRemembers(t *testing.T) {
	dir := t.TempDir()
	durable := func(c *Config) { c.State.Dir = dir }
	s := start(t, durable)
	eventually(t, "it is ready", func() bool { return s.isReady() == nil })
	first := map[string]string{}
	for i := range 200 {
		body := payment(fmt.Sprintf("evt_%d", i), fmt.Sprintf("2026-11-27T00:%02d:%02dZ", i/60, i%60), fmt.Sprintf("c_%d", i%5), "t_1", float64(i))
		status, answer := s.post("/v1/score", body)
		if status != 200 {
			t.Fatalf("%d %s", status, answer)
		}
		first[body] = answer
	}
	entities := s.entities()
	s.cancel()
	if err := s.ended(); err != nil {
		t.Fatal(err)
	}
	s = start(t, durable)
	eventually(t, "it is ready again", func() bool { return s.isReady() == nil })
	if s.entities() != entities {
		t.Errorf("%d entities, want %d", s.entities(), entities)
	}
	for body, want := range first {
		if _, h, got := s.posted("/v1/score", body); got != want || h.Get("Idempotent-Replayed") != "true" {
			t.Errorf("%s, want %s", got, want)
		}
	}
	info, err := os.Stat(filepath.Join(dir, keyFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if _, err := New(s.config, testBackends(), nil, s.log); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("a second service on the same state: %v", err)
	}
}

func TestListsAndTheFallbackDecide(t *testing.T) {
	dir := t.TempDir()
	policy, list, key := filepath.Join(dir, "policy.yaml"), filepath.Join(dir, "blocked.txt"), filepath.Join(dir, "key")
	put := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(key, strings.Repeat("ab", 32)+"\n")
	config := Defaults()
	config.State.EntityKeyFile = key
	blocked, err := EntityHash(config, "card", "c_stolen")
	if err != nil {
		t.Fatal(err)
	}
	put(list, fmt.Sprintf("%x # c_stolen\n", blocked))
	rules := "besra: 1\nmodels:\n  fraud:\n    version: %q\n    cutoffs: {review: 2}\n    fallback: decline\n    lists: [{entity: card, file: blocked.txt, decision: %s}]\n"
	put(policy, fmt.Sprintf(rules, "v1", "decline"))
	s := start(t, func(c *Config) { c.Policy, c.State.EntityKeyFile, c.Models.Poll = policy, key, 10*time.Millisecond })
	ask := func(id, card string) scored {
		t.Helper()
		return scoreOf(s.postT(t, payment(id, "2026-11-27T00:00:01Z", card, "t_1", 5)))
	}
	if got := ask("evt_1", "c_stolen"); got.Decision != "decline" || got.Policy != "v1" {
		t.Errorf("%+v", got)
	}
	if got := ask("evt_2", "c_good"); got.Decision != "approve" {
		t.Errorf("%+v", got)
	}
	put(policy, "besra: 1\nmodels: {fraud: {version: v2, cutofs: {}}}\n") // wrong: what is live stays
	put(policy+".new", fmt.Sprintf(rules, "v3", "review"))
	eventually(t, "the wrong change is refused", func() bool { return s.page()[`besra_policy_reloads_total{result="refused"}`] > "0" })
	if got := ask("evt_3", "c_stolen"); got.Decision != "decline" || got.Policy != "v1" {
		t.Errorf("after a wrong change: %+v", got)
	}
	if err := os.Rename(policy+".new", policy); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the change is taken", func() bool { return s.Models()[0].Policy().Version == "v3" })
	if got := ask("evt_4", "c_stolen"); got.Decision != "review" || got.Policy != "v3" {
		t.Errorf("%+v", got)
	}
	if _, h, _ := s.posted("/v1/score", payment("evt_1", "2026-11-27T00:00:01Z", "c_stolen", "t_1", 5)); h.Get("Idempotent-Replayed") != "true" {
		t.Error("a changed policy changes answers that were given")
	}
}

func (s *server) postT(t *testing.T, body string) (*testing.T, int, string) {
	t.Helper()
	status, answer := s.post("/v1/score", body)
	return t, status, answer
}

func subject(s *server, hash entity.Hash) history.Subject {
	return history.Subject{Stream: history.Stream{Model: "fraud", Plan: s.models.Plan("fraud")}, Field: "card", Hash: feature.Hash(hash)}
}

func TestAStopWithinRecoveryServesNothingOfHalfAMemory(t *testing.T) {
	c := Defaults()
	c.State.Dir = t.TempDir()
	a := newApp(t, c) // Serve would recover
	a.stage.Store(stopping)
	for path, body := range map[string]string{
		"/v1/score":  payment("evt_1", "2026-11-27T00:00:01Z", "c_1", "t_1", 5),
		"/v1/labels": `{"labels":[{"event_id":"evt_1","label":"fraud","time":"2026-11-27T00:00:02Z"}]}`,
	} {
		w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		a.gateway.ServeHTTP(w, r)
		if w.Code != http.StatusServiceUnavailable {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	if err := a.closeState(); err != nil {
		t.Error(err)
	}
}
