package jsonscan

import (
	"math"
	"strconv"
)

// A number is a JSON number, taken apart: digits·10^exp.
type number struct {
	text     []byte
	digits   uint64 // exact when few is set
	exp      int
	few      bool // no more than 19 digits
	negative bool
	whole    bool // neither fraction nor exponent
}

// number takes a number.
func (s *Scanner) number() (number, error) {
	data, start, p := s.data, s.pos, s.pos
	n := number{few: true, whole: true}
	if p < len(data) && data[p] == '-' {
		n.negative = true
		p++
	}
	first := p
	for ; p < len(data) && data[p]-'0' < 10; p++ {
		n.digits = n.digits*10 + uint64(data[p]-'0')
	}
	count := p - first
	if count == 0 || count > 1 && data[first] == '0' {
		s.pos = first
		return n, s.want("a number")
	}
	if p < len(data) && data[p] == '.' {
		n.whole = false
		p++
		first := p
		for ; p < len(data) && data[p]-'0' < 10; p++ {
			n.digits = n.digits*10 + uint64(data[p]-'0')
		}
		if p == first {
			s.pos = p
			return n, s.want("a digit")
		}
		count += p - first
		n.exp = first - p
	}
	if p < len(data) && data[p]|0x20 == 'e' {
		n.whole = false
		p++
		minus := p < len(data) && data[p] == '-'
		if minus || p < len(data) && data[p] == '+' {
			p++
		}
		first, e := p, 0
		for ; p < len(data) && data[p]-'0' < 10; p++ {
			e = min(e*10+int(data[p]-'0'), 1<<20)
		}
		if p == first {
			s.pos = p
			return n, s.want("a digit")
		}
		if minus {
			e = -e
		}
		n.exp += e
	}
	n.few = count <= 19
	n.text = data[start:p]
	s.pos = p
	return n, nil
}

func (n number) integer() (int64, bool) {
	if !n.whole || !n.few || n.digits > math.MaxInt64 {
		return 0, false
	}
	if n.negative {
		return -int64(n.digits), true
	}
	return int64(n.digits), true
}

var pow10 = [...]float64{
	1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}

// float32 returns the nearest float32; what is beyond them all becomes an infinity, as in XGBoost.
//
// Both factors are exact doubles here, so that their product is the double nearest to the number. It
// rounds on to the right float32 unless it lies midway between two of them, where it may itself have
// been rounded to that point: then strconv decides. So it does where float32 gets subnormal.
func (n number) float32() float32 {
	if n.few && n.digits < 1<<53 && -22 <= n.exp && n.exp <= 22 {
		d := float64(n.digits)
		if n.exp < 0 {
			d /= pow10[-n.exp]
		} else {
			d *= pow10[n.exp]
		}
		const half = 1 << 28
		if d == 0 || 0x1p-126 <= d && d < math.MaxFloat32 && math.Float64bits(d)&(2*half-1) != half {
			if n.negative {
				d = -d
			}
			return float32(d)
		}
	}
	f, _ := strconv.ParseFloat(string(n.text), 32)
	return float32(f)
}

// float64 returns the nearest float64; what is beyond them all becomes an infinity.
func (n number) float64() float64 {
	if n.few && n.digits < 1<<53 && -22 <= n.exp && n.exp <= 22 {
		d := float64(n.digits) // exact, as is the power: one operation rounds once
		if n.exp < 0 {
			d /= pow10[-n.exp]
		} else {
			d *= pow10[n.exp]
		}
		if n.negative {
			d = -d
		}
		return d
	}
	f, _ := strconv.ParseFloat(string(n.text), 64)
	return f
}
