package libm

import (
	"encoding/binary"
	"flag"
	"math"
	"os"
	"path/filepath"
	"testing"
)

// testdata/make.c says what the files hold and made them from the C library.

var all = flag.Bool("all", false, "compare float32 functions with the C library on all 2**32 arguments, not on one in 31")

func functions32() map[string]func(float32) float32 {
	return map[string]func(float32) float32{"expf": Expf, "logf": Logf}
}

func functions64() map[string]func(float64) float64 {
	return map[string]func(float64) float64{"exp": Exp, "log1p": Log1p}
}

func TestBitsAreThoseOfTheCLibrary(t *testing.T) {
	for name, f := range functions32() {
		t.Run(name+" on chosen arguments", func(t *testing.T) {
			b := read(t, name+".pairs", 2000*8)
			for ; len(b) > 0; b = b[8:] {
				x, want := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:])
				if got := math.Float32bits(f(math.Float32frombits(x))); got != want {
					t.Errorf("%s(%08x = %g) = %08x, want %08x", name, x, math.Float32frombits(x), got, want)
				}
			}
		})
		t.Run(name+" on blocks of consecutive arguments", func(t *testing.T) {
			b := read(t, name+".digests", 4096*8)
			step := uint32(31)
			if *all {
				step = 1
			}
			for block := uint32(0); block < 4096; block += step {
				h := seed
				for x := block << 20; x>>20 == block; x++ {
					h = fold(h, uint64(math.Float32bits(f(math.Float32frombits(x)))))
					if x == math.MaxUint32 {
						break
					}
				}
				if want := binary.LittleEndian.Uint64(b[block*8:]); h != want {
					t.Errorf("%s differs on an argument from %08x to %08x", name, block<<20, block<<20|0xfffff)
				}
			}
		})
	}

	for name, f := range functions64() {
		t.Run(name+" on chosen arguments", func(t *testing.T) {
			b := read(t, name+".pairs", 2000*16)
			for ; len(b) > 0; b = b[16:] {
				x, want := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
				if got := math.Float64bits(f(math.Float64frombits(x))); got != want {
					t.Errorf("%s(%016x = %g) = %016x, want %016x", name, x, math.Float64frombits(x), got, want)
				}
			}
		})
		t.Run(name+" on random arguments", func(t *testing.T) {
			b := read(t, name+".digests", 256*8)
			for block := range uint64(256) {
				h, s := seed, splitmix(block)
				for range 1 << 14 {
					h = fold(h, math.Float64bits(f(math.Float64frombits(s.sample(block)))))
				}
				if want := binary.LittleEndian.Uint64(b[block*8:]); h != want {
					t.Errorf("%s differs on one of the samples of block %d, family %d", name, block, block%4)
				}
			}
		})
	}
}

func TestNothingIsAllocated(t *testing.T) {
	x := 0.7
	if n := testing.AllocsPerRun(100, func() {
		x = Exp(Log1p(x)) - float64(Expf(Logf(float32(x))))
	}); n != 0 {
		t.Errorf("%g allocations", n)
	}
}

func read(t *testing.T, name string, size int) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	if len(b) != size {
		t.Fatalf("%s has %d bytes, want %d", name, len(b), size)
	}
	return b
}

const seed = uint64(14695981039346656037)

// fold adds v to the digest h, as FNV-1a does with bytes.
func fold(h, v uint64) uint64 { return (h ^ v) * 1099511628211 }

type splitmix uint64

func (s *splitmix) next() uint64 {
	*s += 0x9e3779b97f4a7c15
	z := uint64(*s)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// sample returns the bits of the next argument, as its namesake in make.c does.
func (s *splitmix) sample(family uint64) uint64 {
	r, n := s.next(), s.next()
	switch family % 4 {
	case 0:
		return r
	case 1:
		return r&0x800fffffffffffff | (1023-10+n%20)<<52
	case 2:
		return r&0x800fffffffffffff | (1023-60+n%60)<<52
	default:
		return 0x3ff0000000000000 + uint64(int64(r)>>(8+n%56))
	}
}

func Benchmark(b *testing.B) {
	// 2,048 margins of the size that trees give; logarithms get their magnitudes.
	var x32 [2048]float32
	var x64 [2048]float64
	var a32 [2048]float32
	var a64 [2048]float64
	s := splitmix(1)
	for i := range x64 {
		x64[i] = float64(int64(s.next())) / (1 << 60) // ±8
		a64[i] = math.Abs(x64[i])
		x32[i], a32[i] = float32(x64[i]), float32(a64[i])
	}
	goExpf := func(x float32) float32 { return float32(math.Exp(float64(x))) }
	goLogf := func(x float32) float32 { return float32(math.Log(float64(x))) }

	b.Run("Expf", func(b *testing.B) { run(b, Expf, &x32) })
	b.Run("Expf/math", func(b *testing.B) { run(b, goExpf, &x32) })
	b.Run("Logf", func(b *testing.B) { run(b, Logf, &a32) })
	b.Run("Logf/math", func(b *testing.B) { run(b, goLogf, &a32) })
	b.Run("Exp", func(b *testing.B) { run(b, Exp, &x64) })
	b.Run("Exp/math", func(b *testing.B) { run(b, math.Exp, &x64) })
	b.Run("Log1p", func(b *testing.B) { run(b, Log1p, &a64) })
	b.Run("Log1p/math", func(b *testing.B) { run(b, math.Log1p, &a64) })
}

func run[T float32 | float64](b *testing.B, f func(T) T, x *[2048]T) {
	i, sum := 0, T(0)
	for b.Loop() {
		sum += f(x[i%2048])
		i++
	}
	if sum == 0 {
		b.Fatal("nothing was added")
	}
}
