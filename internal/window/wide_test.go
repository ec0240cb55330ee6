package window

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

func (x wide) big() *big.Int {
	b := new(big.Int).Lsh(big.NewInt(int64(x.hi)), 64)
	return b.Add(b, new(big.Int).SetUint64(x.lo))
}

// A word with few bits, many, or a run of them, where rounding is hard.
func word(r *rand.Rand) uint64 {
	x := r.Uint64() >> r.IntN(64)
	switch r.IntN(4) {
	case 0:
		return 1<<r.IntN(64) - uint64(r.IntN(2))
	case 1:
		return ^(1 << r.IntN(64))
	case 2:
		return 0
	}
	return x
}

func TestWideArithmeticIsThatOfBigIntegers(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 9))
	for range 200_000 {
		x, y := wide{word(r), word(r)}, wide{word(r) >> 1, word(r)}
		if got, want := x.float(), nearest(x.big()); got != want {
			t.Fatalf("%v: got %v, want %v", x, got, want)
		}
		sum := new(big.Int).Sub(x.big(), y.big())
		if sum.BitLen() < 127 && x.sub(y).big().Cmp(sum) != 0 {
			t.Fatalf("%v - %v: got %v", x, y, x.sub(y))
		}
		n := int64(word(r) >> 20)
		s := wide{uint64(int64(x.hi) >> 33), x.lo}
		difference := new(big.Int).Mul(y.big(), big.NewInt(n))
		difference.Sub(difference, new(big.Int).Mul(s.big(), s.big()))
		want := max(0, nearest(difference))
		if got := spread(n, s, y); math.Float64bits(got) != math.Float64bits(want) {
			t.Fatalf("%d·%v − %v²: got %v, want %v", n, y, s, got, want)
		}
	}
}
