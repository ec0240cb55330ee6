package telemetry

import "math"

// A maker makes the metrics of the catalogue, each once.
type maker struct {
	shards *shards
	known  map[string]*definition
	made   map[string]reader
}

func newMaker(processors int) *maker {
	k := &maker{shards: newShards(processors), known: map[string]*definition{}, made: map[string]reader{}}
	for _, d := range catalogue() {
		k.known[d.name] = &d
	}
	return k
}

// families returns what was made, in the catalogue's order.
func (k *maker) families() []reader {
	var all []reader
	for _, d := range catalogue() {
		all = append(all, k.made[d.name])
	}
	return all
}

func made[T instrument](k *maker, name string, make func() T) *family[T] {
	f := newFamily(*k.known[name], make)
	k.made[name] = f
	return f
}

// These make a metric of the catalogue, with labels.

func (k *maker) counters(name string) *family[*Counter] {
	return made(k, name, func() *Counter { return newCounter(k.shards) })
}

func (k *maker) gauges(name string) *family[*Gauge] {
	return made(k, name, func() *Gauge { return new(Gauge) })
}

// unknown are gauges of what nobody knows until they are set: NaN.
func (k *maker) unknown(name string) *family[*Gauge] {
	return made(k, name, func() *Gauge {
		g := new(Gauge)
		g.Set(math.NaN())
		return g
	})
}

func (k *maker) histograms(name string, bounds []float64) *family[*Histogram] {
	return made(k, name, func() *Histogram { return newHistogram(k.shards, bounds) })
}

func (k *maker) natives(name string, bounds []float64) *family[*Histogram] {
	return made(k, name, func() *Histogram { return newNativeHistogram(k.shards, bounds) })
}

// And these without. What rises and is counted by somebody else is a gauge here, of the kind of a counter.

func (k *maker) counter(name string) *Counter { return k.counters(name).with() }
func (k *maker) gauge(name string) *Gauge     { return k.gauges(name).with() }

func (k *maker) upDown(name string) *UpDown {
	return made(k, name, func() *UpDown { return newUpDown(k.shards) }).with()
}
