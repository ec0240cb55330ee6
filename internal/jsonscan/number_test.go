package jsonscan

import (
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

func TestNumbersAreTheNearestFloat32(t *testing.T) {
	texts := []string{
		"0", "-0", "0.0", "-0E0", "1", "16777217", "16777219", "33554435", "0.1", "5E-1", "1e-45", "1E-46", "7E-46", "1.1754942E-38",
		"1.17549435E-38", "3.4028235E38", "3.4028236E38", "3.4028235677973366E38", "1e39", "-1e999", "1e-999", "1.00000005960464477539062500000000001",
		"1.000000059604644775390625", "1.0000000596046447", "1.0000000596046448", "8388608.5", "8388609.5", "8388609.49999999999999999",
		"123456789012345678901234567890", "0.000000000000000000000000000000000000000000001", "9007199254740993", "4.9406564584124654e-324",
	}
	rng := rand.New(rand.NewPCG(3, 4))
	for range 200_000 {
		f := math.Float32frombits(rng.Uint32())
		if f != f || math.IsInf(float64(f), 0) {
			continue
		}
		d := float64(f)
		switch rng.IntN(4) {
		case 0: // the shortest text, as XGBoost writes it
			texts = append(texts, strconv.FormatFloat(d, 'E', -1, 32))
		case 1: // as old versions wrote it
			texts = append(texts, strconv.FormatFloat(d, 'g', 9, 64))
		case 2: // midway between two numbers, and just beside
			mid := d + (float64(math.Nextafter32(f, math.MaxFloat32))-d)/2
			texts = append(texts, strconv.FormatFloat(mid, 'g', -1, 64), strconv.FormatFloat(mid, 'g', 17+rng.IntN(4), 64))
		case 3:
			texts = append(texts, strconv.FormatFloat(rng.NormFloat64(), 'f', rng.IntN(20), 64))
		}
	}
	wrong := 0
	for _, text := range texts {
		want, _ := strconv.ParseFloat(text, 32)
		s := New([]byte("[" + text + "]"))
		got, err := s.Floats(nil)
		if err != nil || len(got) != 1 || math.Float32bits(got[0]) != math.Float32bits(float32(want)) {
			if wrong++; wrong < 10 {
				t.Errorf("%s: %v, %v, want %v", text, got, err, float32(want))
			}
		}
	}
}

func TestNumbersAreTheNearestFloat64(t *testing.T) {
	texts := []string{
		"0", "-0", "0.1", "5E-1", "-0.5172413793103449", "9007199254740991", "9007199254740992", "9007199254740993", "9007199254740992999",
		"4.9406564584124654e-324", "2e-324", "1e-999", "1.7976931348623157e308", "1.7976931348623159e308", "-1e999", "0.000001e28", "1e22", "1e23",
		"2.2250738585072011e-308", "123456789012345678901234567890", "1.00000000000000011102230246251565404236316680908203125",
	}
	rng := rand.New(rand.NewPCG(5, 6))
	for range 100_000 {
		texts = append(texts, strconv.FormatFloat(rng.NormFloat64(), "gef"[rng.IntN(3)], rng.IntN(21)-1, 64))
	}
	got, err := New([]byte("[" + strings.Join(texts, " ,\n") + "]")).Doubles(nil)
	if err != nil || len(got) != len(texts) {
		t.Fatalf("%d numbers, %v", len(got), err)
	}
	for i, text := range texts {
		if want, _ := strconv.ParseFloat(text, 64); math.Float64bits(got[i]) != math.Float64bits(want) {
			t.Errorf("%s: %v, want %v", text, got[i], want)
		}
	}
	for _, text := range []string{"[NaN]", "[Infinity]", "[null]", `["1"]`, "[1", "[01]"} {
		if got, err := New([]byte(text)).Doubles(nil); err == nil {
			t.Errorf("%s: %v, want an error", text, got)
		}
	}
}

func TestIntegers(t *testing.T) {
	read := func(text string) (int64, error) { return New([]byte(text)).Integer() }
	for text, want := range map[string]int64{
		"0": 0, "-0": 0, "7": 7, "-12": -12, "true": 1, "false": 0, "9223372036854775807": math.MaxInt64, "-9223372036854775807": -math.MaxInt64,
	} {
		if got, err := read(text); err != nil || got != want {
			t.Errorf("%s: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"1.0", "1e3", "9223372036854775808", "18446744073709551617", "100000000000000000000", `"1"`, "NaN", ""} {
		if got, err := read(text); err == nil {
			t.Errorf("%s: %d, want an error", text, got)
		}
	}
	for text, want := range map[string]string{
		"[2147483648]": "beyond 32 bits", "[-2147483649]": "beyond 32 bits", "[1.5]": "not an integer", "[1": "want a comma", "[01]": "want a",
		"[1,]": "after the comma", "[-]": "want a number",
	} {
		_, err := New([]byte(text)).Ints(nil)
		wantError(t, err, want)
	}
	got, err := New([]byte("[ -2147483648,2147483647, 1 ,true,0]")).Ints(nil)
	if err != nil || len(got) != 5 || got[0] != math.MinInt32 || got[1] != math.MaxInt32 || got[3] != 1 {
		t.Errorf("%v, %v", got, err)
	}
}
