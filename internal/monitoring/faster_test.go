//go:build unix

package monitoring

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// speed is how many times faster time goes by in rules than in the world, for tests of alarms: 5m become 1.25 s, 1h 15 s,
// 6h 90 s, 3d 18 minutes. Rules stay what they are but for their durations.
const speed = 240

// tick is how often Prometheus asks, and looks at its rules, meanwhile.
const tick = 250 * time.Millisecond

// ranged finds the durations of PromQL: of ranges and offsets.
var ranged = regexp.MustCompile(`(\[|\boffset )(\d+(?:ms|[smhdwy]))\b`)

// faster divides every duration of a rule file by speed: ranges and offsets of expressions, for, and the interval of
// groups. Numbers are left alone: seconds that are compared with the clock or with a setting are real ones. So are names,
// which keep the windows they were given.
func (f ruleFile) faster(t testing.TB) ruleFile {
	t.Helper()
	shorter := func(text string) string {
		if text == "" {
			return ""
		}
		d := parseDuration(t, text) / speed
		return fmt.Sprintf("%dms", max(d, time.Millisecond).Milliseconds())
	}
	out := ruleFile{name: f.name}
	for _, g := range f.Groups {
		fast := group{Name: g.Name, Interval: shorter(g.Interval)}
		for _, r := range g.Rules {
			r.For = shorter(r.For)
			r.Expr = ranged.ReplaceAllStringFunc(r.Expr, func(text string) string {
				parts := ranged.FindStringSubmatch(text)
				return parts[1] + shorter(parts[2])
			})
			fast.Rules = append(fast.Rules, r)
		}
		out.Groups = append(out.Groups, fast)
	}
	return out
}

// parseDuration reads a duration of Prometheus's, of one unit.
func parseDuration(t testing.TB, text string) time.Duration {
	t.Helper()
	unit := strings.TrimLeft(text, "0123456789")
	n, err := strconv.Atoi(strings.TrimSuffix(text, unit))
	length, ok := map[string]time.Duration{
		"ms": time.Millisecond, "s": time.Second, "m": time.Minute, "h": time.Hour,
		"d": 24 * time.Hour, "w": 7 * 24 * time.Hour, "y": 365 * 24 * time.Hour,
	}[unit]
	if err != nil || !ok {
		t.Fatalf("%q is no duration of one unit", text)
	}
	return time.Duration(n) * length
}

func TestFaster(t *testing.T) {
	f := ruleFile{Groups: []group{{Interval: "4m", Rules: []rule{{
		Record: "job:x:rate1h", For: "2m",
		Expr: `rate(x:rate5m{window="1h"}[5m]) > 3600 unless x[3d] offset 6h and y - time() < 14 * 86400`,
	}}}}}
	g := f.faster(t).Groups[0]
	want := rule{
		Record: "job:x:rate1h", For: "500ms",
		Expr: `rate(x:rate5m{window="1h"}[1250ms]) > 3600 unless x[1080000ms] offset 90000ms and y - time() < 14 * 86400`,
	}
	if g.Interval != "1000ms" || g.Rules[0].Expr != want.Expr || g.Rules[0].For != want.For || g.Rules[0].Record != want.Record {
		t.Errorf("%+v", g)
	}
	// Whatever is a duration in the rules is found.
	loose := regexp.MustCompile(`\[[^\]]*\]|offset \S+`)
	for _, r := range rules(t, func(rule) bool { return true }) {
		for _, found := range loose.FindAllString(r.Expr, -1) {
			if !ranged.MatchString(found) {
				t.Errorf("%s%s: %s is not made faster", r.Record, r.Alert, found)
			}
		}
	}
}
