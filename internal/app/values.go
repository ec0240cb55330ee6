package app

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// The kinds of values that settings have. Each is a flag.Value: the same text is good for a flag, the
// environment and the settings file, and what String returns can be read again.

type textValue struct{ p *string }

func text(p *string) textValue { return textValue{p} }

func (v textValue) Set(s string) error { *v.p = s; return nil }
func (v textValue) String() string {
	if v.p == nil {
		return ""
	}
	return *v.p
}

type boolValue struct{ p *bool }

func boolean(p *bool) boolValue { return boolValue{p} }

func (v boolValue) Set(s string) error {
	switch s {
	case "true":
		*v.p = true
	case "false":
		*v.p = false
	default:
		return errors.New("want true or false")
	}
	return nil
}
func (v boolValue) String() string   { return strconv.FormatBool(v.p != nil && *v.p) }
func (v boolValue) IsBoolFlag() bool { return true }

type choiceValue struct {
	p       *string
	choices []string
}

func choice(p *string, choices ...string) choiceValue { return choiceValue{p, choices} }

func (v choiceValue) Set(s string) error {
	for _, c := range v.choices {
		if s == c {
			*v.p = s
			return nil
		}
	}
	return fmt.Errorf("want one of %s", strings.Join(v.choices, ", "))
}
func (v choiceValue) String() string { return text(v.p).String() }

type countValue struct{ p *int64 }

func count(p *int64) countValue { return countValue{p} }

func (v countValue) Set(s string) error {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 1 {
		return errors.New("want a whole number from 1")
	}
	*v.p = n
	return nil
}

func (v countValue) String() string {
	if v.p == nil {
		return ""
	}
	return strconv.FormatInt(*v.p, 10)
}

type durationValue struct{ p *time.Duration }

func duration(p *time.Duration) durationValue { return durationValue{p} }

func (v durationValue) Set(s string) error {
	d, err := ParseDuration(s)
	if err != nil || d <= 0 {
		return errors.New("want a time such as 100ms, 5s or 7d")
	}
	*v.p = d
	return nil
}

func (v durationValue) String() string {
	if v.p == nil {
		return ""
	}
	return formatDuration(*v.p)
}

// duration0 is a duration that may be none.
func duration0(p *time.Duration) duration0Value { return duration0Value{durationValue{p}} }

type duration0Value struct{ durationValue }

func (v duration0Value) Set(s string) error {
	d, err := ParseDuration(s)
	if err != nil || d < 0 {
		return errors.New("want a time such as 5s, or 0s")
	}
	*v.p = d
	return nil
}

// ParseDuration is time.ParseDuration with whole days: 7d.
func ParseDuration(s string) (time.Duration, error) {
	days, ok := strings.CutSuffix(s, "d")
	if !ok {
		return time.ParseDuration(s)
	}
	n, err := strconv.ParseUint(days, 10, 16)
	return time.Duration(n) * 24 * time.Hour, err
}

func formatDuration(d time.Duration) string {
	if d > 0 && d%(24*time.Hour) == 0 {
		return strconv.FormatInt(int64(d/(24*time.Hour)), 10) + "d"
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

type sizeValue struct{ p *int64 }

func size(p *int64) sizeValue { return sizeValue{p} }

// units are the suffixes of sizes; larger first, so that formatting picks the largest that fits.
var units = [...]struct {
	suffix string
	bytes  int64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}

func (v sizeValue) Set(s string) error {
	for _, u := range units {
		digits, ok := strings.CutSuffix(s, u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
		if err != nil || n < 1 || n > math.MaxInt64/u.bytes {
			break
		}
		*v.p = n * u.bytes
		return nil
	}
	return errors.New("want a size such as 64KiB, 1MiB or 500B")
}

func (v sizeValue) String() string {
	if v.p == nil {
		return ""
	}
	for _, u := range units {
		if *v.p%u.bytes == 0 {
			return strconv.FormatInt(*v.p/u.bytes, 10) + u.suffix
		}
	}
	return ""
}
