package demo

import (
	"bytes"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// full is a report with large numbers.
func full() (Options, Report) {
	o := Options{
		URL: "http://127.0.0.1:41231", Model: "fraud", Duration: 10 * time.Second, Currency: "EUR",
		Cutoffs: Cutoffs{Review: 0.0725, Decline: 0.8512}, Terminal: true, Promise: Promise{Precision: 0.462, Recall: 0.791},
	}
	r := Report{
		Payments: 20_000, Answered: 19_990, Failed: 10, Failures: map[string]int{"timeout": 10},
		Elapsed: 10 * time.Second, Rate: 1999, Alone: 1428, P50: 123 * time.Microsecond, P99: 1234 * time.Microsecond, Max: 1234 * time.Millisecond,
		Approve:    Class{19_500, 44, 123_456_789, 345_678},
		Review:     Class{300, 60, 3_456_789, 456_789},
		Decline:    Class{190, 120, 23_456_789, 12_345_678},
		ReviewCost: 150_000,
		Own:        Own{Events: 21_000, Labelled: 20_500, Frauds: 230, Caught: 184, FalseAlarms: 316},
	}
	return o, r
}

var escape = regexp.MustCompile("\x1b\\[[0-9;?]*[A-Za-z]")

func TestPanel(t *testing.T) {
	o, r := full()
	coloured := strings.Join(panel(o, true, r, 2000.4, 9500*time.Millisecond), "\n")
	plain := strings.Join(panel(o, false, r, 2000.4, 9500*time.Millisecond), "\n")

	t.Run("fits into 80 columns", func(t *testing.T) {
		for l := range strings.Lines(plain) {
			if n := utf8.RuneCountInString(l); n > 80 {
				t.Errorf("%d columns: %s", n, l)
			}
		}
	})
	t.Run("says the same without colours", func(t *testing.T) {
		if strings.Contains(plain, "\x1b") {
			t.Errorf("plain is not: %q", plain)
		}
		without := escape.ReplaceAllString(coloured, "")
		for _, text := range []*string{&plain, &without} { // blanks at the end do not show
			*text = regexp.MustCompile(" +\n").ReplaceAllString(*text+"\n", "\n")
		}
		if without == coloured || without != plain {
			t.Errorf("without colours:\n%s\nplain:\n%s", without, plain)
		}
	})
	t.Run("shows speed, decisions, quality and money", func(t *testing.T) {
		for _, want := range []string{
			"20,000 of 20,000 payments", "9.5 of 10 s", "2,000 ", "0.123 ms", "1.23 ms", "1,234 ms", "19,500", "review ≥ 0.0725", "decline ≥ 0.8512",
			"36.7 %", "80.4 %", "126,524.67", "3,456.78", "1,500.00", "111,111.11",
		} {
			if !strings.Contains(plain, want) {
				t.Errorf("%q is not in\n%s", want, plain)
			}
		}
	})
}

func TestSummary(t *testing.T) {
	o, r := full()
	got := summary(o, false, r)
	want := `
Played 20,000 payments in 10.0 s.

  failed                10  timeout: 10

  speed              1,999  payments a second, in batches and alone
  p50             0.123 ms  latency of 1,428 sent alone,
  p99              1.23 ms  from the intended send time
  max             1,234 ms

                  payments     share    frauds      amount, EUR
  approve           19,500    97.5 %        44     1,234,567.89
  review               300     1.5 %        60        34,567.89  from 0.0725
  decline              190     1.0 %       120       234,567.89  from 0.8512

                    played  model card
  precision         36.7 %      46.2 %  180 of 490 flagged were fraud
  recall            80.4 %      79.1 %  180 of 224 frauds were flagged

  saved         126,524.67  EUR: 128,024.67 of fraud, less 1,500.00 for reviews
  missed          3,456.78  EUR: 44 frauds approved
  turned away   111,111.11  EUR: 70 good payments declined

besra's own figures of its last 30 days, from labels that came seven days late:
precision 36.8 %, recall 80.0 % of 20,500 payments labelled (GET /v1/status).
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for l := range strings.Lines(got) {
		if n := utf8.RuneCountInString(l); n > 80 {
			t.Errorf("%d columns: %s", n, l)
		}
	}
	if painted := summary(o, true, r); painted == got || escape.ReplaceAllString(painted, "") != got {
		t.Errorf("with colours it says\n%s", painted)
	}
}

func TestLearningFitsInto80Columns(t *testing.T) {
	o, _ := full()
	o.Learn = 3650
	r := Report{Payments: 3_999_999, Answered: 1_234_567}
	lines := newScreen(o).learning(r, 123_456.7, 9*time.Second, true)
	for _, l := range lines {
		if n := utf8.RuneCountInString(escape.ReplaceAllString(l, "")); n > 80 {
			t.Errorf("%d columns: %s", n, l)
		}
	}
	if text := strings.Join(lines, "\n"); !strings.Contains(text, "1,234,567 of 3,999,999 payments") || !strings.Contains(text, "123,457 a second") {
		t.Errorf("got %s", text)
	}
}

func TestScreen(t *testing.T) {
	d := newDoor(t, nil)
	show := func(t *testing.T, change func(*Options)) string {
		t.Helper()
		var out bytes.Buffer
		o := options(d.URL)
		o.Duration, o.Out = 1300*time.Millisecond, &out
		change(&o)
		if _, err := Play(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	t.Run("without a terminal is a line a second and a summary, with no control codes", func(t *testing.T) {
		t.Parallel()
		got := show(t, func(*Options) {})
		if !regexp.MustCompile(`^(  . s .* learned .*\n)*Learned [0-9,]+ payments of 9 days, and their labels, in .* s\.\nNow \d+ payments of 2018-04-11 to 2018-04-11, in .* s.*\.\n  1 s  \d+/s  p50 .* ms  p99 .* ms  max .* ms  approve \d+  review \d+  decline \d+  precision .*  recall .*  saved .* EUR\n(  . s .*\n)*\nPlayed \d+ payments`).MatchString(got) || strings.Contains(got, "\x1b") {
			t.Errorf("got %q", got)
		}
	})
	t.Run("on a terminal is drawn in place and taken away", func(t *testing.T) {
		t.Parallel()
		got := show(t, func(o *Options) { o.Terminal = true })
		learning, playing, ok := strings.Cut(got, clearDown)
		if !ok || !strings.HasPrefix(learning, hideCursor+wrapOff) || !strings.Contains(learning, "payments to learn, of 9 days") {
			t.Fatalf("got %q", got)
		}
		ended, playing, _ := strings.Cut(playing, hideCursor)
		if !strings.HasPrefix(ended, wrapOn+showCursor+"Learned ") {
			t.Errorf("got %q", ended)
		}
		live, rest, ok := strings.Cut(playing, clearDown)
		if !ok || !strings.HasPrefix(live, wrapOff) || !regexp.MustCompile(`^\nPlayed \d+ payments`).MatchString(strings.TrimPrefix(rest, wrapOn+showCursor)) {
			t.Fatalf("got %q", got)
		}
		moves := regexp.MustCompile("\x1b\\[([0-9]+)A").FindAllStringSubmatch(live, -1)
		if len(moves) < 2 {
			t.Fatalf("%d panels", len(moves))
		}
		lines := strings.Count(live, "\n") / len(moves) // as many panels as moves: the last clears
		for _, m := range moves {
			if m[1] != strconv.Itoa(lines) {
				t.Errorf("moved up %s lines of %d", m[1], lines)
			}
		}
		if !strings.Contains(live, "\x1b[1m") {
			t.Error("it has no colours")
		}
	})
	t.Run("has no colours when none are wanted", func(t *testing.T) {
		t.Parallel()
		got := show(t, func(o *Options) { o.Terminal, o.NoColor = true, true })
		if regexp.MustCompile("\x1b\\[[0-9;]*m").MatchString(got) || !strings.Contains(got, "besra demo  fraud") {
			t.Errorf("got %q", got)
		}
	})
}

func TestWords(t *testing.T) {
	for got, want := range map[string]string{
		Money(0).String():                "0.00",
		Money(-5).String():               "-0.05",
		Money(-123_456_789).String():     "-1,234,567.89",
		cents(1e9).String():              "1,000,000,000.00",
		cents(0.29).String():             "0.29",
		millis(999 * time.Nanosecond):    "0.001 ms",
		millis(12345 * time.Microsecond): "12.3 ms",
		percent(math.NaN()):              "-",
		percent(1):                       "100.0 %",
		plural(1, "fraud"):               "1 fraud",
		plural(1000, "fraud"):            "1,000 frauds",
		shell("http://[::1]:80/v1"):      "'http://[::1]:80/v1'",
		shell(`{"it's":1}`):              `'{"it'\''s":1}'`,
		bar(false, 10, 3, 10):            "━━━───────",
		bar(false, 4, 9, 0):              "────",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
