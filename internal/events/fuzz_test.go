package events_test

import (
	"fmt"
	"testing"
)

// FuzzCSV reads any text in blocks of every size: the rows and the error are the same.
func FuzzCSV(f *testing.F) {
	f.Add("time,card,amount,label,label_time\n2026-11-27T00:00:00Z,a,10,fraud,2026-11-27T06:00:00Z\n2026-11-27T00:00:00Z,\"a\nb\",0.1,,\n")
	f.Add("amount,time,card,extra\r\n\r\n,2026-11-27T00:00:00.9999+01:00,\"a\",\"\"\"\"\r\n1e400,,,\r\n")
	f.Add("time,card,amount\n9999-12-31T23:59:59.999Z,a,1e10\n1970-01-01T00:00:00Z,a,-1e10")
	f.Add("time,card,amount\n2026-11-27T00:00:00Z,\"a\"b,1\n")
	f.Fuzz(func(t *testing.T, text string) {
		o := options(t, small)
		o.IgnoreExtra = true
		o.Keep = []string{"card"}
		o.Workers = 2
		var want string
		for i, block := range []int{1 << 20, 1, 17} {
			o.Block = block
			out, sum, err := run(t, o, text)
			got := fmt.Sprint(out, sum, err)
			if i == 0 {
				want = got
			}
			if got != want {
				t.Errorf("blocks of %d bytes give %q, want %q", block, got, want)
			}
		}
	})
}
