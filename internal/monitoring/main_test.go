//go:build unix

package monitoring

import (
	"os"
	"testing"

	"github.com/besra-ml/besra/internal/besratest"
)

func TestMain(m *testing.M) { besratest.Main(m) }

// The directories that are tried here.
const (
	prometheusDir = "../../deploy/monitoring/prometheus"
	dashboardsDir = "../../deploy/monitoring/grafana/dashboards"
	runbooksDir   = "../../docs/runbooks"
)

// missing leaves a test out for want of a program; with BESRA_REQUIRE=1 it fails.
func missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("BESRA_REQUIRE") != "" {
		t.Fatal(what)
	}
	t.Skip("NOT RUN: " + what)
}
