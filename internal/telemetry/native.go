package telemetry

import "math"

// Native buckets are those of Prometheus's native histograms of this schema: eight to an octave, of which bucket i ends
// at 2^(i/8), inclusive. Those of up to a microsecond are one, and so are those of more than sixteen seconds.
const (
	NativeSchema = 3
	NativeFirst  = NativeLowest*perOctave + 1 // the bucket that Buckets.Native[1] counts; Native[0] counts what is at most 2^NativeLowest
	NativeLowest = -20

	perOctave     = 1 << NativeSchema
	nativeHighest = 4
	nativeCount   = 1 + (nativeHighest-NativeLowest)*perOctave + 1
)

// nativeEnds are 2^(k/8), to the bit as Prometheus's own client has them.
var nativeEnds = [perOctave + 1]float64{
	1, 2 * 0.5452538663326288, 2 * 0.5946035575013605, 2 * 0.6484197773255048,
	2 * 0.7071067811865475, 2 * 0.7711054127039704, 2 * 0.8408964152537144, 2 * 0.9170040432046711, 2,
}

// nativeBucket returns the index in Buckets.Native that counts v.
func nativeBucket(v float64) int {
	const lowest, highest = 1.0 / (1 << -NativeLowest), 1 << nativeHighest
	if v <= lowest {
		return 0
	}
	if v > highest {
		return nativeCount - 1
	}
	bits := math.Float64bits(v)
	octave := int(bits>>52) - 1023
	mantissa := math.Float64frombits(bits&(1<<52-1) | 1023<<52) // 1 to 2
	k := int(bits >> (52 - NativeSchema) & (perOctave - 1))     // linear eighths begin below, or at, logarithmic ones
	for mantissa > nativeEnds[k] {
		k++
	}
	return 1 + octave*perOctave + k - NativeFirst
}

// NativeEnd returns the upper end of Buckets.Native[i], inclusive; infinity for the last.
func NativeEnd(i int) float64 {
	if i == nativeCount-1 {
		return math.Inf(1)
	}
	i += NativeFirst - 1 - NativeLowest*perOctave // from the lowest octave on
	return math.Ldexp(nativeEnds[i%perOctave], NativeLowest+i/perOctave)
}
