package rows

import (
	"math"
	"strconv"
)

// AppendNumber appends the shortest decimal that reads back to the same bits in the width bits, 32 or 64:
// nan, inf and -inf are spelled so, 1e16 and beyond and below 1e-4 have an exponent, as in Python.
func AppendNumber(dst []byte, x float64, bits int) []byte {
	switch a := math.Abs(x); {
	case a != a:
		return append(dst, "nan"...)
	case a > math.MaxFloat64:
		if x < 0 {
			dst = append(dst, '-')
		}
		return append(dst, "inf"...)
	case a != 0 && (a < 1e-4 || a >= 1e16):
		return strconv.AppendFloat(dst, x, 'e', -1, bits)
	default:
		return strconv.AppendFloat(dst, x, 'f', -1, bits)
	}
}

// ParseNumber reads a decimal number, nan, inf or infinity: the nearest number of the width bits, 32 or 64.
// Letters may be of either case and a sign may stand before all but nan. A number beyond the width is
// infinite.
func ParseNumber(text []byte, bits int) (x float64, ok bool) {
	if len(text) == 0 {
		return 0, false
	}
	digits := text
	if c := text[0]; c == '-' || c == '+' {
		digits = text[1:]
	}
	if len(digits) == 0 || digits[0] > '9' {
		return special(text, digits)
	}
	for _, c := range digits { // ParseFloat knows hexadecimal numbers and underscores
		if (c < '0' || c > '9') && c != '.' && c|0x20 != 'e' && c != '-' && c != '+' {
			return 0, false
		}
	}
	x, err := strconv.ParseFloat(string(text), bits)
	if err != nil {
		return x, math.IsInf(x, 0) // beyond the range, or no number at all
	}
	return x, true
}

// special reads the numbers that are words.
func special(text, word []byte) (x float64, ok bool) {
	var lower [8]byte
	if len(word) > len(lower) {
		return 0, false
	}
	for i, c := range word {
		lower[i] = c | 0x20
	}
	switch string(lower[:len(word)]) {
	case "nan":
		return math.NaN(), len(word) == len(text)
	case "inf", "infinity":
		if text[0] == '-' {
			return math.Inf(-1), true
		}
		return math.Inf(1), true
	}
	return 0, false
}
