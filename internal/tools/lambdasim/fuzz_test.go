package lambdasim

import (
	"math"
	"testing"
	"time"
)

// FuzzPrinted reads what functions print and send: whatever it is, there is a metric or a reason.
func FuzzPrinted(f *testing.F) {
	f.Add([]byte(`{"_aws":{"Timestamp":1795752503580,"CloudWatchMetrics":[{"Namespace":"besra","Dimensions":[["service"]],"Metrics":[{"Name":"Requests","Unit":"Count"}]}]},"service":"s","Requests":{"Values":[1,2],"Counts":[1,3]}}`))
	f.Add([]byte(`{"_aws":{"Timestamp":1795752503580,"CloudWatchMetrics":[{"Namespace":"n","Dimensions":[[]],"Metrics":[{"Name":"a"}]}]},"a":[1,1e300]}`))
	f.Add([]byte("{\"format\":\"json\",\"version\":1}\n{\"trace_id\":\"1-2-3\",\"id\":\"4\",\"name\":\"x\",\"start_time\":1.5}"))
	f.Add([]byte("{\"format\":\"json\",\"version\":1}\nT1SCiASHhIcChAwMTIzNDU2Nzg5YWJjZGVmEghhYmNkZWZnaA=="))
	at := time.UnixMilli(1795752503580)
	f.Fuzz(func(t *testing.T, b []byte) {
		m := NewMetrics()
		m.read(b, at)
		lines, dropped, why := m.Embedded()
		if lines > 1 || dropped > lines || dropped != len(why) || dropped > 0 && len(m.All()) > 0 {
			t.Fatalf("%d lines, %d dropped, %q", lines, dropped, why)
		}
		for _, s := range m.All() {
			if s.Count <= 0 || math.IsNaN(s.Sum) || s.Min > s.Max || s.Percentile(0) < s.Min || s.Percentile(1) > s.Max {
				t.Fatalf("%+v", s)
			}
		}
		spans, err := readDatagram(b)
		if err == nil && len(spans) == 0 {
			t.Fatal("neither spans nor an error")
		}
		n := 0
		split := &splitter{line: func(line []byte) { n += len(line) }}
		split.Write(b)
		split.flush()
		if n > len(b) {
			t.Fatalf("%d of %d bytes", n, len(b))
		}
	})
}
