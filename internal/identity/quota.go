package identity

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// A Quota is how many requests an identity may ask in a period of the calendar. The zero Quota is no limit.
type Quota struct {
	Requests int
	Per      Period
}

// MaxQuota is the largest number of requests of a quota.
const MaxQuota = 1_000_000_000_000

// A Period is a part of the calendar, in UTC.
type Period uint8

// The periods.
const (
	Day Period = iota + 1
	Month
)

// ErrQuota says how a quota is spelled.
var ErrQuota = errors.New("want requests a day or a month, such as 100000/day")

// ParseQuota reads a quota as String spells it: a whole number from 1, a slash, and day or month.
func ParseQuota(text string) (Quota, error) {
	number, per, _ := strings.Cut(text, "/")
	n, err := strconv.ParseUint(number, 10, 64)
	if err != nil || n < 1 || n > MaxQuota {
		return Quota{}, ErrQuota
	}
	for _, p := range []Period{Day, Month} {
		if per == p.String() {
			return Quota{int(n), p}, nil
		}
	}
	return Quota{}, ErrQuota
}

// String spells the quota, such as 100000/day; no limit is "".
func (q Quota) String() string {
	if q == (Quota{}) {
		return ""
	}
	return strconv.Itoa(q.Requests) + "/" + q.Per.String()
}

// String returns day or month.
func (p Period) String() string {
	switch p {
	case Day:
		return "day"
	case Month:
		return "month"
	}
	return "period " + strconv.Itoa(int(p))
}

// Bounds returns when the period that t is in began, and when the next one does.
func (p Period) Bounds(t time.Time) (began, ends time.Time) {
	year, month, day := t.UTC().Date()
	if p == Month {
		return time.Date(year, month, 1, 0, 0, 0, 0, time.UTC), time.Date(year, month+1, 1, 0, 0, 0, 0, time.UTC)
	}
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC), time.Date(year, month, day+1, 0, 0, 0, 0, time.UTC)
}

// Name names the period that t is in: 2026-11-26, or 2026-11.
func (p Period) Name(t time.Time) string {
	if p == Month {
		return t.UTC().Format("2006-01")
	}
	return t.UTC().Format(time.DateOnly)
}
