package demo

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// summary is what stays on the screen.
func summary(o Options, p paint, r Report) string {
	played := grouped(r.Answered + r.Failed)
	if r.Answered+r.Failed < r.Payments {
		played += " of " + grouped(r.Payments)
	}
	end := "."
	switch {
	case r.Interrupted:
		end = ", then interrupted."
	case r.Answered+r.Failed < r.Payments:
		end = "; the server could not keep up."
	}
	b := &page{paint: p}
	fmt.Fprintf(b, "\nPlayed %s payments in %.1f s%s\n\n", played, r.Elapsed.Seconds(), end)
	if r.Failed > 0 {
		b.row("failed", grouped(r.Failed), failures(r.Failures))
		b.WriteByte('\n')
	}
	if r.Answered == 0 {
		return b.String()
	}
	b.row("speed", grouped(int(r.Rate+0.5)), "payments a second, in batches and alone")
	if !o.Flat && r.Alone > 0 {
		b.row("p50", millis(r.P50), fmt.Sprintf("latency of %s sent alone,", grouped(r.Alone)))
		b.row("p99", millis(r.P99), "from the intended send time")
		b.row("max", millis(r.Max), "")
	}
	b.decisions(o, r)
	b.quality(o, r)
	b.worth(o, r)
	b.own(r.Own)
	if r.Try != (Try{}) && !r.Interrupted { // else the server is about to go, too
		b.try(r.Try)
	}
	return b.String()
}

// page is text in columns.
type page struct {
	strings.Builder
	paint paint
}

func (b *page) row(name, value, note string) {
	l := fmt.Sprintf("  %-12s%s", name, b.paint.as(bold, fmt.Sprintf("%12s", value)))
	if note != "" {
		l += "  " + b.paint.as(dim, note)
	}
	b.WriteString(l + "\n")
}

func (b *page) decisions(o Options, r Report) {
	b.WriteString("\n" + b.paint.as(dim, fmt.Sprintf("  %-12s%12s%10s%10s%17s", "", "payments", "share", "frauds", "amount, "+o.Currency)) + "\n")
	row := func(name, color string, c Class, cutoff float64) {
		fmt.Fprintf(b, "  %s%12s%10s%10s%17s", b.paint.as(color, pad(name, 12)), grouped(c.Payments),
			percent(share(c.Payments, r.Answered)), grouped(c.Frauds), c.Amount)
		if cutoff != 0 {
			b.WriteString(b.paint.as(dim, fmt.Sprintf("  from %.4g", cutoff)))
		}
		b.WriteByte('\n')
	}
	row("approve", green, r.Approve, 0)
	row("review", yellow, r.Review, o.Cutoffs.Review)
	row("decline", red, r.Decline, o.Cutoffs.Decline)
	b.WriteByte('\n')
}

// quality shows how well it was done, beside what the model's makers promise.
func (b *page) quality(o Options, r Report) {
	stopped, n := r.Stopped(), grouped
	promised := o.Promise != Promise{}
	if promised {
		b.WriteString(b.paint.as(dim, fmt.Sprintf("  %-12s%12s%12s", "", "played", "model card")) + "\n")
	}
	row := func(name string, here, promise float64, note string) {
		if promised {
			note = fmt.Sprintf("%10s  %s", percent(promise), note)
		}
		b.row(name, percent(here), note)
	}
	row("precision", r.Precision(), o.Promise.Precision, fmt.Sprintf("%s of %s flagged were fraud", n(stopped.Frauds), n(stopped.Payments)))
	row("recall", r.Recall(), o.Promise.Recall, fmt.Sprintf("%s of %s frauds were flagged", n(stopped.Frauds), n(r.All().Frauds)))
	b.WriteByte('\n')
}

func (b *page) worth(o Options, r Report) {
	b.row("saved", r.Saved().String(),
		fmt.Sprintf("%s: %s of fraud, less %s for reviews", o.Currency, r.Stopped().FraudAmount, r.ReviewCost))
	b.row("missed", r.Missed().String(), fmt.Sprintf("%s: %s approved", o.Currency, plural(r.Approve.Frauds, "fraud")))
	good, amount := r.TurnedAway()
	b.row("turned away", amount.String(), fmt.Sprintf("%s: %s declined", o.Currency, plural(good, "good payment")))
}

// own shows what the server knows by itself.
func (b *page) own(o Own) {
	if o.Labelled == 0 {
		return
	}
	fmt.Fprintf(b, "\nbesra's own figures of its last 30 days, from labels that came seven days late:\n"+
		"precision %s, recall %s of %s labelled (GET /v1/status).\n",
		percent(o.Precision()), percent(o.Recall()), plural(o.Labelled, "payment"))
}

func (b *page) try(t Try) {
	fmt.Fprintf(b, "\nTry it; this payment will %s:\n\n%s\n", t.Becomes, t.Curl)
	fmt.Fprintf(b, "\nSent again it gets its first answer, with Idempotent-Replayed: true:\n\n%s\n", t.Again)
}

// A Try is two commands that send a payment, and send it again.
type Try struct {
	Curl, Again string
	Becomes     string // what it will: "be declined, with a score of 0.98"
}

// tryOut returns the commands that send body, which will be answered with a.
func tryOut(url, body string, a answer) Try {
	t := Try{Becomes: "be " + map[string]string{"approve": "approved", "review": "sent to review", "decline": "declined"}[a.Decision]}
	if a.Score != nil {
		t.Becomes += fmt.Sprintf(", with a score of %.4g", *a.Score)
	}
	rest := fmt.Sprintf(" %s -H 'Content-Type: application/json' -d %s", shell(url+"/v1/score"), shell(body))
	t.Curl, t.Again = "curl -s"+rest, "curl -si"+rest
	return t
}

func failures(kinds map[string]int) string {
	var parts []string
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		parts = append(parts, fmt.Sprintf("%s: %s", kind, grouped(kinds[kind])))
	}
	return strings.Join(parts, ", ")
}

// shell quotes text for a shell where that is needed.
func shell(text string) string {
	if !strings.ContainsFunc(text, func(r rune) bool {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
		return !letter && !strings.ContainsRune(":/._-", r)
	}) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// String writes 123456 as 1,234.56.
func (m Money) String() string {
	sign := ""
	if m < 0 {
		sign, m = "-", -m
	}
	return fmt.Sprintf("%s%s.%02d", sign, grouped(int(m/100)), m%100)
}

// millis shows about three digits of a duration in milliseconds.
func millis(d time.Duration) string {
	ms := d.Seconds() * 1e3
	switch {
	case ms < 1:
		return strconv.FormatFloat(ms, 'f', 3, 64) + " ms"
	case ms < 10:
		return strconv.FormatFloat(ms, 'f', 2, 64) + " ms"
	case ms < 100:
		return strconv.FormatFloat(ms, 'f', 1, 64) + " ms"
	}
	return grouped(int(ms+0.5)) + " ms"
}

func percent(share float64) string {
	if math.IsNaN(share) {
		return "-"
	}
	return strconv.FormatFloat(share*100, 'f', 1, 64) + " %"
}

func plural(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return grouped(n) + " " + what
}

// grouped writes 1234567 as 1,234,567. n is not negative.
func grouped(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// pad fills text up to width columns.
func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(width-utf8.RuneCountInString(text), 0))
}

// both puts left and right at the ends of a line.
func both(width int, left, right string) string {
	return pad(left, width-len(right)) + right
}
