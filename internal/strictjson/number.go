package strictjson

import (
	"math"
	"math/bits"
	"strconv"
	"unsafe"
)

// Float reads a number and returns the nearest float64, ties to even. A number that rounds beyond the largest float64
// is an error of kind Range; one that is too small for float64 is 0, which is the nearest.
func (s *Scanner) Float() (float64, error) {
	text := s.text
	start := space(text, s.pos)
	i := start
	negative := uint(i) < uint(len(text)) && text[i] == '-'
	if negative {
		i++
	}

	// The number is mantissa × 10^exponent, unless the mantissa overflowed.
	var mantissa uint64
	exponent := 0
	whole := i
	mantissa, i = appendDigits(mantissa, text, i)
	digits := i - whole
	if digits == 0 || digits > 1 && text[whole] == '0' {
		return 0, s.badNumber(start)
	}
	if uint(i) < uint(len(text)) && text[i] == '.' {
		i++
		fraction := i
		mantissa, i = appendDigits(mantissa, text, i)
		if i == fraction {
			return 0, s.badNumber(start)
		}
		exponent = fraction - i
		digits += i - fraction
	}
	end := i
	if uint(i) < uint(len(text)) && text[i]|0x20 == 'e' {
		var e int
		if e, end = scanExponent(text, i); end == i {
			return 0, s.badNumber(start)
		}
		exponent += e
	}
	s.pos = end

	const safe = 19 // digits that always fit a uint64
	if digits > safe {
		digits -= leadingZeros(text[whole:i])
	}
	if digits <= safe {
		if f, ok := decimal(mantissa, exponent); ok {
			if negative {
				f = -f
			}
			return f, nil
		}
	}
	return s.longFloat(start, end)
}

// longFloat leaves the numbers that decimal does not know to the standard library.
func (s *Scanner) longFloat(start, end int) (float64, error) {
	token := s.text[start:end]
	// ParseFloat keeps no reference to its argument, so the bytes need not be copied.
	f, err := strconv.ParseFloat(unsafe.String(unsafe.SliceData(token), len(token)), 64)
	if err != nil {
		return 0, s.beyond(start, token)
	}
	return f, nil
}

// number checks the number at offset i and returns where it ends.
func (s *Scanner) number(start int) (end int, err error) {
	text, i := s.text, start
	if uint(i) < uint(len(text)) && text[i] == '-' {
		i++
	}
	whole := i
	i = skipDigits(text, i)
	if i == whole || i > whole+1 && text[whole] == '0' {
		return 0, s.badNumber(start)
	}
	if uint(i) < uint(len(text)) && text[i] == '.' {
		fraction := i + 1
		if i = skipDigits(text, fraction); i == fraction {
			return 0, s.badNumber(start)
		}
	}
	if uint(i) < uint(len(text)) && text[i]|0x20 == 'e' {
		if _, end = scanExponent(text, i); end == i {
			return 0, s.badNumber(start)
		}
		i = end
	}
	return i, nil
}

func skipDigits(text []byte, i int) int {
	for len(text)-i >= 8 {
		_, n := digitPrefix(word(text, i))
		i += n
		if n < 8 {
			return i
		}
	}
	for uint(i) < uint(len(text)) && text[i]-'0' <= 9 {
		i++
	}
	return i
}

// scanExponent reads the exponent whose 'e' is at offset i. It returns where it ends, or i if it has no digits. A value
// beyond a million is anywhere beyond a million.
func scanExponent(text []byte, i int) (value, end int) {
	j := i + 1
	negative := false
	if uint(j) < uint(len(text)) && (text[j] == '+' || text[j] == '-') {
		negative = text[j] == '-'
		j++
	}
	first := j
	for uint(j) < uint(len(text)) && text[j]-'0' <= 9 {
		if value < 1e6 {
			value = value*10 + int(text[j]-'0')
		}
		j++
	}
	if j == first {
		return 0, i
	}
	if negative {
		value = -value
	}
	return value, j
}

// leadingZeros counts the zeros in front of a number's first other digit.
func leadingZeros(number []byte) (n int) {
	for _, c := range number {
		switch c {
		case '0':
			n++
		case '.':
		default:
			return n
		}
	}
	return n
}

// powers10 has the powers of ten that a float64 holds exactly.
var powers10 = [...]float64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}

// powers5 has the powers of five that a uint64 holds.
var powers5 = func() (t [28]uint64) {
	t[0] = 1
	for i := range t[1:] {
		t[i+1] = t[i] * 5
	}
	return t
}()

// decimal returns the float64 nearest to mantissa × 10^exponent, for the exponents of everyday numbers.
//
// It never approximates. If mantissa and power are exact as float64, one operation rounds once. Otherwise the
// product or quotient of mantissa and power of five is formed in integers to 64 bits, and whether anything is left
// over; that decides every rounding.
func decimal(mantissa uint64, exponent int) (f float64, ok bool) {
	if mantissa < 1<<53 {
		switch {
		case uint(exponent) < uint(len(powers10)):
			return float64(mantissa) * powers10[exponent], true
		case uint(-exponent) < uint(len(powers10)):
			return float64(mantissa) / powers10[-exponent], true
		case mantissa == 0:
			return 0, true
		}
	}

	shift := bits.LeadingZeros64(mantissa)
	m := mantissa << shift
	if uint(exponent) < uint(len(powers5)) {
		p := powers5[exponent]
		zeros := bits.LeadingZeros64(p)
		high, low := bits.Mul64(m, p<<zeros)
		scale := 64 + exponent - shift - zeros
		if high>>63 == 0 {
			high, low = high<<1|low>>63, low<<1
			scale--
		}
		return round(high, low != 0, scale), true
	}
	if uint(-exponent) < uint(len(powers5)) {
		p := powers5[-exponent]
		zeros := bits.LeadingZeros64(p)
		p <<= zeros
		high, low := m, uint64(0)
		scale := exponent - 64 - shift + zeros
		if high >= p { // the quotient would need 65 bits
			high, low = m>>1, m<<63
			scale++
		}
		quotient, rest := bits.Div64(high, low, p)
		return round(quotient, rest != 0, scale), true
	}
	return 0, false
}

// round returns the float64 nearest to (v + rest) × 2^scale, where v has its top bit set and rest, in [0, 1), is not
// zero if more is set. The result must be in the range of normal float64 numbers.
func round(v uint64, more bool, scale int) float64 {
	const drop = 64 - 53
	kept, dropped := v>>drop, v&(1<<drop-1)
	const half = 1 << (drop - 1)
	if dropped > half || dropped == half && (more || kept&1 == 1) {
		kept++ // a carry out of the top bit moves on into the exponent, as it should
	}
	return math.Float64frombits(uint64(scale+drop+52+1023)<<52 + (kept - 1<<52))
}
