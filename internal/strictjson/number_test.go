package strictjson

import (
	"math"
	"math/big"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

// sameAsStrconv checks that a number is read as the standard library reads it, bit for bit.
func sameAsStrconv(t *testing.T, token string) {
	t.Helper()
	var s Scanner
	s.Reset([]byte(token))
	got, err := s.Float()
	want, wantErr := strconv.ParseFloat(token, 64)
	if wantErr != nil {
		if kindOf(err) != Range {
			t.Errorf("%.60s: got %v, %v, want an error of kind Range", token, got, err)
		}
		return
	}
	if err != nil || math.Float64bits(got) != math.Float64bits(want) {
		t.Errorf("%.60s: got %v, %v, want %v", token, got, err, want)
	}
	if s.Offset() != len(token) {
		t.Errorf("%.60s: read %d of %d bytes", token, s.Offset(), len(token))
	}
}

func TestNumbersAreTheNearestFloat64(t *testing.T) {
	tokens := []string{
		"0", "-0", "0.0", "-0e5", "0e999", "1", "0.1", "0.3", "1e22", "1e23", "1e-22", "1e-23", "1e27", "1e28", "1e-27", "1e-28",
		"9007199254740991", "9007199254740992", "9007199254740993", "9007199254740995", "9007199254740993.0000000000000000001",
		"18446744073709551615", "18446744073709551616", "9999999999999999999", "99999999999999999999", "9223372036854775807.5",
		"1.7976931348623157e308", "1.7976931348623158e308", "1.7976931348623159e308", "1e308", "1e309", "-1e309", "1e400",
		"4.9e-324", "2.4703282292062327e-324", "2.4703282292062328e-324", "2.2250738585072011e-308", "1e-400", "1e-99999999999",
		"0.000000000000000000000000012345678901234567", "0.00012345678901234567", "1234567890123456789e-27", "1234567890123456789e27",
		"0." + strings.Repeat("0", 400) + "1", "1" + strings.Repeat("0", 308), "1" + strings.Repeat("0", 309), strings.Repeat("9", 800) + "e-700",
		"0." + strings.Repeat("123456789", 89), "179769313486231570" + strings.Repeat("0", 291) + "." + strings.Repeat("3", 500),
		"1" + strings.Repeat("0", 400) + "e-400", "0." + strings.Repeat("0", 400) + "1e400",
		"12345678.12345678", "1.12345678", "1.1234567", "1.123456789", "1.1234567812345678", "1.12345678e5",
	}
	for _, token := range tokens {
		sameAsStrconv(t, token)
		sameAsStrconv(t, "-"+strings.TrimPrefix(token, "-"))
	}
}

func TestRandomNumbersAreTheNearestFloat64(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	n := 100_000
	if testing.Short() {
		n = 5_000
	}
	for range n {
		f := math.Float64frombits(r.Uint64())
		if f-f != 0 {
			continue
		}
		small := (r.Float64() - 0.5) * math.Pow(10, float64(r.IntN(40)-20))
		for _, f := range []float64{f, small} {
			sameAsStrconv(t, strconv.FormatFloat(f, 'g', -1, 64))
			sameAsStrconv(t, strconv.FormatFloat(f, 'e', r.IntN(25), 64))
		}
		sameAsStrconv(t, strconv.FormatFloat(small, 'f', r.IntN(30), 64))
		mantissa := r.Uint64() >> r.IntN(64)
		sameAsStrconv(t, strconv.FormatUint(mantissa, 10)+"e"+strconv.Itoa(r.IntN(80)-40))
	}
}

// Halfway between two float64 numbers, and a little to either side, is where an approximation would show.
func TestHalfwayNumbersAreTheNearestFloat64(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 20_000 {
		f := (1 + r.Float64()) * math.Pow(2, float64(r.IntN(70)-12))
		low, high := new(big.Float).SetFloat64(f), new(big.Float).SetFloat64(math.Nextafter(f, math.Inf(1)))
		half := new(big.Float).SetPrec(200).Add(low, high)
		half.Quo(half, big.NewFloat(2))
		exact := half.Text('f', 80)
		exact = strings.TrimRight(exact, "0")
		sameAsStrconv(t, strings.TrimSuffix(exact, "."))
		for _, digits := range []int{17, 18, 19, 20} {
			sameAsStrconv(t, half.Text('e', digits-1))
		}
		sameAsStrconv(t, half.Text('f', 0)+"."+"0001")
	}
}

// Exact ties among numbers of 19 digits: an odd 54-bit integer times a power of two, in decimal.
func TestTiesGoToEven(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	for range 20_000 {
		odd := 1<<53 | r.Uint64()>>11 | 1
		sameAsStrconv(t, strconv.FormatUint(odd, 10))
		sameAsStrconv(t, strconv.FormatUint(odd, 10)+"0e-1")
		sameAsStrconv(t, strconv.FormatUint(odd/5*5, 10)+"e"+strconv.Itoa(r.IntN(28)))
		// n/2 for an odd n is written with one decimal; n × 5^k / 10^k is n / 2^k
		sameAsStrconv(t, strconv.FormatUint(odd*5, 10)+"e-1")
		sameAsStrconv(t, strconv.FormatUint(odd*25, 10)+"e-2")
		sameAsStrconv(t, strconv.FormatUint(odd*125, 10)+"e-3")
	}
}
