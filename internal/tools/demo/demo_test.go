package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"

	"github.com/besra-ml/besra/internal/tools/simulate"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// options are of a world of 11 days, of which the last is held out and 9 are learned. In the held-out day 85 cards
// pay some 170 times.
func options(url string) Options {
	w := simulate.Defaults()
	w.Cards, w.Terminals, w.Days, w.Radius, w.HitTerminals, w.HitCards = 85, 50, 11, 60, 1, 3
	return Options{
		URL: url, Model: "fraud", World: w, First: 10, Learn: 9,
		Duration: 20 * time.Millisecond, CostReview: 7.5, Promise: Promise{Precision: 0.5, Recall: 0.75},
	}
}

func TestPlay(t *testing.T) {
	d := newDoor(t, nil)
	var out bytes.Buffer
	o := options(d.URL)
	o.Out = &out
	r, err := Play(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	payments := world(t, o)
	want := Report{Failures: map[string]int{}, Own: Own{Events: 30, Labelled: 29, Frauds: 10, Caught: 8, FalseAlarms: 4}}
	for _, p := range payments {
		if p.Time < o.World.Start.Unix()+10*86_400 {
			want.Learned++
			continue
		}
		want.Payments++
		want.Answered++
		class := &want.Approve
		if p.Cents >= 10_000 {
			class = &want.Decline
		} else if p.Cents >= 5_000 {
			class = &want.Review
			want.ReviewCost += 750
		}
		class.add(&payment{amount: Money(p.Cents), fraud: p.Scenario != 0})
		if p.Card%14 == 0 {
			want.Alone++
		}
	}

	t.Run("counts decisions, frauds and amounts of the held-out payments", func(t *testing.T) {
		ignored := cmpopts.IgnoreFields(Report{}, "Elapsed", "LearnTook", "Rate", "P50", "P99", "Max", "Try")
		if diff := cmp.Diff(want, r, ignored); diff != "" {
			t.Error(diff)
		}
		if want.Approve.Frauds == 0 || want.Review.Frauds == 0 || want.Decline.Frauds == 0 || want.Alone == 0 || want.Learned < 1000 {
			t.Errorf("the world does not try everything: %+v", want)
		}
		if r.Max <= 0 || r.P50 > r.P99 || r.P99 > r.Max || r.Rate <= 0 || r.LearnTook <= 0 {
			t.Errorf("times make no sense: %+v", r)
		}
	})
	t.Run("sends payments and labels in the order of time", func(t *testing.T) { d.check(t, o) })
	t.Run("sends one card of 14 alone, others in batches", func(t *testing.T) {
		for n, s := range d.seen {
			if first := payments[want.Learned].Number; s.alone != (n >= first && payments[n-payments[0].Number].Card%14 == 0) {
				t.Errorf("evt_%d of %s alone: %v", n, s.card, s.alone)
			}
		}
		if d.largest < 5 {
			t.Errorf("the largest batch had %d payments", d.largest)
		}
	})
	t.Run("works out what that is worth", func(t *testing.T) {
		flagged := want.Review.plus(want.Decline)
		caught := flagged.Frauds
		if r.Precision() != float64(caught)/float64(flagged.Payments) || r.Recall() != float64(caught)/float64(want.Approve.Frauds+caught) {
			t.Errorf("precision %v, recall %v of %+v", r.Precision(), r.Recall(), want)
		}
		if r.Saved() != flagged.FraudAmount-want.ReviewCost || r.Missed() != want.Approve.FraudAmount {
			t.Errorf("saved %v, missed %v of %+v", r.Saved(), r.Missed(), want)
		}
		if n, amount := r.TurnedAway(); n != want.Decline.Payments-want.Decline.Frauds || amount != want.Decline.Amount-want.Decline.FraudAmount {
			t.Errorf("turned away %d, %v of %+v", n, amount, want)
		}
	})
	t.Run("names the model with every event", func(t *testing.T) {
		if !strings.Contains(d.single, `,"model":"fraud","event":{"time":"2018-04-11T`) {
			t.Errorf("sent %s", d.single)
		}
	})
	t.Run("shows the server's own figures, the last 30 days of them", func(t *testing.T) {
		if want := "precision 66.7 %, recall 80.0 % of 29 payments labelled"; !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	})
	t.Run("ends with a payment to be tried, and tried again", func(t *testing.T) { tryIt(t, d, r, out.String()) })
}

func tryIt(t *testing.T, d *door, r Report, out string) {
	var last *seen // the last fraud that was declined
	for _, s := range d.seen {
		if s.fraud && s.decision == "decline" && s.second >= d.newest-86_400 && (last == nil || s.second > last.second) {
			last = s
		}
	}
	if last == nil {
		t.Fatal("no fraud was declined")
	}
	event := fmt.Sprintf(`"event":{"time":%q,"card":%q,"terminal":%q,"amount":%s}`,
		time.Unix(d.newest+1, 0).UTC().Format(time.RFC3339), last.card, last.term, last.amount)
	rest := " " + d.URL + `/v1/score -H 'Content-Type: application/json' -d '{"event_id":"try_1","model":"fraud",` + event + `}'`
	if diff := cmp.Diff([]string{"curl -s" + rest, "curl -si" + rest}, []string{r.Try.Curl, r.Try.Again}); diff != "" {
		t.Error(diff)
	}
	if want := `{"model":"fraud",` + event + `,"dry_run":true}`; d.tried != want {
		t.Errorf("what it will get was asked as %s, want %s", d.tried, want)
	}
	if !strings.HasSuffix(out, "be declined, with a score of 0."+r.Try.Becomes[strings.LastIndexByte(r.Try.Becomes, '.')+1:]+":\n\n"+r.Try.Curl+
		"\n\nSent again it gets its first answer, with Idempotent-Replayed: true:\n\n"+r.Try.Again+"\n") {
		t.Errorf("it is not at the end of\n%s", out)
	}
	if _, err := exec.LookPath("curl"); err != nil {
		t.Log("NOT RUN: curl is not installed")
		return
	}
	for command, want := range map[string]string{r.Try.Curl: `{"event_id":"try_1"`, r.Try.Again: "HTTP/1.1 200 OK"} {
		answer, err := exec.CommandContext(t.Context(), "sh", "-c", command).Output()
		if err != nil || !strings.HasPrefix(string(answer), want) || !strings.Contains(string(answer), `"decision":"decline"`) {
			t.Errorf("got %q, error %v", answer, err)
		}
	}
}

func TestPlaySome(t *testing.T) {
	for _, c := range []struct {
		name  string
		count int
		learn int
	}{
		{"plays the first few", 5, 9},
		{"plays all when more are asked for than there are", 100_000, 9},
		{"plays without learning", 20, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDoor(t, nil)
			o := options(d.URL + "/")
			o.Count, o.Learn, o.Leaving = c.count, c.learn, true
			r, err := Play(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			d.check(t, o)
			if n := len(world(t, o)); r.Learned+r.Answered != n || r.Answered != r.Payments || r.Try != (Try{}) {
				t.Errorf("report is %+v, want %d payments", r, n)
			}
		})
	}
	t.Run("names no model when none is named", func(t *testing.T) {
		d := newDoor(t, nil)
		o := options(d.URL)
		o.Model = ""
		if _, err := Play(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(d.single, "model") || strings.Contains(d.tried, "model") {
			t.Errorf("sent %s and %s", d.single, d.tried)
		}
	})
	t.Run("goes as fast as it can when it is told to", func(t *testing.T) {
		d := newDoor(t, nil)
		var out bytes.Buffer
		o := options(d.URL)
		o.Duration, o.Flat, o.Out = time.Hour, true, &out
		r, err := Play(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		d.check(t, o)
		if r.Answered != r.Payments || strings.Contains(out.String(), "p99") {
			t.Errorf("report is %+v, and on the screen is\n%s", r, out.String())
		}
	})
}

func TestPace(t *testing.T) {
	t.Run("payments are spread over the duration and few connections", func(t *testing.T) {
		d := newDoor(t, nil)
		o := options(d.URL)
		o.Duration = 300 * time.Millisecond
		r, err := Play(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		// The last batch may not come before the last payment is due.
		if r.Elapsed < o.Duration*9/10 {
			t.Errorf("it took %v, before its time %v", r.Elapsed, o.Duration)
		}
		if len(d.conns) > 16 {
			t.Errorf("%d connections", len(d.conns))
		}
	})

	t.Run("latency counts from the intended time while the server stalls", func(t *testing.T) {
		const stall = 300 * time.Millisecond
		d := newDoor(t, func(_ http.ResponseWriter, path string, n int) bool {
			if path == "/v1/score" && n == 1 {
				time.Sleep(stall)
			}
			return false
		})
		o := options(d.URL)
		o.Duration = 100 * time.Millisecond
		r, err := Play(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		// One alone took long after it was sent: those behind it were late before they were.
		if r.Max < stall || r.P50 < stall/10 {
			t.Errorf("p50 %v, max %v, although the server stalled for %v", r.P50, r.Max, stall)
		}
	})
}

func TestInterrupted(t *testing.T) {
	for _, c := range []struct {
		name, path string
		after      int
		terminal   bool
		want       string
	}{
		{"while the server learns", "/v1/score/batch", 20, false, "days, and their labels, in "},
		{"while it plays", "/v1/score", 3, false, ", then interrupted.\n"},
		{"while it plays, on a terminal", "/v1/score", 3, true, ", then interrupted.\n"},
	} {
		t.Run(c.name+" it stops soon and sums up", func(t *testing.T) {
			ctx, interrupt := context.WithCancel(t.Context())
			defer interrupt()
			release := make(chan struct{})
			defer close(release)
			d := newDoor(t, func(_ http.ResponseWriter, path string, n int) bool {
				if path == c.path && n >= c.after {
					interrupt()
					<-release // and never answers in time
				}
				return false
			})
			var out bytes.Buffer
			o := options(d.URL)
			o.Duration, o.Out, o.Terminal = 20*time.Second, &out, c.terminal
			r, err := Play(ctx, o)
			if err != nil {
				t.Fatal(err)
			}
			if !r.Interrupted || r.Failed != 0 || r.Payments > 0 && r.Answered >= r.Payments {
				t.Errorf("report is %+v", r)
			}
			if got := out.String(); !strings.Contains(got, c.want) || strings.Contains(got, "curl") {
				t.Errorf("%q is not in\n%s", c.want, got)
			}
		})
	}
	t.Run("before it begins, nothing is played", func(t *testing.T) {
		ctx, interrupt := context.WithCancel(t.Context())
		interrupt()
		d := newDoor(t, nil)
		r, err := Play(ctx, options(d.URL))
		if err != nil || !r.Interrupted || r.Answered != 0 || len(d.asked) != 0 {
			t.Errorf("report is %+v, error %v; the door saw %d", r, err, len(d.asked))
		}
	})
}

func TestFailures(t *testing.T) {
	t.Run("of some are counted by kind and left out of the rest", func(t *testing.T) {
		d := newDoor(t, func(w http.ResponseWriter, path string, n int) bool {
			if path != "/v1/score" {
				return false
			}
			switch n {
			case 1:
				problemAnswer(w, 503, "overloaded", "try later")
			case 2:
				fmt.Fprint(w, `{"score":0.5}`)
			case 3:
				fmt.Fprint(w, `{"score":`)
			case 4:
				fmt.Fprint(w, `{"score":0.5,"decision":"perhaps"}`)
			case 5:
				http.Error(w, "not json", http.StatusBadGateway)
			case 6:
				panic(http.ErrAbortHandler)
			default:
				return false
			}
			return true
		})
		var out bytes.Buffer
		o := options(d.URL)
		o.Out = &out
		r, err := Play(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]int{
			"status 503 overloaded": 1, "no decision": 1, "answer is not JSON": 1, "unknown decision": 1,
			"status 502": 1, "connection lost": 1,
		}
		if diff := cmp.Diff(want, r.Failures); diff != "" {
			t.Error(diff)
		}
		if r.Failed != 6 || r.Answered != r.Payments-6 || r.All().Payments != r.Answered {
			t.Errorf("report is %+v", r)
		}
		if !strings.Contains(out.String(), "status 503 overloaded: 1") {
			t.Errorf("the summary hides it:\n%s", out.String())
		}
	})

	t.Run("of events in a batch are theirs alone", func(t *testing.T) {
		c := newTestClient(t, func(w http.ResponseWriter, _ string, _ int) bool {
			io.WriteString(w, `{"results":[{"score":0.1,"decision":"approve"},{"error":{"status":422,"code":"missing-feature","field":"amount","detail":"is needed"}}]}`)
			return true
		})
		memory := []answer{{Error: &problem{}}, {Decision: "decline"}}
		answers, err := c.scoreBatch(t.Context(), []byte("{}"), 2, memory)
		if err != nil || answers[0].check() != nil || answers[0].Decision != "approve" {
			t.Fatalf("answers are %+v, error %v", answers, err)
		}
		if err := answers[1].check(); err == nil || err.Error() != "status 422 missing-feature: amount: is needed" {
			t.Errorf("error is %v", err)
		}
		if _, err := c.scoreBatch(t.Context(), []byte("{}"), 3, memory); err == nil || !strings.Contains(err.Error(), "3 payments were sent, 2 answered") {
			t.Errorf("error is %v", err)
		}
	})

	for _, c := range []struct {
		name, path string
		want       string
	}{
		{"to learn", "/v1/score/batch", "demo: learn: status 422 missing-feature: amount is required"},
		{"to take a label", "/v1/labels", "demo: learn: labels: status 422 missing-feature: amount is required"},
		{"to tell how well it does", "/v1/status", "demo: status: status 422 missing-feature: amount is required"},
	} {
		t.Run(c.name+" are an error", func(t *testing.T) {
			d := newDoor(t, func(w http.ResponseWriter, path string, _ int) bool {
				if path == c.path {
					problemAnswer(w, 422, "missing-feature", "amount is required")
				}
				return path == c.path
			})
			if _, err := Play(t.Context(), options(d.URL)); err == nil || err.Error() != c.want {
				t.Errorf("error is %v, want %s", err, c.want)
			}
		})
	}

	t.Run("of all are an error that quotes the server", func(t *testing.T) {
		d := newDoor(t, func(w http.ResponseWriter, _ string, _ int) bool {
			problemAnswer(w, 422, "missing-feature", "amount is required")
			return true
		})
		o := options(d.URL)
		o.Learn, o.Count = 0, 8
		r, err := Play(t.Context(), o)
		want := "demo: no payment was answered, 8 failed; the first: status 422 missing-feature: amount is required"
		if err == nil || err.Error() != want {
			t.Errorf("error is %v, want %s", err, want)
		}
		if r.Failed != 8 || r.Try != (Try{}) {
			t.Errorf("report is %+v", r)
		}
	})

	t.Run("to connect are an error", func(t *testing.T) {
		d := newDoor(t, nil)
		d.Close()
		o := options(d.URL)
		o.Learn, o.Count = 0, 8
		r, err := Play(t.Context(), o)
		if err == nil || r.Failures["connection refused"] != 8 {
			t.Errorf("error is %v, failures are %v", err, r.Failures)
		}
	})

	t.Run("to write are an error", func(t *testing.T) {
		d := newDoor(t, nil)
		o := options(d.URL)
		o.Out = broken{}
		if _, err := Play(t.Context(), o); !errors.Is(err, errBroken) {
			t.Errorf("error is %v, want %v", err, errBroken)
		}
	})

	t.Run("of endless kinds stay few", func(t *testing.T) {
		tally := newTally(100, 0, time.Now())
		for i := range 100 {
			tally.add(i, &payment{}, answer{}, &failure{fmt.Sprint("kind ", i), io.EOF}, time.Now())
		}
		if r := tally.report(); len(r.Failures) != maxKinds+1 || r.Failures["other"] != 100-maxKinds {
			t.Errorf("failures are %v", r.Failures)
		}
	})
}

func newTestClient(t *testing.T, before func(w http.ResponseWriter, path string, n int) bool) *client {
	t.Helper()
	c, err := newClient(newDoor(t, before).URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.close)
	return c
}

var errBroken = errors.New("broken")

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errBroken }

func TestOptionsThatMakeNoSenseAreRefused(t *testing.T) {
	for name, change := range map[string]func(*Options){
		"an address of another kind":         func(o *Options) { o.URL = "ftp://127.0.0.1" },
		"no address":                         func(o *Options) { o.URL = "" },
		"no world":                           func(o *Options) { o.World = simulate.Options{} },
		"no days held out":                   func(o *Options) { o.First = o.World.Days },
		"a first day before the world":       func(o *Options) { o.First = -1 },
		"days to learn that are not there":   func(o *Options) { o.Learn = o.First + 1 },
		"a negative number of days to learn": func(o *Options) { o.Learn = -1 },
		"a world without a payment":          func(o *Options) { o.World.Radius = 1e-9 },
		"a world of too many payments":       func(o *Options) { o.World.Cards, o.World.Terminals, o.World.Days = 200_000, 10_000, 21 },
		"a negative count":                   func(o *Options) { o.Count = -1 },
		"a negative duration":                func(o *Options) { o.Duration = -1 },
		"a negative cost":                    func(o *Options) { o.CostReview = -1 },
		"a cost that is not a number":        func(o *Options) { o.CostReview = math.NaN() },
	} {
		t.Run(name, func(t *testing.T) {
			o := options("http://127.0.0.1:1")
			change(&o)
			if r, err := Play(t.Context(), o); err == nil || r.Payments != 0 {
				t.Errorf("it was played: %+v, error %v", r, err)
			}
		})
	}
}
