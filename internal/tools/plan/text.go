package plan

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Text writes the plan for people.
func (p *Plan) Text(w io.Writer) error {
	t := &text{}
	p.writeTraffic(t)
	p.writeOutcomes(t)
	p.writeQuotas(t)
	p.writeProvisioned(t)
	p.writeBill(t)
	p.writeServers(t)
	p.writeChecks(t)
	t.list("Mind", p.Warnings)
	t.list("Unverified figures that this rests on; prices among them are marked * above", p.Unverified)
	t.line("Prices of %s, %s, list prices without free tiers. docs/aws-plan.md has the formulas and their assumptions.", p.PricesOf, p.Region)
	_, err := io.WriteString(w, t.b.String())
	return err
}

// text is lines, and tables whose columns are aligned.
type text struct{ b strings.Builder }

const textWidth = 110

func (t *text) line(format string, args ...any) {
	t.wrap("", fmt.Sprintf(format, args...))
}

// wrap writes a paragraph; the lines after its first begin below the end of mark.
func (t *text) wrap(mark, s string) {
	indent := strings.Repeat(" ", utf8.RuneCountInString(mark))
	at := 0
	t.b.WriteString(mark)
	for i, word := range strings.Fields(s) {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case len(indent)+at+1+n > textWidth:
			t.b.WriteString("\n" + indent)
			at = 0
		default:
			t.b.WriteByte(' ')
			at++
		}
		t.b.WriteString(word)
		at += n
	}
	t.b.WriteByte('\n')
}

func (t *text) head(s string) { fmt.Fprintf(&t.b, "%s\n", s) }
func (t *text) blank()        { t.b.WriteByte('\n') }

func (t *text) list(head string, items []string) {
	if len(items) == 0 {
		return
	}
	t.head(head)
	for _, s := range items {
		t.wrap("  - ", s)
	}
	t.blank()
}

// table writes rows of cells; the first column is aligned to the left, as is one whose head begins with a blank.
func (t *text) table(rows [][]string) {
	var width []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(width) {
				width = append(width, 0)
			}
			width[i] = max(width[i], utf8.RuneCountInString(strings.TrimSpace(cell)))
		}
	}
	for _, row := range rows {
		line := " "
		for i, cell := range row {
			cell = strings.TrimSpace(cell)
			fill := strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell))
			if i == 0 || strings.HasPrefix(rows[0][i], " ") {
				line += " " + cell + fill + " "
			} else {
				line += " " + fill + cell + " "
			}
		}
		t.b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	t.blank()
}

func (p *Plan) writeTraffic(t *text) {
	in := &p.input
	switch {
	case p.Worst.From != p.Worst.To:
		t.line("Traffic rises from %s to %s requests a second, and is %s requests a month.", number(p.Worst.From), number(p.Worst.To), count(p.Requests))
	default:
		t.line("Traffic is %s requests a second at most, and %s requests a month.", number(p.Peak), count(p.Requests))
	}
	t.line("The function has %v MB on %s, works %s on a request, starts in %s, and stands behind %s%s.",
		math.Round(in.Memory*1024), in.Arch, took(in.Service.Mean), took(in.Start), doorName(in.Door),
		map[bool]string{true: " with a cache", false: " without a cache"}[in.Cache])
	t.blank()
}

func doorName(door string) string {
	switch door {
	case HTTPAPI:
		return "an API Gateway HTTP API"
	case RESTAPI:
		return "an API Gateway REST API"
	case FunctionURL:
		return "a function URL"
	default:
		return "a load balancer (ALB)"
	}
}

func (p *Plan) writeOutcomes(t *text) {
	f, s := &p.Formulas, &p.Simulation
	t.head(fmt.Sprintf("The worst moment: %s, of them", span(p.Worst.Seconds)))
	rows := [][]string{
		{"", "by formulas", "by simulation"},
		{"requests that come", count(f.Requests), count(s.Requests)},
		{"cold: wait for an environment to start", percent(f.Cold), plusMinus(s.Cold, s.ColdError)},
		{"throttled: get an error", percent(f.Throttled), plusMinus(s.Throttled, s.ThrottledError)},
	}
	for _, why := range []struct {
		name               string
		formula, simulated float64
	}{
		{"– by API Gateway's rate", f.ByGateway, s.ByGateway},
		{"– by Lambda's requests a second", f.ByRate, s.ByRate},
		{"– by Lambda's concurrency", f.ByConcurrency, s.ByConcurrency},
		{"– by how fast environments are made", f.ByScaling, s.ByScaling},
	} {
		if why.formula >= 5e-7 || why.simulated > 0 {
			rows = append(rows, []string{why.name, percent(why.formula), percent(why.simulated)})
		}
	}
	rows = append(rows, []string{"throttled, or slower than " + took(p.input.TargetBy), percent(f.Failed), percent(s.Failed)},
		[]string{"half are answered within (p50)", took(f.P50), took(s.P50)},
		[]string{"99 % within (p99)", took(f.P99), took(s.P99)},
		[]string{"99.9 % within (p99.9)", took(f.P999), took(s.P999)},
		[]string{"concurrency that it takes, at most", count(math.Ceil(f.Concurrency)), count(s.Concurrency)})
	t.table(rows)
}

func (p *Plan) writeQuotas(t *text) {
	t.head("Quotas")
	rows := [][]string{{"", "AWS's default", "yours", "needed", " "}}
	for _, q := range p.Quotas {
		def := "-"
		if q.Default > 0 {
			def = count(q.Default)
		}
		verdict := "enough"
		if q.Short {
			verdict = "TOO LITTLE"
		}
		rows = append(rows, []string{q.Name, def, count(q.Have), count(q.Need), verdict + ": " + q.Why})
	}
	t.table(rows)
}

