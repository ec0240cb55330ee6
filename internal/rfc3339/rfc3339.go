// Package rfc3339 reads and writes the times of events: RFC 3339 with an offset, as milliseconds since 1970.
//
// It is stricter than time.Parse, which lets some things pass that RFC 3339 does not, and several times as fast.
package rfc3339

// MaxTime is the last millisecond of the year 9999, the last that RFC 3339 can write.
const MaxTime = 253402300799999

const (
	second = 1000
	minute = 60 * second
	hour   = 60 * minute
	day    = 24 * hour
)

// Parse reads a time such as 2026-11-27T00:00:01.250Z or 2026-11-27T01:00:01.25+01:00: the milliseconds since
// 1970-01-01T00:00:00Z, 0 to MaxTime. Digits beyond the millisecond are cut off. T and Z are capitals, the
// offset is at most 23:59, and a leap second, :60, is no time.
func Parse(b []byte) (ms int64, ok bool) {
	const shape = "2006-01-02T15:04:05Z"
	if len(b) < len(shape) || b[4] != '-' || b[7] != '-' || b[10] != 'T' || b[13] != ':' || b[16] != ':' {
		return 0, false
	}
	century, y := two(b[0:]), two(b[2:])
	mo, d := two(b[5:]), two(b[8:])
	h, mi, s := two(b[11:]), two(b[14:]), two(b[17:])
	if (century|y|mo|d|h|mi|s) < 0 || h > 23 || mi > 59 || s > 59 {
		return 0, false
	}
	year := 100*century + y
	if mo < 1 || mo > 12 || d < 1 || d > daysIn(year, mo) {
		return 0, false
	}
	frac, rest, ok := fraction(b[19:])
	if !ok {
		return 0, false
	}
	east, ok := offset(rest)
	if !ok {
		return 0, false
	}
	ms = days(year, mo, d)*day + int64(h)*hour + int64(mi)*minute + int64(s)*second + frac - east
	return ms, ms >= 0 && ms <= MaxTime
}

// two reads two digits; anything else is negative.
func two(b []byte) int {
	_ = b[1]
	hi, lo := b[0]-'0', b[1]-'0'
	if hi > 9 || lo > 9 {
		return -1
	}
	return int(hi)*10 + int(lo)
}

// fraction reads the milliseconds at the start of b, if there are any, and returns what follows all digits.
func fraction(b []byte) (ms int64, rest []byte, ok bool) {
	if b[0] != '.' {
		return 0, b, true
	}
	unit, n := int64(100), 1
	for n < len(b) && b[n]-'0' <= 9 {
		ms += int64(b[n]-'0') * unit
		unit /= 10
		n++
	}
	return ms, b[n:], n > 1
}

// offset reads Z, +hh:mm or -hh:mm, in milliseconds east of Greenwich.
func offset(b []byte) (east int64, ok bool) {
	if len(b) == 1 {
		return 0, b[0] == 'Z'
	}
	if len(b) != len("+00:00") || (b[0] != '+' && b[0] != '-') || b[3] != ':' {
		return 0, false
	}
	h, m := two(b[1:]), two(b[4:])
	if (h|m) < 0 || h > 23 || m > 59 {
		return 0, false
	}
	east = int64(h)*hour + int64(m)*minute
	if b[0] == '-' {
		east = -east
	}
	return east, true
}

func leap(year int) bool { return year%4 == 0 && (year%100 != 0 || year%400 == 0) }

func daysIn(year, month int) int {
	switch month {
	case 2:
		if leap(year) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// days returns the days from 1970-01-01 to a day of the proleptic Gregorian calendar.
//
// It counts in years that begin with March, so that the leap day is the last; see Howard Hinnant,
// "chrono-Compatible Low-Level Date Algorithms", days_from_civil.
func days(year, month, d int) int64 {
	if month <= 2 {
		year--
		month += 12
	}
	year += 400 // never negative: year 0's January is the year before's
	era := year / 400
	of := year - 400*era
	doy := (153*(month-3)+2)/5 + d - 1
	return int64(146097*era+365*of+of/4-of/100+doy) - 719468 - 146097
}

// civil is days turned around.
func civil(n int64) (year, month, d int) {
	z := int(n) + 719468
	era := z / 146097
	doe := z - 146097*era
	of := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*of + of/4 - of/100)
	m := (5*doy + 2) / 153
	year, month, d = of+400*era, m+3, doy-(153*m+2)/5+1
	if month > 12 {
		month -= 12
		year++
	}
	return year, month, d
}

// Append appends ms, from 0 to MaxTime, in UTC and with three digits of a second: 2026-11-27T00:00:01.250Z. A
// time beyond these is written as the nearest one within.
func Append(dst []byte, ms int64) []byte {
	ms = min(max(ms, 0), MaxTime)
	year, month, d := civil(ms / day)
	ms %= day
	dst = digits(digits(dst, year/100), year%100)
	dst = digits(append(dst, '-'), month)
	dst = digits(append(dst, '-'), d)
	dst = digits(append(dst, 'T'), int(ms/hour))
	dst = digits(append(dst, ':'), int(ms%hour/minute))
	dst = digits(append(dst, ':'), int(ms%minute/second))
	milli := int(ms % second)
	dst = append(dst, '.', byte('0'+milli/100))
	return append(digits(dst, milli%100), 'Z')
}

// digits appends n as two digits.
func digits(dst []byte, n int) []byte { return append(dst, byte('0'+n/10), byte('0'+n%10)) }
