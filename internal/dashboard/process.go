package dashboard

import (
	"runtime/metrics"
	"time"
)

// process is what the runtime and the system say of the process.
type process struct {
	samples []metrics.Sample
	at      time.Time
	cpu     time.Duration
	cores   float64 // that were busy since the last look
}

// The runtime's names, in the order of the samples.
const (
	goroutines = iota
	heap
	total
	released
	collections
)

func (p *process) read(now time.Time) {
	if p.samples == nil {
		p.samples = []metrics.Sample{
			{Name: "/sched/goroutines:goroutines"},
			{Name: "/memory/classes/heap/objects:bytes"},
			{Name: "/memory/classes/total:bytes"},
			{Name: "/memory/classes/heap/released:bytes"},
			{Name: "/gc/cycles/total:gc-cycles"},
		}
	}
	metrics.Read(p.samples)
	cpu := processorTime()
	if passed := now.Sub(p.at); passed > 0 && !p.at.IsZero() {
		p.cores = (cpu - p.cpu).Seconds() / passed.Seconds()
	}
	p.at, p.cpu = now, cpu
}

// append appends the process's levels, after others.
func (p *process) append(b []byte) []byte {
	of := func(i int) float64 { return float64(p.samples[i].Value.Uint64()) }
	b = appendLevel(b, "goroutines", of(goroutines))
	b = appendLevel(b, "heap_bytes", of(heap))
	b = appendLevel(b, "memory_bytes", of(total)-of(released))
	b = appendLevel(b, "collections", of(collections))
	return appendLevel(b, "cores", p.cores)
}
