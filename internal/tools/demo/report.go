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
func summary(o Options, p paint, r Report, try example) string {
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
	b.row("speed", grouped(int(r.Rate+0.5)), fmt.Sprintf("payments a second, over %d connections", workers))
	b.row("p50", millis(r.P50), "latency from the intended send time")
	b.row("p99", millis(r.P99), "")
	b.row("max", millis(r.Max), "")
	b.decisions(o, r)
	b.worth(o, r)
	if r.Curl != "" && !r.Interrupted { // else the server is about to go, too
		b.try(r, try)
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

func (b *page) worth(o Options, r Report) {
	stopped, n := r.Stopped(), grouped
	b.row("precision", percent(r.Precision()),
		fmt.Sprintf("%s of %s declined or reviewed payments were fraud", n(stopped.Frauds), n(stopped.Payments)))
	b.row("recall", percent(r.Recall()),
		fmt.Sprintf("%s of %s frauds were declined or reviewed", n(stopped.Frauds), n(r.All().Frauds)))
	b.row("saved", r.Saved().String(),
		fmt.Sprintf("%s: %s of fraud, less %s for reviews", o.Currency, stopped.FraudAmount, r.ReviewCost))
	b.row("missed", r.Missed().String(), fmt.Sprintf("%s: %s approved", o.Currency, plural(r.Approve.Frauds, "fraud")))
	good, amount := r.TurnedAway()
	b.row("turned away", amount.String(), fmt.Sprintf("%s: %s declined", o.Currency, plural(good, "good payment")))
}

func (b *page) try(r Report, try example) {
	became := map[string]string{"approve": "approved", "review": "sent to review", "decline": "declined"}[try.Decision]
	if try.Score != nil {
		became = fmt.Sprintf("scored %.4g and was %s", *try.Score, became)
	} else {
		became = "was " + became
	}
	fmt.Fprintf(b, "\nTry it; this payment %s:\n\n%s\n", became, r.Curl)
}

func failures(kinds map[string]int) string {
	var parts []string
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		parts = append(parts, fmt.Sprintf("%s: %s", kind, grouped(kinds[kind])))
	}
	return strings.Join(parts, ", ")
}

// curl is the command that asks for the example's score. It names no event, so that its features can be
// changed and asked about again.
func curl(o Options, payments []payment, try example) string {
	if try.rank == 0 {
		return ""
	}
	body := "{"
	if o.Model != "" {
		body += `"model":` + string(quoted(o.Model)) + ","
	}
	body += `"features":` + string(payments[try.index].features) + "}"
	return fmt.Sprintf("curl -s %s -H 'Content-Type: application/json' -d %s", shell(o.URL+"/v1/score"), shell(body))
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
