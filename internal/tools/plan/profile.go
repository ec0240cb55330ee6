package plan

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// hours is what AWS takes for the length of a month.
const hours = 730.0

// A Profile is traffic: a month of it, and the moment at which the function has most to do.
type Profile struct {
	Name    string
	month   []segment
	repeats float64 // of each rise in it
	// The worst moment: a rate of long, and what follows.
	before float64
	worst  []segment
}

// worstFor is how much of what follows the worst moment is looked at.
const worstFor = 60.0

// MaxRate is the highest rate of a profile, in requests a second.
const MaxRate = 1e6

// Constant is one rate, all month.
func Constant(rate float64) (Profile, error) {
	if err := checkRate(rate); err != nil {
		return Profile{}, err
	}
	return Profile{
		Name: "constant", repeats: 1, month: []segment{{hours * 3600, rate}}, before: rate, worst: []segment{{worstFor, rate}},
	}, nil
}

// Step is a rate all month, except for so many hours of another, which comes all at once.
func Step(from, to, peakHours float64) (Profile, error) {
	if err := errors.Join(checkRate(from), checkRate(to)); err != nil {
		return Profile{}, err
	}
	if !(peakHours > 0 && peakHours <= hours) {
		return Profile{}, fmt.Errorf("the peak lasts %v hours a month; want more than 0 and at most %v", peakHours, hours)
	}
	return Profile{
		Name: "step", repeats: 1, month: []segment{{(hours - peakHours) * 3600, from}, {peakHours * 3600, to}}, before: from,
		worst: []segment{{worstFor, to}},
	}, nil
}

// Day is a day that is the same every day: quiet at 4 in the morning, busiest at 16:00, a sine between.
func Day(low, high float64) (Profile, error) {
	if err := errors.Join(checkRate(low), checkRate(high)); err != nil {
		return Profile{}, err
	}
	const parts = 288
	day := make([]segment, parts)
	for i := range day {
		middle := (float64(i)+0.5)/parts*24 - 4
		day[i] = segment{86400 / parts, low + (high-low)*(1-math.Cos(2*math.Pi*middle/24))/2}
	}
	p := repeated("day", day)
	return p, nil
}

// maxRows is how many rows a profile's file may have: a week in minutes.
const maxRows = 10_080

// ReadProfile reads CSV with the columns seconds and rps: from that second on, so many requests a second. The last row
// lasts as long as the one before it; then it all begins again.
func ReadProfile(r io.Reader) (Profile, error) {
	var at, rate []float64
	lines := bufio.NewScanner(r)
	line := 0
	for lines.Scan() {
		line++
		left, right, two := strings.Cut(strings.TrimSpace(lines.Text()), ",")
		switch {
		case line == 1 && (strings.TrimPrefix(left, "\ufeff") != "seconds" || right != "rps"):
			return Profile{}, fmt.Errorf("line 1: want the columns seconds,rps, not %.40q", lines.Text())
		case line == 1, left == "" && !two:
			continue
		case len(at) == maxRows:
			return Profile{}, fmt.Errorf("line %d: more than %d rows", line, maxRows)
		}
		a, err1 := strconv.ParseFloat(left, 64)
		v, err2 := strconv.ParseFloat(right, 64)
		switch {
		case err1 != nil || math.IsNaN(a) || math.IsInf(a, 0):
			return Profile{}, fmt.Errorf("line %d: seconds: want a number, not %.40q", line, left)
		case err2 != nil:
			return Profile{}, fmt.Errorf("line %d: rps: want a number, not %.40q", line, right)
		case len(at) > 0 && a < at[len(at)-1]+0.001:
			return Profile{}, fmt.Errorf("line %d: %v seconds are not after %v, by a millisecond at least", line, a, at[len(at)-1])
		}
		if err := checkRate(v); err != nil {
			return Profile{}, fmt.Errorf("line %d: rps: %w", line, err)
		}
		at, rate = append(at, a), append(rate, v)
	}
	if err := lines.Err(); err != nil {
		return Profile{}, fmt.Errorf("line %d: %w", line+1, err)
	}
	if line == 0 {
		return Profile{}, errors.New("the file is empty")
	}
	if len(at) < 2 {
		return Profile{}, errors.New("want two rows at least")
	}
	segments := make([]segment, len(at))
	for i := range at {
		next := at[len(at)-1]*2 - at[len(at)-2]
		if i+1 < len(at) {
			next = at[i+1]
		}
		segments[i] = segment{next - at[i], rate[i]}
	}
	if total := at[len(at)-1] - at[0]; total > hours*3600 {
		return Profile{}, fmt.Errorf("%v seconds are longer than a month", total)
	}
	return repeated("file", segments), nil
}

// repeated makes a month of something that comes again and again. Its worst moment is the largest rise, or the
// highest rate if nothing rises by a tenth of that.
func repeated(name string, segments []segment) Profile {
	p := Profile{Name: name}
	total := 0.0
	for _, s := range segments {
		total += s.seconds
	}
	p.repeats = hours * 3600 / total
	highest, worst, rise := 0, -1, 0.0
	for i, s := range segments {
		p.month = append(p.month, segment{s.seconds * p.repeats, s.rate})
		before := segments[(i+len(segments)-1)%len(segments)].rate
		if s.rate > segments[highest].rate {
			highest = i
		}
		if s.rate-before > rise {
			worst, rise = i, s.rate-before
		}
	}
	if worst < 0 || rise < segments[highest].rate/10 {
		p.before, p.worst = segments[highest].rate, []segment{{worstFor, segments[highest].rate}}
		return p
	}
	p.before = segments[(worst+len(segments)-1)%len(segments)].rate
	left := worstFor
	for i := worst; left > 0; i++ {
		s := segments[i%len(segments)]
		s.seconds = min(s.seconds, left)
		left -= s.seconds
		p.worst = append(p.worst, s)
	}
	return p
}

func checkRate(rate float64) error {
	if !(rate >= 0 && rate <= MaxRate) {
		return fmt.Errorf("%v requests a second; want 0 to %v", rate, MaxRate)
	}
	return nil
}

// peak returns the highest rate.
func (p Profile) peak() float64 {
	highest := 0.0
	for _, s := range p.month {
		highest = max(highest, s.rate)
	}
	return highest
}

// requests returns how many there are in a month.
func (p Profile) requests() float64 {
	n := 0.0
	for _, s := range p.month {
		n += s.seconds * s.rate
	}
	return n
}