func (p *Plan) writeProvisioned(t *text) {
	r, in := p.Provisioned, &p.input
	t.head("Provisioned concurrency: environments that are kept ready, and paid for while they wait")
	t.wrap("  ", fmt.Sprintf("You have %s. For no more than %s of the requests at %s a second to find none, %s are needed, which cost %s a month when kept all day, and %s for 8 hours a day. "+
		"If each takes ten requests a second at most, which AWS's documents leave open, %s are.",
		count(float64(r.Given)), percent(in.Allowed), number(p.Peak), count(float64(r.Need)), dollars(r.Month), dollars(r.Month/3), count(float64(r.NeedRate))))
	t.wrap("  ", fmt.Sprintf("One that works more than %.0f %% of its time is cheaper than on demand.", 100*r.BreakEven))
	t.blank()
}

func (p *Plan) writeBill(t *text) {
	t.head("A month's bill")
	rows := [][]string{{"", "units", " of", "$", "$ if nothing comes"}}
	for _, i := range p.Bill.Items {
		mark := ""
		if i.Unverified {
			mark = " *"
		}
		rows = append(rows, []string{i.Name + mark, amount(i.Units), i.Per, money(i.Cost), money(i.Idle)})
	}
	rows = append(rows, []string{"all", "", "", money(p.Bill.Total), money(p.Bill.Idle)})
	t.table(rows)
}

func (p *Plan) writeServers(t *text) {
	t.head("Servers for the same peak, which run all the time")
	rows := [][]string{{"", "count", "$ a month"}}
	for _, s := range p.Servers {
		rows = append(rows, []string{s.Name, count(float64(s.Count)), money(s.Month)})
	}
	rows = append(rows, []string{"this function", "", money(p.Bill.Total)})
	t.table(rows)
	t.wrap("  ", fmt.Sprintf("With load balancer, logs and the rest; at %.0f %% of the %s requests a second that a vCPU answers (--task-rate; measure it with besra load).",
		100*serverLoad, number(p.input.TaskRate)))
	t.blank()
}

func (p *Plan) writeChecks(t *text) {
	t.head("Does it do?")
	rows := [][]string{{"", " wanted", " by simulation", " "}}
	for _, c := range p.Checks {
		rows = append(rows, []string{c.Name, c.Want, c.Got, map[bool]string{true: "yes", false: "NO"}[c.Kept]})
	}
	t.table(rows)
}

// percent writes a share with as many digits as it needs to be told from nothing.
func percent(share float64) string {
	x := 100 * share
	switch {
	case x == 0:
		return "0 %"
	case x < 0.0001:
		return "< 0.0001 %"
	case x > 99.9 && x < 99.99995:
		return strconv.FormatFloat(math.Floor(x*1e4)/1e4, 'f', 4, 64) + " %"
	case x >= 10:
		return strconv.FormatFloat(x, 'f', 1, 64) + " %"
	case x >= 1:
		return strconv.FormatFloat(x, 'f', 2, 64) + " %"
	case x >= 0.01:
		return strconv.FormatFloat(x, 'f', 3, 64) + " %"
	}
	return strconv.FormatFloat(x, 'f', 4, 64) + " %"
}

// plusMinus writes a share and its standard error with as many digits, if that leaves any of it.
func plusMinus(share, sigma float64) string {
	text := strings.TrimSuffix(percent(share), " %")
	_, digits, _ := strings.Cut(text, ".")
	off := strconv.FormatFloat(100*sigma, 'f', len(digits), 64)
	if strings.Trim(off, "0.") == "" {
		return percent(share)
	}
	return text + " ± " + off + " %"
}

// took writes a time with three digits.
func took(d time.Duration) string {
	ms := float64(d) / float64(time.Millisecond)
	switch {
	case ms >= 1000:
		return strconv.FormatFloat(ms/1000, 'g', 3, 64) + " s"
	case ms >= 100:
		return strconv.FormatFloat(ms, 'f', 0, 64) + " ms"
	}
	return strconv.FormatFloat(ms, 'g', 3, 64) + " ms"
}

func span(seconds float64) string {
	switch {
	case seconds >= 2*86400:
		return fmt.Sprintf("%.0f days", seconds/86400)
	case seconds >= 2*3600:
		return fmt.Sprintf("%.0f hours", seconds/3600)
	case seconds >= 100:
		return fmt.Sprintf("%.0f minutes", seconds/60)
	}
	return strconv.FormatFloat(seconds, 'g', 3, 64) + " seconds"
}

// count writes a whole number with separators, and a large one in words.
func count(x float64) string {
	switch {
	case x >= 1e9:
		return strconv.FormatFloat(x/1e9, 'f', 2, 64) + " billion"
	case x >= 1e7:
		return strconv.FormatFloat(x/1e6, 'f', 0, 64) + " million"
	case x >= 1e6:
		return strconv.FormatFloat(x/1e6, 'f', 1, 64) + " million"
	}
	return thousands(strconv.FormatFloat(math.Round(x), 'f', 0, 64))
}

func thousands(digits string) string {
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// number writes a rate.
func number(x float64) string {
	if x >= 100 {
		return thousands(strconv.FormatFloat(x, 'f', 0, 64))
	}
	return strconv.FormatFloat(x, 'g', 3, 64)
}

func amount(x float64) string {
	if x == math.Trunc(x) && x < 1e15 || x >= 1000 {
		return thousands(strconv.FormatFloat(x, 'f', 0, 64))
	}
	return strconv.FormatFloat(x, 'g', 3, 64)
}

func money(x float64) string {
	if x >= 1000 {
		return thousands(strconv.FormatFloat(x, 'f', 0, 64))
	}
	return strconv.FormatFloat(x, 'f', 2, 64)
}

func dollars(x float64) string { return "$" + money(x) }
