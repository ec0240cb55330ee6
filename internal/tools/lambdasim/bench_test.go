//go:build unix

package lambdasim_test

import (
	"testing"

	"github.com/besra-ml/besra/internal/tools/lambdasim"
)

// BenchmarkInvoke is what the simulation adds to a function that does nothing: two requests of HTTP on loopback, and a
// report; frozen, two signals more.
func BenchmarkInvoke(b *testing.B) {
	for name, freeze := range map[string]bool{"warm": false, "frozen": true} {
		b.Run(name, func(b *testing.B) {
			f, err := lambdasim.New(lambdasim.Options{Bootstrap: probe, TempDir: b.TempDir(), Freeze: freeze})
			if err != nil {
				b.Fatal(err)
			}
			defer f.Close()
			for b.Loop() {
				if a, err := f.Invoke(b.Context(), lambdasim.Invocation{Payload: []byte(`{"print":["x"]}`)}); err != nil || a.FunctionError != "" {
					b.Fatal(err, a)
				}
			}
			b.ReportMetric(float64(f.Status().Environments[0].Init.Microseconds())/1000, "ms-INIT")
		})
	}
}
