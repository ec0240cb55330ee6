//go:build unix

package monitoring

import (
	"regexp"
	"strings"
	"testing"

	"github.com/besra-ml/besra/internal/telemetry"
)

var (
	quoted = regexp.MustCompile(`"[^"]*"`)
	metric = regexp.MustCompile(`[a-zA-Z_:][a-zA-Z0-9_:]*`)
)

// Every metric that a rule or a panel asks for is one of besra's, or recorded by a rule; and every one of besra's is
// asked for somewhere.
func TestMetricsAreKnown(t *testing.T) {
	kinds := map[string]telemetry.Kind{}
	for f := range telemetry.New(telemetry.Options{}).Families() {
		kinds[f.Name] = f.Kind
	}
	recorded := map[string]bool{}
	for _, r := range rules(t, func(r rule) bool { return r.Record != "" }) {
		recorded[r.Record] = true
	}
	used := map[string]bool{}
	check := func(where, expr string) {
		for _, name := range metric.FindAllString(quoted.ReplaceAllString(expr, ""), -1) {
			if strings.Contains(name, ":") {
				if !recorded[name] {
					t.Errorf("%s: nothing records %s", where, name)
				}
				used[name] = true
				continue
			}
			if !strings.HasPrefix(name, "besra_") {
				continue
			}
			base := name
			for _, suffix := range []string{"_bucket", "_sum", "_count"} {
				if cut, ok := strings.CutSuffix(name, suffix); ok && kinds[cut] == telemetry.HistogramKind {
					base = cut
				}
			}
			if _, ok := kinds[base]; !ok {
				t.Errorf("%s: besra has no %s", where, name)
			}
			used[base] = true
		}
	}
	for _, r := range rules(t, func(rule) bool { return true }) {
		check(r.Record+r.Alert, r.Expr)
	}
	for _, q := range questions(t) {
		check(q.board+": "+q.panel, q.expr)
	}
	for name := range kinds {
		if !used[name] && name != "besra_slo_burn_rate" { // rules have it for all processes together
			t.Errorf("%s is in no dashboard and no rule", name)
		}
	}
	for name := range recorded {
		if !used[name] {
			t.Errorf("%s is recorded, and nobody asks for it", name)
		}
	}
}
