package mlas

import (
	"encoding/json"
	"math"
	"math/big"
	"math/rand/v2"
	"os"
	"testing"
)

// A sample is numbers, by their bits, and what ONNX Runtime made of them.
type sample struct {
	X, W, Y []uint32
}

func floats(bits []uint32) []float32 {
	out := make([]float32, len(bits))
	for i, b := range bits {
		out[i] = math.Float32frombits(b)
	}
	return out
}

func TestBitsAreThoseOfONNXRuntime(t *testing.T) {
	data, err := os.ReadFile("testdata/onnxruntime.json")
	if err != nil {
		t.Fatal(err)
	}
	var all struct{ Exp, Sigmoid, Log, Softmax, Sum, Rows, Packed []sample }
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	each := func(f func(float32) float32) func(dst, x, w []float32) {
		return func(dst, x, _ []float32) {
			for i, v := range x {
				dst[i] = f(v)
			}
		}
	}
	for name, c := range map[string]struct {
		samples []sample
		compute func(dst, x, w []float32)
	}{
		"Exp":      {all.Exp, each(Exp)},
		"Logistic": {all.Sigmoid, each(Logistic)},
		"Log":      {all.Log, each(Log)},
		"Softmax":  {all.Softmax, func(dst, x, _ []float32) { Softmax(dst, x) }},
		"Sum":      {all.Sum, func(dst, x, _ []float32) { dst[0] = Sum(x) }},
		"Rows":     {all.Rows, Rows},
		"Packed":   {all.Packed, func(dst, x, w []float32) { Packed(dst, x, w, nil) }},
	} {
		t.Run(name, func(t *testing.T) {
			if len(c.samples) == 0 {
				t.Fatal("no samples")
			}
			for _, s := range c.samples {
				x := floats(s.X)
				got := make([]float32, len(s.Y))
				c.compute(got, x, floats(s.W))
				for i, want := range s.Y {
					if math.Float32bits(got[i]) != want {
						t.Fatalf("number %d of %d: %v, want %v; of %v", i, len(x), got[i], math.Float32frombits(want), x)
					}
				}
			}
		})
	}
}

func TestNaNStaysNaN(t *testing.T) {
	nan := float32(math.NaN())
	for name, got := range map[string]float32{"Exp": Exp(nan), "Logistic": Logistic(nan), "Log": Log(nan), "Log of -1": Log(-1), "Sum": Sum([]float32{1, nan})} {
		if got == got {
			t.Errorf("%s is %v", name, got)
		}
	}
}

// TestFmaRoundsOnce holds Fma against big floats, where the two roundings of a float64 would differ too.
func TestFmaRoundsOnce(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	draw := func() float32 {
		switch x := math.Float32frombits(random.Uint32()); {
		case x != x || x > 1e18 || x < -1e18:
			return float32(random.NormFloat64())
		default:
			return x
		}
	}
	few := func(exponent int) float32 { // few bits, so that a sum comes as close to a tie as float64 cannot tell
		x := float32(math.Ldexp(float64(1+random.IntN(1<<random.IntN(24))), exponent-random.IntN(40)))
		return x * float32(1-2*random.IntN(2))
	}
	for i := range 300_000 {
		x, y, z := draw(), draw(), draw()
		switch i % 4 {
		case 0: // near half of the product's last place
			z = float32(float64(x) * float64(y) * (1 + random.NormFloat64()*1e-8))
		case 1:
			x, y, z = few(10), few(10), few(20)
		case 2: // what is subnormal
			x, y, z = few(-50), few(-50), few(-100)
		}
		exact := new(big.Float).SetPrec(600).SetFloat64(float64(x))
		exact.Mul(exact, big.NewFloat(float64(y))).Add(exact, big.NewFloat(float64(z)))
		want, _ := exact.Float32()
		if got := Fma(x, y, z); got != want {
			t.Fatalf("%v·%v + %v is %v, want %v", x, y, z, got, want)
		}
	}
	inf := float32(math.Inf(1))
	if Fma(inf, 1, 1) != inf || !math.IsNaN(float64(Fma(inf, 0, 1))) || !math.Signbit(float64(Fma(-1e-45, 0.1, 0))) {
		t.Error("infinity, NaN or -0")
	}
}

func TestNothingIsAllocated(t *testing.T) {
	x, y := make([]float32, 40), make([]float32, 4)
	if n := testing.AllocsPerRun(100, func() {
		Softmax(x, x)
		y[0] = Exp(1) + Logistic(1) + Sum(x)
		Rows(y, x[:10], x)
		Packed(y, x[:10], x, y)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
